"""Whole topics and group offsets, for backup and restore."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chassis.backup.ports import BusArchive
from chassis.bus import BusUnavailable, Partition, Received, Record, Topic
from chassis.bus_kafka.address import address
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.consumer import end_consumer, settings
from chassis.bus_kafka.driver import options
from chassis.bus_kafka.limits import DEFAULT, Limits, name_of
from chassis.bus_kafka.reading import received
from chassis.bus_kafka.topics import administering, partitions

PAGE = 1000


class KafkaArchive:
    def __init__(self, url: str, limits: Limits = DEFAULT) -> None:
        self._bus = KafkaBus(url, limits)
        self.server = self._bus.server
        self._options = options(address(url), limits)
        self._limits = limits

    async def setup(self, topics: Sequence[Topic]) -> None:
        await self._bus.setup(topics)

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        return await self._bus.publish(records)

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        async with self._reader() as driver:
            return _ours(await driver.end_offsets(await self._parts(topics)))

    async def read(self, topic: str, start: Mapping[Partition, int] | None = None) -> AsyncIterator[Received]:
        async with self._reader() as driver:
            parts = await self._parts([topic])
            driver.assign(parts)
            starts, ends = await driver.beginning_offsets(parts), await driver.end_offsets(parts)
            for part in parts:
                wanted = (start or {}).get(Partition(part.topic, part.partition), 0)
                driver.seek(part, max(starts[part], wanted))
            while left := [part for part in parts if await driver.position(part) < ends[part]]:
                async with asyncio.timeout(self._limits.ask):
                    batch = await driver.getmany(*left, timeout_ms=500, max_records=PAGE)
                    while not batch:
                        batch = await driver.getmany(*left, timeout_ms=500, max_records=PAGE)
                for part, records in batch.items():
                    for record in records:
                        if record.offset < ends[part]:
                            yield received(record)

    async def committed(self, group: str, topics: Sequence[str]) -> dict[Partition, int]:
        async with self._reader(group) as driver:
            parts = await self._parts(topics)
            driver.assign(parts)
            async with asyncio.timeout(self._limits.ask):  # the driver asks a coordinator that is away for ever
                found = {part: await driver.committed(part) for part in parts}
            return _ours({part: offset for part, offset in found.items() if offset is not None})

    async def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        if not offsets:
            return
        async with self._reader(group) as driver:
            named = {TopicPartition(part.topic, part.number): offset for part, offset in offsets.items()}
            driver.assign(list(named))
            async with asyncio.timeout(self._limits.commit):
                await driver.commit(named)

    async def close(self) -> None:
        await self._bus.close()

    async def _parts(self, topics: Iterable[str]) -> list[TopicPartition]:
        async with administering(self._options, self._limits) as admin:
            counts = await partitions(admin)
        return [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]

    @asynccontextmanager
    async def _reader(self, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
        """Reads without being a member of a group; named one, it asks for that group's offsets and sets them."""
        driver = AIOKafkaConsumer(group_id=group, **self._options, **settings(self._limits))
        try:
            async with asyncio.timeout(self._limits.start):
                await driver.start()
            yield driver
        except (KafkaError, TimeoutError, OSError) as error:
            raise BusUnavailable(f"Kafka did not do it: {name_of(error)}") from error
        finally:
            await end_consumer(driver, self._limits.stop)


def _ours(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {Partition(part.topic, part.partition): offset for part, offset in offsets.items()}


_: type[BusArchive] = KafkaArchive
