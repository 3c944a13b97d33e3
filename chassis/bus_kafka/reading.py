"""Records as aiokafka gives them, and a topic read to its end."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from chassis.bus import Partition, Received


async def read_until(driver: AIOKafkaConsumer, ends: dict[TopicPartition, int], patience: float) -> list[Received]:
    """All partitions up to their ends. Raises TimeoutError when nothing comes for `patience` seconds."""
    found: list[Received] = []
    while ends:
        async with asyncio.timeout(patience):
            batch = await driver.getmany(*ends, timeout_ms=500)
            while not batch:
                batch = await driver.getmany(*ends, timeout_ms=500)
            for part, records in batch.items():
                found += [received(record) for record in records if record.offset < ends[part]]
                if await driver.position(part) >= ends[part]:
                    ends.pop(part)
    return found


def received(record: ConsumerRecord[bytes | None, bytes | None]) -> Received:
    headers = tuple((name, _text(value)) for name, value in record.headers)
    part = Partition(record.topic, record.partition)
    return Received(part, record.offset, record.topic, _text(record.key), headers, record.value, record.timestamp)


def _text(raw: bytes | None) -> str:
    """Ours is UTF-8. What somebody else wrote must not stop the reader."""
    return (raw or b"").decode(errors="backslashreplace")
