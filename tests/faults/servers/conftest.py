"""The world that the tests of this folder share. Each test leaves it whole, and checks all that was ever accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.servers.wired import Wired, Worlds

_failed = pytest.StashKey[bool]()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def worlds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worlds]:
    found = Worlds(lambda: tmp_path_factory.mktemp("wired"))
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
