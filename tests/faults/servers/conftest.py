"""The world that the tests of this folder share. Each test leaves it whole, and checks all that was ever accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.servers.wired import Wired, a_wired_world


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wired]:
    async with a_wired_world(tmp_path_factory.mktemp("wired")) as found:
        yield found
