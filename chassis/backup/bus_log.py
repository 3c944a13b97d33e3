"""Whole topics and group offsets of the local log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from chassis.backup.ports import BusArchive
from chassis.bus import BusUnavailable, Partition, Received, Record, Topic
from chassis.bus_log import LogBus, received_of
from chassis.bus_log_file import LogFile
from chassis.bus_log_seat import Seat

PAGE = 1000


class LogArchive:
    def __init__(self, file: LogFile) -> None:
        self.server = f"local log, SQLite {file.version}"
        self._file = file
        self._bus = LogBus(file)

    @classmethod
    async def open(cls, path: Path) -> LogArchive:
        return cls(await LogFile.open(path))

    async def setup(self, topics: Sequence[Topic]) -> None:
        await self._bus.setup(topics)

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        return await self._bus.publish(records)

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        return {Partition(topic, 0): self._file.end(topic) for topic in topics if self._file.has_topic(topic)}

    async def read(self, topic: str, start: Mapping[Partition, int] | None = None) -> AsyncIterator[Received]:
        place, end = (start or {}).get(Partition(topic, 0), 0), self._file.end(topic)
        while page := [row for row in self._file.read({topic: place}, PAGE) if row[0] < end]:
            for row in page:
                yield received_of(row)
            place = page[-1][0] + 1
            await asyncio.sleep(0)

    async def committed(self, group: str, topics: Sequence[str]) -> dict[Partition, int]:
        known = self._file.offsets(group)
        return {Partition(topic, 0): known[topic] for topic in topics if topic in known}

    async def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        seat = Seat(self._file.path, group)
        if not seat.take():
            raise BusUnavailable(f"{group} has a member; stop the service first")
        try:
            await self._file.save_offsets(group, {part.topic: offset for part, offset in offsets.items()})
        finally:
            seat.leave()

    async def close(self) -> None:
        await self._bus.close()


_: type[BusArchive] = LogArchive
