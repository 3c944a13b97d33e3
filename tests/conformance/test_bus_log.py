"""What only the local log has: the datagram, retention, the lock of the file, the folder of the sockets."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from chassis import bus_log, bus_log_file, bus_log_seat
from chassis.adapters import open_bus
from chassis.bus import BusUnavailable, Topic
from chassis.bus_log_seat import LONGEST_SOCKET_PATH, SOCKET_NAME, bells_folder
from tests.conformance.buses import LogBench, a_log, a_record, after, child, lines, no_task_left, numbers, read
from tests.waiting import until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[LogBench]:
    async with no_task_left(), a_log(tmp_path) as bench:
        yield bench


async def test_a_reader_in_another_process_is_woken_by_the_datagram(
    bench: LogBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking by itself is set to once an hour: only the ring can be in time."""
    monkeypatch.setattr(bus_log, "SHORTEST_LOOK", 3600.0)
    monkeypatch.setattr(bus_log, "LONGEST_LOOK", 3600.0)
    topic = await bench.topic()
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    waiting = asyncio.create_task(consumer.poll(10, 60))
    await asyncio.sleep(0.05)

    process = await child("publish", bench.url, topic, "from outside", "1")
    async with asyncio.timeout(90):
        found = await waiting
    await process.wait()

    assert found


