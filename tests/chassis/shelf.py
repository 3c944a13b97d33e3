"""A bus in memory for what no real one does on demand: rebalances, partitions that come late, commits that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from chassis.bus import Partition, Received, Record, Topic
from tests.chassis.bench import TOPIC


class Shelf:
    """One topic. Records lie in the partition whose number is given with them."""

    server = "shelf"

    def __init__(self) -> None:
        self.records: dict[Partition, list[Received]] = {Partition(TOPIC, number): [] for number in (0, 1)}
        self.committed: dict[Partition, int] = {}
        self.ours = set(self.records)
        self.hidden: set[Partition] = set()  # the broker answers slowly for these
        self.loses_commits = False
        self.deaf = False  # the consumer gives nothing any more
        self.polls = 0
        self.consumers: list[ShelfConsumer] = []

    def put(self, number: int, *records: Record) -> None:
        place = Partition(TOPIC, number)
        for record in records:
            offset = len(self.records[place])
            self.records[place].append(
                Received(place, offset, TOPIC, record.key, record.headers, record.value, at=offset)
            )

    def rebalance(self, *ours: int) -> None:
        """The consumer goes on where the group committed, with these partitions."""
        self.ours = {Partition(TOPIC, number) for number in ours}
        for consumer in self.consumers:
            consumer.positions = {place: self.committed.get(place, 0) for place in self.ours}

    async def setup(self, topics: Sequence[Topic]) -> None: ...

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        return [False] * len(records)

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> ShelfConsumer:
        self.deaf = False
        self.consumers.append(ShelfConsumer(self))
        return self.consumers[-1]

    async def read_all(self, topic: str) -> list[Received]:
        return [received for place in self.records.values() for received in place]

    async def close(self) -> None: ...


class ShelfConsumer:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.positions = {place: shelf.committed.get(place, 0) for place in shelf.ours}
        self.paused: set[Partition] = set()
        self.fetches = False  # the next poll gives nothing: what was paused is fetched again

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        self._shelf.polls += 1
        found: list[Received] = []
        fetching = self.fetches and not self.paused
        self.fetches = self.fetches and not fetching
        if not self._shelf.deaf and not fetching:
            for place in sorted(self.assigned() - self.paused - self._shelf.hidden):
                page = self._shelf.records[place][self.positions[place] :][: limit - len(found)]
                self.positions[place] += len(page)
                found += page
        if not found:
            await asyncio.sleep(min(timeout, 0.01))
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if not self._shelf.loses_commits:
            self._shelf.committed |= {place: offset for place, offset in offsets.items() if place in self._shelf.ours}

    def assigned(self) -> set[Partition]:
        return set(self._shelf.ours)

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        self.positions |= {place: offset for place, offset in offsets.items() if place in self._shelf.ours}

    def pause(self, partitions: set[Partition]) -> None:
        self.paused |= partitions

    def resume(self, partitions: set[Partition]) -> None:
        self.paused -= partitions

    async def lag(self) -> int:
        return sum(len(self._shelf.records[place]) - self.positions[place] for place in self.assigned())

    async def close(self) -> None:
        self._shelf.consumers.remove(self)
