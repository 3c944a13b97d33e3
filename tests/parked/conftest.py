"""The bench on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis import parked, releases
from chassis.adapters import open_store
from chassis.bus import Topic
from chassis.bus_log import LogBus
from contracts.events import MessageDelivered
from tests.chassis.bench import TOPIC
from tests.parked.operator import Operated


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/store.db?synchronous=normal"
    address: str = request.getfixturevalue("mongo_url")
    return address


@pytest.fixture
async def bench(url: str, tmp_path: Path) -> AsyncIterator[Operated]:
    store = await open_store(url)
    collections = ["things", parked.COLLECTION, releases.COLLECTION, releases.OUTCOMES]
    await store.setup(collections, [*parked.INDEXES, *releases.INDEXES])
    bus = await LogBus.open(tmp_path / "bus.db")
    await bus.setup([Topic(TOPIC, 1, 30), Topic(MessageDelivered.TOPIC, 1, 30)])
    yield Operated(store, bus)
    await bus.close()
    await store.close()
