from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.notify.builders import Corner, corner_at


@pytest_asyncio.fixture
async def corner(tmp_path: Path) -> AsyncIterator[Corner]:
    async with corner_at(tmp_path) as ready:
        yield ready
