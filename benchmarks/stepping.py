"""A bus that gives out one event at a time, and the next when nothing moves any more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from benchmarks.watching import COLLECTION
from chassis.bus import Bus, Consumer, Partition, Received, Record, Topic
from chassis.store import Cond, Store

PAUSE = 0.001


class Stepper:
    """One turn for all consumers: it is held from a poll that found something to the next poll of that consumer."""

    def __init__(self) -> None:
        self.stores: Mapping[str, Store] = {}
        self.turn = asyncio.Lock()

    async def quiet(self) -> None:
        """Until no event waits to be published and no message to be sent."""
        while await self._moves():  # noqa: ASYNC110 - stores have no event for it
            await asyncio.sleep(PAUSE)

    async def _moves(self) -> bool:
        for store in list(self.stores.values()):
            if await store.pending(1):
                return True
        unsent = {"due_at": Cond("is_not", None)}
        return "notify" in self.stores and await self.stores["notify"].count(COLLECTION, unsent) > 0


class SteppingBus:
    def __init__(self, bus: Bus, stepper: Stepper) -> None:
        self._bus = bus
        self._stepper = stepper
        self.server = bus.server

    async def setup(self, topics: Sequence[Topic]) -> None:
        await self._bus.setup(topics)

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        return await self._bus.publish(records)

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> Consumer:
        return _Stepping(await self._bus.consumer(group, topics, member=member), self._stepper)

    async def read_all(self, topic: str) -> list[Received]:
        return await self._bus.read_all(topic)

    async def close(self) -> None:
        await self._bus.close()


class _Stepping:
    def __init__(self, consumer: Consumer, stepper: Stepper) -> None:
        self._consumer = consumer
        self._stepper = stepper
        self._holds = False

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        self._give_back()
        await self._stepper.turn.acquire()
        self._holds = True
        try:
            await self._stepper.quiet()
            found = await self._consumer.poll(1, 0)
        except BaseException:
            self._give_back()
            raise
        if not found:
            self._give_back()
            await asyncio.sleep(PAUSE)
        return found

    def _give_back(self) -> None:
        if self._holds:
            self._holds = False
            self._stepper.turn.release()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        await self._consumer.commit(offsets)

    def assigned(self) -> set[Partition]:
        return self._consumer.assigned()

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        self._consumer.rewind(offsets)

    def pause(self, partitions: set[Partition]) -> None:
        self._consumer.pause(partitions)

    def resume(self, partitions: set[Partition]) -> None:
        self._consumer.resume(partitions)

    async def lag(self) -> int:
        return await self._consumer.lag()

    async def close(self) -> None:
        self._give_back()
        await self._consumer.close()
