"""The world that the tests of this folder share. Each test leaves it whole, and checks all that was ever accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.servers.wired import Wired, a_wired_world

_failed = pytest.StashKey[bool]()


class Worlds:
    """One at a time; after a test that failed the next one gets another, so that it does not fail for its sake."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._open = AsyncExitStack()
        self._now: Wired | None = None

    async def now(self) -> Wired:
        if self._now is None:
            self._now = await self._open.enter_async_context(a_wired_world(self._folders.mktemp("wired")))
        return self._now

    async def close(self) -> None:
        self._now = None
        await self._open.aclose()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def worlds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worlds]:
    found = Worlds(tmp_path_factory)
    yield found
    await found.close()


@pytest_asyncio.fixture(loop_scope="package")
async def wired(worlds: Worlds, request: pytest.FixtureRequest) -> AsyncIterator[Wired]:
    yield await worlds.now()
    if request.node.stash.get(_failed, True):
        await worlds.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report