async def test_a_ring_is_heard_by_those_alone_who_read_the_topic(
    bench: LogBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    ring = bus_log_seat.Seat._heard

    def heard(seat: bus_log_seat.Seat, bell: socket.socket) -> None:
        rung.append(seat.group)
        ring(seat, bell)

    monkeypatch.setattr(bus_log_seat.Seat, "_heard", heard)
    topics = ["a", "b", "c", "d", "e", "f"]
    await bench.bus.setup([Topic(name, 1, 30) for name in topics])
    await bench.bus.consumer("one", topics[:1])
    await bench.bus.consumer("other", topics[1:3])
    await bench.bus.consumer("many", topics)

    await bench.put(topics[0], 1)
    await until(partial(_holds, lambda: {"one", "many"} <= {*rung}))
    assert "other" not in rung
    await bench.put(topics[2], 1)
    await until(partial(_holds, lambda: "other" in rung))

    assert rung.count("one") == 1


async def _holds(condition: Callable[[], bool]) -> bool:
    return condition()


async def test_a_reader_that_is_killed_and_comes_back_for_other_topics_leaves_no_socket_behind(bench: LogBench) -> None:
    group, first, second = bench.free_name(), await bench.topic(), await bench.topic()
    process = await child("consume", bench.url, first, group)
    await bench.put(first, 1)
    await lines(process, 1)
    process.kill()
    await process.wait()

    await bench.bus.consumer(group, [first, second])

    assert len(list(bells_folder(bench.path().resolve()).glob("*.sock"))) == 1


async def test_a_reader_without_a_socket_finds_records_by_looking(bench: LogBench) -> None:
    topic = await bench.topic()
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    for bell in bells_folder(bench.path().resolve()).glob("*.sock"):
        bell.unlink()

    await bench.put(topic, 1)

    assert numbers(await read(consumer, 1)) == [1]


async def test_the_path_of_a_socket_is_short_however_deep_the_log_lies(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / ("er" * 20) / "bus.db"
    assert len(str(bells_folder(deep) / ("x" * SOCKET_NAME))) <= LONGEST_SOCKET_PATH

    async with a_log(deep.parent) as bench:
        topic = await bench.topic()
        consumer = await bench.bus.consumer(bench.free_name(), [topic])
        await bench.put(topic, 1)
        assert numbers(await read(consumer, 1)) == [1]


async def test_records_older_than_the_retention_of_their_topic_go_in_small_steps(
    bench: LogBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets are never used again: a group that was at the end stays there."""
    monkeypatch.setattr(bus_log_file, "TRIM_SECONDS", 0.0)
    monkeypatch.setattr(bus_log_file, "TRIM_ROWS", 4)
    topic, kept, group = await bench.topic(), await bench.topic(), bench.free_name()
    await bench.put(topic, *range(10))
    await bench.put(kept, 1)
    consumer = await bench.bus.consumer(group, [topic])
    await consumer.commit(after(await read(consumer, 10)))
    with sqlite3.connect(bench.path()) as connection:
        connection.execute("UPDATE records SET at = at - 31 * 24 * 3600 * 1000 WHERE topic = ?", (topic,))
    connection.close()

    await bench.put(kept, 2)
    assert numbers(await bench.bus.read_all(topic)) == [4, 5, 6, 7, 8, 9]
    await bench.put(kept, 3)
    await bench.put(kept, 4)
    assert await bench.bus.read_all(topic) == []
    assert numbers(await bench.bus.read_all(kept)) == [1, 2, 3, 4]

    await bench.put(topic, 11)
    assert numbers(await read(consumer, 1)) == [11]
    assert await consumer.lag() == 0


async def test_a_log_that_another_process_is_writing_is_waited_for(bench: LogBench) -> None:
    topic = await bench.topic()
    other = sqlite3.connect(bench.path(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    publishing = [asyncio.create_task(bench.bus.publish([a_record(topic, value=str(n))])) for n in range(5)]
    done, _ = await asyncio.wait(publishing, timeout=0.3)
    assert not done
    other.execute("COMMIT")
    other.close()

    assert await asyncio.gather(*publishing) == [[True]] * 5
    assert numbers(await bench.bus.read_all(topic)) == [0, 1, 2, 3, 4]


async def test_a_log_that_stays_locked_answers_false_and_refuses_a_commit(
    bench: LogBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_log_file, "WRITE_SECONDS", 0.2)
    topic = await bench.topic()
    await bench.put(topic, 1)
    consumer = await bench.bus.consumer(bench.free_name(), [topic])
    found = await read(consumer, 1)
    other = sqlite3.connect(bench.path(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert await bench.bus.publish([a_record(topic), a_record(topic, key="other")]) == [False, False]
    with pytest.raises(BusUnavailable):
        await consumer.commit(after(found))

    other.execute("ROLLBACK")
    other.close()
    assert await bench.bus.publish([a_record(topic, value="2")]) == [True]
    await consumer.commit(after(found))


async def test_a_caller_that_goes_away_takes_no_other_record_with_it(bench: LogBench) -> None:
    topic = await bench.topic()
    going = asyncio.create_task(bench.bus.publish([a_record(topic, "gone", "1")]))
    staying = asyncio.create_task(bench.bus.publish([a_record(topic, "stays", "2")]))
    await asyncio.sleep(0)
    going.cancel()

    assert await staying == [True]
    assert 2 in numbers(await bench.bus.read_all(topic))


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BusUnavailable):
        await open_bus(f"local:{tmp_path}/file/bus.db")


async def test_several_processes_can_make_the_log_at_the_same_time(tmp_path: Path) -> None:
    buses = await asyncio.gather(*[open_bus(f"local:{tmp_path}/new/bus.db") for _ in range(8)])
    await asyncio.gather(*[bus.setup([Topic("t", 1, 30)]) for bus in buses])
    answers = await asyncio.gather(*[bus.publish([a_record("t")]) for bus in buses])
    assert answers == [[True]] * 8
    for bus in buses:
        await bus.close()


async def test_a_killed_reader_leaves_its_seat_to_the_next_one_at_once(bench: LogBench) -> None:
    topic, group = await bench.topic(), bench.free_name()
    await bench.put(topic, 1)
    process = await child("consume", bench.url, topic, group)
    await lines(process, 1)
    waiting = await bench.bus.consumer(group, [topic])
    assert waiting.assigned() == set()

    process.kill()
    await process.wait()

    async def ours() -> bool:
        await waiting.poll(10, 0.05)
        return bool(waiting.assigned())

    await until(ours)
    await bench.put(topic, 2)
    assert numbers(await read(waiting, 1))[-1] == 2


async def test_a_url_that_names_no_bus_is_refused() -> None:
    for url in ("local:", "kafka://", "redis://host", ""):
        with pytest.raises(ValueError, match=r"a bus URL is|a Kafka URL reads"):
            await open_bus(url)
