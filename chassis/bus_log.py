"""The bus as a durable log in one file, shared by the processes of one machine: the embedded default.

Promises: order per key (in fact per topic), at least once, own position per group, survives kill -9 and power loss,
size bounded by retention. One live consumer per group: another one waits and takes over when the first is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

from chassis.bus import BusUnavailable, Partition, Received, Record, Topic, storable
from chassis.bus_log_file import LogFile, Row
from chassis.bus_log_seat import Seat

SHORTEST_LOOK = 0.005  # seconds between two looks at the log when nobody can ring
LONGEST_LOOK = 0.1  # when nobody did
DAY_MS = 24 * 3600 * 1000


class LogBus:
    """`local:PATH`. Every topic has one partition, number 0; offsets rise through all topics and have holes."""

    def __init__(self, file: LogFile) -> None:
        self.server = "local log, SQLite " + file.version
        self._file = file
        self._consumers: set[LogConsumer] = set()

    @classmethod
    async def open(cls, path: Path) -> LogBus:
        """Raises BusUnavailable when the file cannot be opened, FileRefused on a network file system."""
        return cls(await LogFile.open(path))

    async def setup(self, topics: Sequence[Topic]) -> None:
        await self._file.add_topics({topic.name: topic.retention_days * DAY_MS for topic in topics})

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        now = time.time_ns() // 1_000_000
        try:
            topics = {record.topic for record in records}
            answers = storable(records, {topic for topic in topics if self._file.has_topic(topic)})
            await self._file.append(
                [
                    (record.topic, now, record.key, orjson.dumps(record.headers).decode(), record.value)
                    for record, ok in zip(records, answers, strict=True)
                    if ok
                ]
            )
        except BusUnavailable:
            return [False] * len(records)
        return answers

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> LogConsumer:
        """`member` has no use here: whoever sits on the group's seat reads everything."""
        if missing := [topic for topic in topics if not self._file.has_topic(topic)]:
            raise BusUnavailable(f"no such topic: {', '.join(missing)}")
        consumer = LogConsumer(self._file, group, topics, self._consumers.discard)
        self._consumers.add(consumer)
        return consumer

    async def read_all(self, topic: str) -> list[Received]:
        found: list[Received] = []
        start, end = 0, self._file.end(topic)
        while page := [row for row in self._file.read({topic: start}, 1000) if row[0] < end]:
            found += [received_of(row) for row in page]
            start = page[-1][0] + 1
            await asyncio.sleep(0)
        return found

    async def close(self) -> None:
        for consumer in list(self._consumers):
            await consumer.close()
        await self._file.close()


class LogConsumer:
    """Reads once it sits on the seat of its group; until then nothing is assigned to it and its polls are empty."""

    def __init__(self, file: LogFile, group: str, topics: Sequence[str], closed: Callable[[LogConsumer], None]) -> None:
        self._file = file
        self._group = group
        self._topics = tuple(topics)
        self._closed = closed
        self._seat = Seat(file.path, group, topics)
        self._positions: dict[str, int] = {}
        self._paused: set[str] = set()
        self._look = SHORTEST_LOOK
        self._sits()

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        deadline = time.monotonic() + timeout
        await asyncio.sleep(0)  # a full log must not keep others from running
        while True:
            self._seat.clear()
            if self._sits() and (found := self._read(limit)):
                self._look = SHORTEST_LOOK
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            await self._seat.wait(min(LONGEST_LOOK if self._seat.hears else self._look, left))
            self._look = min(self._look * 2, LONGEST_LOOK)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        await self._file.save_offsets(self._group, self._ours(offsets))

    def assigned(self) -> set[Partition]:
        return {Partition(topic, 0) for topic in self._positions}

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        self._positions |= self._ours(offsets)

    def pause(self, partitions: set[Partition]) -> None:
        self._paused |= self._ours(dict.fromkeys(partitions, 0)).keys()

    def resume(self, partitions: set[Partition]) -> None:
        self._paused -= self._ours(dict.fromkeys(partitions, 0)).keys()

    async def lag(self) -> int:
        return sum(self._file.count(topic, place) for topic, place in self._positions.items())

    async def close(self) -> None:
        self._positions.clear()
        self._seat.leave()
        self._closed(self)

    def _sits(self) -> bool:
        """Sits down if the seat is free, and starts where the group is."""
        if self._seat.taken:
            return True
        try:
            taken = self._seat.take()
        except OSError as error:
            raise BusUnavailable(f"the seat of the group cannot be taken: {error}") from error
        if taken:
            known = self._file.offsets(self._group)
            self._positions = {topic: known.get(topic, 0) for topic in self._topics}
        return taken

    def _read(self, limit: int) -> list[Received]:
        wanted = {topic: place for topic, place in self._positions.items() if topic not in self._paused}
        found = [received_of(row) for row in self._file.read(wanted, limit)]
        for received in found:
            self._positions[received.topic] = received.offset + 1
        return found

    def _ours(self, offsets: Mapping[Partition, int]) -> dict[str, int]:
        ours = self.assigned()
        return {part.topic: place for part, place in offsets.items() if part in ours}


def received_of(row: Row) -> Received:
    place, topic, at, key, headers, value = row
    return Received(Partition(topic, 0), place, topic, key, tuple(map(tuple, orjson.loads(headers))), value, at)
