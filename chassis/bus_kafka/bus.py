"""The bus port on Kafka: producer, consumers and topics behind one address."""

# mypy: allow-untyped-calls
# (aiokafka has no types of its own)

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from chassis.bus import BusUnavailable, Received, Record, Topic
from chassis.bus_kafka.address import address
from chassis.bus_kafka.consumer import KafkaConsumer, Listener, end_consumer, settings
from chassis.bus_kafka.driver import options
from chassis.bus_kafka.limits import DEFAULT, Limits, name_of
from chassis.bus_kafka.producer import KafkaProducer
from chassis.bus_kafka.reading import read_until
from chassis.bus_kafka.topics import administering, make_missing, partitions
from chassis.calm import calm

calm("aiokafka")


class KafkaBus:
    """`url` as chassis.bus_kafka.address reads it; ValueError for another. Nothing is contacted before it is used."""

    def __init__(self, url: str, limits: Limits = DEFAULT) -> None:
        where = address(url)
        self.server = f"Kafka at {where}"
        self._options = options(where, limits)
        self._limits = limits
        self._producer = KafkaProducer(self._options, limits)
        self._consumers: set[KafkaConsumer] = set()

    async def setup(self, topics: Sequence[Topic]) -> None:
        """Raises BusUnavailable, or TopicDiffers when partitions differ."""
        async with administering(self._options, self._limits) as admin:
            await make_missing(admin, topics)

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        return await self._producer.publish(records)

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> KafkaConsumer:
        """With `member` the membership is static: a restart within the session time moves no partition."""
        driver = AIOKafkaConsumer(
            group_id=group, group_instance_id=member or None, **self._options, **settings(self._limits)
        )
        consumer = KafkaConsumer(driver, self._limits, self._consumers.discard)
        driver.subscribe(list(topics), listener=Listener(consumer))
        try:
            async with asyncio.timeout(self._limits.start):
                await driver.start()
        except BaseException as error:
            await consumer.close()
            if isinstance(error, KafkaError | TimeoutError | OSError):
                raise BusUnavailable(f"the group was not joined: {name_of(error)}") from error
            raise
        self._consumers.add(consumer)
        return consumer

    async def read_all(self, topic: str) -> list[Received]:
        async with administering(self._options, self._limits) as admin:
            count = (await partitions(admin)).get(topic, 0)
        parts = [TopicPartition(topic, number) for number in range(count)]
        driver = AIOKafkaConsumer(**self._options, **settings(self._limits))
        try:
            async with asyncio.timeout(self._limits.ask):
                await driver.start()
                driver.assign(parts)
                starts, ends = await driver.beginning_offsets(parts), await driver.end_offsets(parts)
            wanted = {part: end for part, end in ends.items() if end > starts[part]}
            return sorted(await read_until(driver, wanted, self._limits.ask), key=lambda r: (r.partition, r.offset))
        except (KafkaError, TimeoutError, OSError) as error:
            raise BusUnavailable(f"the topic was not read: {name_of(error)}") from error
        finally:
            await end_consumer(driver, self._limits.stop)

    async def close(self) -> None:
        for consumer in list(self._consumers):
            await consumer.close()
        await self._producer.close()
