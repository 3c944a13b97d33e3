"""The bus port's promises, over both adapters. A gap of one of them is a strict xfail with its reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.bus import MAX_RECORD_BYTES, Partition, Received, Topic
from chassis.bus_kafka.topics import TopicDiffers
from tests.conformance.buses import (
    Bench,
    a_kafka,
    a_log,
    a_record,
    after,
    child,
    gap,
    lines,
    no_task_left,
    nothing_comes,
    numbers,
    on_both,
    read,
)


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    opened = a_log(tmp_path) if request.param == "log" else a_kafka(request.getfixturevalue("kafka_server"))
    async with no_task_left(), opened as bench:
        yield bench


# Publishing


@on_both
async def test_records_of_a_key_keep_their_order_under_concurrent_publishers(bench: Bench) -> None:
    """INVARIANT: order per key, without which a consumer that drops old numbers would lose an event."""
    topic = await bench.topic()
    buses = [bench.bus, await bench.other(), await bench.other()]

    async def one_key(key: str, place: int) -> None:
        for number in range(0, 40, 2):
            two = [a_record(topic, key, str(number)), a_record(topic, key, str(number + 1))]
            assert await buses[place % 3].publish(two) == [True, True]

    await asyncio.gather(*[one_key(f"key {place}", place) for place in range(12)])

    found = await bench.bus.read_all(topic)
    for place in range(12):
        assert numbers([record for record in found if record.key == f"key {place}"]) == list(range(40))


@on_both
async def test_many_records_of_few_keys_in_one_call_keep_their_order(bench: Bench) -> None:
    topic = await bench.topic()
    records = [a_record(topic, f"key {number % 3}", str(number)) for number in range(60)]

    assert all(await bench.bus.publish(records))

    found = await bench.bus.read_all(topic)
    for place in range(3):
        assert numbers([r for r in found if r.key == f"key {place}"]) == list(range(place, 60, 3))


@on_both
async def test_publishing_nothing_answers_nothing(bench: Bench) -> None:
    assert await bench.bus.publish([]) == []


@on_both
async def test_publish_answers_for_each_record(bench: Bench) -> None:
    """What is refused holds back its own key, and no other."""
    topic = await bench.topic()
    large = b"x" * (MAX_RECORD_BYTES + 1)
    records = [
        a_record(topic, "good", "1"),
        a_record(topic, "bad", "2"),
        a_record(topic, "bad", large),
        a_record(topic, "bad", "3"),
        a_record(bench.free_name("no-topic"), "good", "4"),
        a_record(topic, "\ud800", "5"),
        a_record(topic, "good", "6"),
    ]

    assert await bench.bus.publish(records) == [True, True, False, False, False, False, True]

    assert sorted(numbers(await bench.bus.read_all(topic))) == [1, 2, 6]
    assert await bench.bus.publish([a_record(topic, "bad", "3")]) == [True]


@on_both
async def test_setting_topics_up_again_keeps_their_records(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.put(topic, 1)

    await bench.bus.setup([Topic(topic, bench.partitions, 30)])

    assert numbers(await bench.bus.read_all(topic)) == [1]


@gap("log", "a topic of the local log has one partition, whatever is asked for")
async def test_a_topic_with_another_number_of_partitions_is_an_error(bench: Bench) -> None:
    topic = await bench.topic(3)
    with pytest.raises(TopicDiffers, match="has 3 partitions, not 5"):
        await bench.bus.setup([Topic(topic, 5, 30)])


# What comes back


@on_both
async def test_key_headers_and_value_come_back_byte_for_byte(bench: Bench) -> None:
    topic = await bench.topic()
    headers = (("ce_type", "a.b"), ("empty", ""), ("title", "高级工程师 ✓"), ("ce_type", "twice"))
    value = bytes(range(256))
    before = time.time_ns() // 1_000_000
    records = [a_record(topic, "键 ✓", value, headers), a_record(topic, "empty", b"", ())]

    assert all(await bench.bus.publish(records))

    found = {record.key: record for record in await bench.bus.read_all(topic)}
    full, empty = found["键 ✓"], found["empty"]
    assert (full.topic, full.headers, full.value) == (topic, headers, value)
    assert full.header("title") == "高级工程师 ✓"
    assert full.header("none") is None
    assert before - 60_000 < full.at < before + 60_000
    assert (empty.headers, empty.value) == ((), b"")


@on_both
async def test_a_record_of_one_mebibyte_comes_back(bench: Bench) -> None:
    topic = await bench.topic()
    value = bytes(range(256)) * 4096
    assert await bench.bus.publish([a_record(topic, value=value), a_record(topic, value="1")]) == [True, True]

    found = await read(await bench.bus.consumer(bench.free_name(), [topic]), 2)

    assert [record.value for record in found] == [value, b"1"]


@on_both
async def test_a_tombstone_and_a_record_without_headers_are_readable(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.put_raw(topic, "gone", None)
    await bench.put_raw(topic, "bare", b"text")

    found = await read(await bench.bus.consumer(bench.free_name(), [topic]), 2)

    assert sorted((record.key, record.value or b"", record.headers) for record in found) == [
        ("bare", b"text", ()),
        ("gone", b"", ()),
    ]
    assert {record.key: record.value for record in found}["gone"] is None


@on_both
async def test_read_all_gives_what_a_topic_holds_and_only_that(bench: Bench) -> None:
    topic, other = await bench.topic(), await bench.topic()
    assert await bench.bus.read_all(topic) == []
    records = [a_record(topic, f"key {number % 7}", str(number)) for number in range(250)]
    assert all(await bench.bus.publish(records))
    await bench.put(other, 1)

    found = await bench.bus.read_all(topic)

    assert sorted(numbers(found)) == list(range(250))
    assert {record.headers for record in found} == {(("ce_id", "1"),)}
    assert len({(record.partition, record.offset) for record in found}) == 250


# Groups and offsets


@on_both
async def test_a_new_group_reads_from_the_earliest_record(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.put(topic, 1, 2, 3)

    consumer = await bench.bus.consumer(bench.free_name(), [topic])

    assert numbers(await read(consumer, 3)) == [1, 2, 3]


@on_both
async def test_a_consumer_reads_several_topics(bench: Bench) -> None:
    topics = [await bench.topic(), await bench.topic(), await bench.topic()]
    consumer = await bench.bus.consumer(bench.free_name(), topics)
    for number, topic in enumerate(topics):
        await bench.put(topic, number)

    found = await read(consumer, 3)

    assert {record.topic: numbers([record]) for record in found} == {
        topic: [number] for number, topic in enumerate(topics)
    }
    assert {partition.topic for partition in consumer.assigned()} == set(topics)


@on_both
async def test_after_a_commit_the_next_consumer_goes_on_there(bench: Bench) -> None:
    topic, group = await bench.topic(), bench.free_name()
    await bench.put(topic, 1, 2, 3)
    first = await bench.bus.consumer(group, [topic])
    found = await read(first, 3)
    await first.commit(after(found[:2]))
    await first.close()

    second = await bench.bus.consumer(group, [topic])

    assert numbers(await read(second, 1)) == [3]
    assert await nothing_comes(second)


@on_both
async def test_without_a_commit_the_next_consumer_reads_again(bench: Bench) -> None:
    topic, group = await bench.topic(), bench.free_name()
    await bench.put(topic, 1, 2)
    first = await bench.bus.consumer(group, [topic])
    await read(first, 2)
    await first.close()

    second = await bench.bus.consumer(group, [topic])

    assert numbers(await read(second, 2)) == [1, 2]


@on_both
async def test_a_member_that_comes_back_goes_on_at_once(bench: Bench) -> None:
    topic, group = await bench.topic(), bench.free_name()
    await bench.put(topic, 1)
    first = await bench.bus.consumer(group, [topic], member="one")
    await first.commit(after(await read(first, 1)))
    await first.close()
    await bench.put(topic, 2)

    second = await bench.bus.consumer(group, [topic], member="one")

    assert numbers(await read(second, 1)) == [2]


@on_both
async def test_two_groups_are_independent(bench: Bench) -> None:
    topic = await bench.topic()
    one, two = [await bench.bus.consumer(bench.free_name(), [topic]) for _ in range(2)]
    await bench.put(topic, 1, 2)

    await one.commit(after(await read(one, 2)))
    await bench.put(topic, 3)

    assert numbers(await read(two, 3)) == [1, 2, 3]
    assert numbers(await read(one, 1)) == [3]


@on_both
async def test_rewind_reads_again_from_there(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.put(topic, 1, 2, 3, 4)
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    found = await read(consumer, 4)

    consumer.rewind({found[2].partition: found[2].offset})
    assert numbers(await read(consumer, 2)) == [3, 4]

    consumer.rewind({found[0].partition: found[0].offset})
    assert numbers(await consumer.poll(1, 5)) == [1]


@on_both
async def test_records_of_a_paused_partition_stay_and_come_once(bench: Bench) -> None:
    topic, other = await bench.topic(), await bench.topic()
    consumer = await bench.bus.consumer(bench.free_name(), [topic, other])
    await bench.put(topic, 1, 2, 3, 4)
    seen = await consumer.poll(2, 5)
    paused = {partition for partition in consumer.assigned() if partition.topic == topic}

    consumer.pause(paused)
    assert await nothing_comes(consumer)
    await bench.put(topic, 5)
    await bench.put(other, 100)
    assert numbers(await read(consumer, 1)) == [100]
    assert await nothing_comes(consumer)

    consumer.resume(paused)
    seen += await read(consumer, 5 - len(seen))
    assert numbers(seen) == [1, 2, 3, 4, 5]
    assert await nothing_comes(consumer)


@on_both
async def test_a_poll_keeps_to_its_limit_and_its_time(bench: Bench) -> None:
    topic = await bench.topic()
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    began = time.monotonic()
    assert await consumer.poll(10, 0.3) == []
    assert 0.25 < time.monotonic() - began < 20

    await bench.put(topic, *range(25))
    sizes = []
    found: list[Received] = []
    while len(found) < 25:
        batch = await consumer.poll(10, 5)
        sizes.append(len(batch))
        found += batch
    assert max(sizes) <= 10
    assert numbers(found) == list(range(25))


@on_both
async def test_a_waiting_poll_wakes_when_a_record_comes(bench: Bench) -> None:
    topic = await bench.topic()
    other = await bench.other()
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    assert await nothing_comes(consumer)
    began = time.monotonic()

    waiting = asyncio.create_task(consumer.poll(10, 120))
    await asyncio.sleep(0)
    assert await other.publish([a_record(topic, value="1")]) == [True]

    assert numbers(await waiting) == [1]
    assert time.monotonic() - began < 60


@on_both
async def test_lag_counts_what_is_not_read_yet(bench: Bench) -> None:
    topic = await bench.topic()
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    assert await consumer.lag() == 0
    await bench.put(topic, 1, 2, 3)
    assert await consumer.lag() == 3

    found = await consumer.poll(2, 5)
    assert await consumer.lag() == 3 - len(found)

    consumer.rewind({found[0].partition: found[0].offset})
    assert await consumer.lag() == 3


@on_both
async def test_what_is_not_ours_is_not_committed_rewound_or_paused(bench: Bench) -> None:
    topic, strange, group = await bench.topic(), await bench.topic(), bench.free_name()
    await bench.put(topic, 1, 2)
    consumer = await bench.bus.consumer(group, [topic])
    not_ours = {Partition(strange, 0): 5, Partition(topic, 77): 5}

    await consumer.commit(not_ours)
    consumer.rewind(not_ours)
    consumer.pause(set(not_ours))
    consumer.resume(set(not_ours))
    found = await read(consumer, 2)
    await consumer.commit({**not_ours, **after(found)})
    await consumer.close()

    second = await bench.bus.consumer(group, [topic, strange])
    await bench.put(strange, 3)
    assert numbers(await read(second, 1)) == [3]


@on_both
async def test_a_second_consumer_of_a_group_waits_and_goes_on_when_the_first_closes(bench: Bench) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    first = await bench.bus.consumer(group, [topic])
    await bench.put(topic, 1, 2)
    await first.commit(after(await read(first, 2)))
    joining = asyncio.create_task((await bench.other()).consumer(group, [topic]))
    while not joining.done():
        await first.poll(10, 0.1)
    second = await joining
    ours = [consumer for consumer in (first, second) if consumer.assigned()]
    assert len(ours) == 1
    waits = second if ours == [first] else first
    assert await nothing_comes(waits)

    await ours[0].close()
    await bench.put(topic, 3)

    assert numbers(await read(waits, 1)) == [3]


@gap("log", "the local log has one live consumer per group")
async def test_members_of_a_group_share_the_partitions(bench: Bench) -> None:
    topic, group = await bench.topic(4), bench.free_name()
    first = await bench.bus.consumer(group, [topic])
    joining = asyncio.create_task((await bench.other()).consumer(group, [topic]))
    async with asyncio.timeout(90):
        while not (joining.done() and len(first.assigned()) == 2):
            await first.poll(10, 0.1)
            if joining.done():
                assert (await joining).assigned(), "nothing is assigned to the second"
    assert first.assigned().isdisjoint((await joining).assigned())


# Processes that die


ROUNDS = {"log": 10, "kafka": 2}


@on_both
async def test_what_was_acknowledged_survives_kill_9_of_its_publisher(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    """INVARIANT: acknowledged is durable, and the order of a key holds over the break."""
    topic = await bench.topic()
    acknowledged: list[str] = []
    for round_ in range(ROUNDS[request.node.callspec.params["bench"]]):
        process = await child("publish", bench.url, topic, f"round {round_}", "100000")
        acknowledged += await lines(process, 20 + 13 * round_)
        process.kill()
        acknowledged += await lines(process)
        await process.wait()

    found = [f"{record.key} {(record.value or b'').decode()}" for record in await bench.bus.read_all(topic)]
    assert len(acknowledged) > 20
    whole = {line for line in acknowledged if line.count(" ") == 2}
    assert whole <= set(found)
    for key in {line.rsplit(" ", 1)[0] for line in found}:
        stored = [int(line.rsplit(" ", 1)[1]) for line in found if line.startswith(f"{key} ")]
        assert stored == list(range(1, len(stored) + 1))


@on_both
async def test_three_processes_publish_at_once_and_lose_nothing(bench: Bench) -> None:
    topic = await bench.topic()
    processes = [await child("publish", bench.url, topic, f"process {place}", "100") for place in range(3)]

    acknowledged = await asyncio.gather(*[lines(process) for process in processes])
    assert [await process.wait() for process in processes] == [0, 0, 0]

    assert [len(each) for each in acknowledged] == [400, 400, 400]
    found = await bench.bus.read_all(topic)
    assert len(found) == 1200
    for key in {record.key for record in found}:
        assert numbers([record for record in found if record.key == key]) == list(range(1, 101))


@on_both
async def test_another_consumer_takes_over_when_the_first_is_killed(bench: Bench) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    await bench.put(topic, 1, 2)
    process = await child("consume", bench.url, topic, group)
    assert await lines(process, 2) == ["k 1", "k 2"]
    joining = asyncio.create_task(bench.bus.consumer(group, [topic]))

    process.kill()
    await process.wait()
    await bench.put(topic, 3)

    found = await read(await joining, 1)
    assert numbers(found)[-1] == 3
