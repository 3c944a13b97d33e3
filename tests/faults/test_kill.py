"""kill -9 of each service under load, on the embedded adapters and on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import SERVICES
from tests.faults.world import Servers, a_world


@pytest.mark.timeout(1200)
@pytest.mark.fault("kill -9 of each service under load")
async def test_a_killed_service_loses_nothing_and_does_nothing_twice(tmp_path: Path, servers: Servers) -> None:
    """INVARIANT: what was accepted is determined once and told once, whichever service is killed."""
    async with a_world(tmp_path, servers) as world:
        async with world.filer.at_work():
            for service in SERVICES:
                await world.filer.more(3)
                await world.running.until_ready(service)
                world.running.kill(service)
            await world.filer.more(3)
        await world.check()
