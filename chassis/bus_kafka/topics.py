"""Topics: which there are, and those that are missing made."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from chassis.bus import BusUnavailable, Topic
from chassis.bus_kafka.limits import Limits, limited, name_of

DAY_MS = 24 * 3600 * 1000
MAX_BATCH_BYTES = 2 << 20  # of a topic: a record of MAX_RECORD_BYTES and what Kafka adds


class TopicDiffers(Exception):
    """A topic is there with another number of partitions. Partitions are never changed in place: make a new topic."""


@asynccontextmanager
async def administering(options: dict[str, Any], limits: Limits) -> AsyncIterator[AIOKafkaAdminClient]:
    """Raises BusUnavailable, also when what is done inside takes too long."""
    admin = AIOKafkaAdminClient(**options)
    try:
        async with asyncio.timeout(limits.ask):
            await admin.start()
            yield admin
    except (KafkaError, TimeoutError, OSError) as error:
        raise BusUnavailable(f"topics are not known: {name_of(error)}") from error
    finally:
        await limited(admin._client.close(), limits.stop)


async def make_missing(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Replication is the broker's default. Raises TopicDiffers when a topic has other partitions."""
    there = await partitions(admin)
    if missing := [topic for topic in topics if topic.name not in there]:
        await _create(admin, missing)
    while not {topic.name for topic in topics} <= there.keys():
        await asyncio.sleep(0.05)
        there = await partitions(admin)
    for topic in topics:
        if there[topic.name] != topic.partitions:
            raise TopicDiffers(f"{topic.name} has {there[topic.name]} partitions, not {topic.partitions}")


async def partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions per topic that is ready for use. Asks for all topics: asking for one by name can create it."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])
    }


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Another process may be faster: that is no error."""
    new = [
        NewTopic(
            topic.name,
            topic.partitions,
            -1,
            replica_assignments={},  # else aiokafka refuses -1, the broker's default
            topic_configs={
                "retention.ms": str(topic.retention_days * DAY_MS),
                "max.message.bytes": str(MAX_BATCH_BYTES),
                "message.timestamp.type": "LogAppendTime",
            },
        )
        for topic in topics
    ]
    answer: Any = await admin.create_topics(new, timeout_ms=10_000)
    for name, code, *_ in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(name)
