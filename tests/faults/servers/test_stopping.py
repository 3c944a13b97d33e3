"""SIGTERM under load, with the broker there and with the broker gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest

from local.stack import SERVICES
from tests.faults.servers.wired import Wired, in_thread
from tests.faults.world import World
from tests.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]
GRACE_SECONDS = 45  # stop_grace_period of compose.yaml; what a service itself takes is 10 s at most


@pytest.mark.fault("SIGTERM under load")
async def test_a_service_that_is_asked_to_stop_ends_well_and_loses_nothing(wired: Wired) -> None:
    """INVARIANT: it finishes what it holds, commits, leaves, and exits 0 within its grace time."""
    filer = wired.world.filer
    async with filer.at_work(3):
        for service in SERVICES:
            await filer.more(3)
            await asked_to_stop(wired.world, [service])
        await filer.more(3)
    await wired.check()


@pytest.mark.fault("SIGTERM while the broker is gone")
@pytest.mark.long
async def test_a_service_is_stopped_in_time_although_the_broker_is_gone(wired: Wired) -> None:
    """INVARIANT: it exits 0 all the same; what it could not send is in its outbox, and goes out later."""
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(3)
        await in_thread(wired.broker.stop)
        try:
            await filer.file(3)
            await asked_to_stop(wired.world, SERVICES, come_back=False)
        finally:
            await in_thread(wired.broker.start)
        await wired.world.running.until_ready()
        await filer.more(3)
    await wired.check()


async def asked_to_stop(world: World, services: Sequence[str], *, come_back: bool = True) -> None:
    """Each ends with 0 within its grace time and is started again; `come_back`: until it takes work."""
    await world.running.until_ready(*services)
    heard = len(world.said)
    for service in services:
        pid = world.running.pid(service)
        assert pid is not None
        os.kill(pid, signal.SIGTERM)

    def ends() -> dict[str, str]:
        """How each ended first after it was asked."""
        found: dict[str, str] = {}
        for words in world.said[heard:]:
            service, _, rest = words.partition(" ended (")
            if rest:
                found.setdefault(service, rest.partition(")")[0])
        return found

    async def all_ended() -> bool:
        return ends().keys() >= set(services)

    await until(all_ended, seconds=GRACE_SECONDS)
    assert {service: ends()[service] for service in services} == dict.fromkeys(services, "exit code 0")
    if come_back:
        await world.running.until_ready(*services)
