"""A town on the embedded adapters, or on Apache Kafka and four databases of a MongoDB server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.recomputing import recomputed_everywhere
from tests.servers.kafka import KafkaServer
from tests.servers.mongo import MongoServer
from tests.town import BUILDS, Town

OpenTown = Callable[..., Any]


@pytest.fixture(params=["embedded", "kafka and mongodb"])
async def open_town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenTown]:
    """Opens towns on the servers of this run. At the end everything they have judged is judged once more, elsewhere."""
    urls: dict[str, Any] = {}
    if request.param != "embedded":
        kafka: KafkaServer = request.getfixturevalue("own_kafka")
        mongo: MongoServer = request.getfixturevalue("mongo_server")
        run = secrets.token_hex(4)
        stores = {name: mongo.url(f"zhicheng_{run}_{name}") for name in BUILDS}
        urls = {"bus_url": kafka.url, "store_urls": stores}
        print(f"\n{kafka.name}; {mongo.name}")
    opened: list[Town] = []
    async with AsyncExitStack() as towns:

        async def open_(**settings: Any) -> Town:
            opened.append(await towns.enter_async_context(Town(tmp_path, **{**urls, **settings})))
            return opened[-1]

        yield open_
        for town in opened:
            await recomputed_everywhere(town)


async def same_topics_again(town: Town) -> int:
    """Sends everything that the topics hold once more, in its order; how much that was."""
    from chassis.bus import Record

    records = [
        Record(received.topic, received.key, received.headers, received.value or b"")
        for received in await town.events()
    ]
    bus = town.services["intake"].bus
    for record in records:
        assert await bus.publish([record]) == [True]
    return len(records)
