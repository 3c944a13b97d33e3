"""Whole topics and group offsets, on both adapters of the bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.backup.adapters import open_bus_archive
from chassis.backup.ports import BusArchive
from chassis.bus import BusUnavailable
from tests.conformance.buses import Bench, a_kafka, a_log, a_record, after, no_task_left, numbers, on_both, read


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    opened = a_log(tmp_path) if request.param == "log" else a_kafka(request.getfixturevalue("kafka_server"))
    async with no_task_left(), opened as bench:
        yield bench


@pytest.fixture
async def archive(bench: Bench) -> AsyncIterator[BusArchive]:
    archive = await open_bus_archive(bench.url)
    yield archive
    await archive.close()


@on_both
async def test_a_topic_is_read_whole_and_from_where_it_once_ended(bench: Bench, archive: BusArchive) -> None:
    topic = await bench.topic()
    records = [a_record(topic, f"key {number}", str(number)) for number in range(1510)]
    assert all(await bench.bus.publish(records[:1500]))
    ends = await archive.ends([topic, bench.free_name("topic")])
    assert all(await bench.bus.publish(records[1500:]))

    assert sorted(numbers([received async for received in archive.read(topic)])) == list(range(1510))
    assert sorted(numbers([received async for received in archive.read(topic, ends)])) == list(range(1500, 1510))
    assert [received async for received in archive.read(topic, await archive.ends([topic]))] == []


@on_both
async def test_what_an_empty_topic_holds_is_nothing(bench: Bench, archive: BusArchive) -> None:
    topic = await bench.topic()
    assert [received async for received in archive.read(topic)] == []
    assert [received async for received in archive.read(topic, await archive.ends([topic]))] == []


@on_both
async def test_offsets_of_a_group_are_read_while_it_works(bench: Bench, archive: BusArchive) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    await bench.put(topic, *range(5))
    assert await archive.committed(group, [topic]) == {}
    consumer = await bench.bus.consumer(group, [topic])
    found = await read(consumer, 5)
    done = after(found[:3])
    await consumer.commit(done)

    assert await archive.committed(group, [topic]) == done
    await consumer.close()


@on_both
async def test_a_group_goes_on_where_it_is_set(bench: Bench, archive: BusArchive) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    await bench.put(topic, *range(5))
    all_of_it = [received async for received in archive.read(topic)]

    await archive.commit(group, after(all_of_it[:2]))

    consumer = await bench.bus.consumer(group, [topic])
    assert numbers(await read(consumer, 3)) == [2, 3, 4]
    await consumer.close()


@on_both
async def test_a_group_that_has_a_member_is_not_set(bench: Bench, archive: BusArchive) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    await bench.put(topic, *range(5))
    consumer = await bench.bus.consumer(group, [topic])
    found = await read(consumer, 5)
    await consumer.commit(after(found))

    with pytest.raises(BusUnavailable):
        await archive.commit(group, after(found[:2]))

    assert await archive.committed(group, [topic]) == after(found)
    await consumer.close()
