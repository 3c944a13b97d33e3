"""The adapters that every test of this folder runs on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.adapters import open_store
from chassis.store import Index, Store
from tests.conformance.store.things import THINGS

INDEXES = (Index(THINGS, ("status", "-at")), Index(THINGS, ("n",)), Index(THINGS, ("tags",)))


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind. `synchronous=normal` keeps what a killed process wrote; only power loss differs."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/store.db?synchronous=normal"
    address: str = request.getfixturevalue("mongo_url")
    return address


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await open_store(url)
    await store.setup([THINGS], INDEXES)
    yield store
    await store.close()


@pytest.fixture
async def other(url: str, store: Store) -> AsyncIterator[Store]:
    """Another way into the same store: a second client, or the same object where only one process may write."""
    if url.startswith("sqlite:"):
        yield store
        return
    second = await open_store(url)
    yield second
    await second.close()
