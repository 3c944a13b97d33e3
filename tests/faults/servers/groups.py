"""Who is in a consumer group, as the broker knows it; topics that are lost."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

SECONDS = 60


@asynccontextmanager
async def _admin(bus_url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bus_url.removeprefix("kafka://"))
    await asyncio.wait_for(admin.start(), SECONDS)
    try:
        yield admin
    finally:
        await admin.close()


async def members(bus_url: str, service: str) -> dict[str, bytes]:
    """Per member id of a settled group its assignment; empty while the group moves."""
    async with _admin(bus_url) as admin:
        [answer] = await asyncio.wait_for(admin.describe_consumer_groups([f"zhicheng.{service}"]), SECONDS)
    [group] = answer.groups
    _error, _name, state, _type, _protocol, found, *_ = group
    if state != "Stable":
        return {}
    return {member[0]: member[-1] for member in found}


async def lose_topic(bus_url: str, topic: str) -> None:
    async with _admin(bus_url) as admin:
        await asyncio.wait_for(admin.delete_topics([topic]), SECONDS)
