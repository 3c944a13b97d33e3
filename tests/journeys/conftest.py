"""An embedded stack of four real processes for journeys that look at it from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from local.partner import Partner
from local.stack import Stack, free_ports
from local.supervisor import Supervisor


@dataclass
class Embedded:
    """A running stack, a partner's connection to it, and its calendar."""

    running: Supervisor
    api: Partner
    today: str

    async def on(self, day: str) -> None:
        """Moves the calendar, if it does not stand there."""
        if day != self.today:
            await self.running.restart("intake", business_date=day)
            self.today = day


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    """One stack for all tests of a module."""
    today = "2024-06-01"
    stack = Stack(tmp_path_factory.mktemp("stack") / "data", port_base=free_ports(), business_date=today)
    async with Supervisor(stack) as running, Partner(stack) as api:
        yield Embedded(running, api, today)
