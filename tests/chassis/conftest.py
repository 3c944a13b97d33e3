"""The bench on a store and a bus of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis import parked, releases
from chassis.bus import Topic
from chassis.bus_log import LogBus
from chassis.store_sqlite import SqliteStore
from contracts.events import MessageDelivered
from tests.chassis.bench import TOPIC, Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await SqliteStore.open(f"sqlite:{tmp_path}/store.db?synchronous=normal")
    await store.setup(["things", parked.COLLECTION, releases.COLLECTION, releases.OUTCOMES], [])
    bus = await LogBus.open(tmp_path / "bus.db")
    await bus.setup([Topic(TOPIC, 1, 30), Topic(MessageDelivered.TOPIC, 1, 30)])
    yield Bench(store, bus)
    await bus.close()
    await store.close()
