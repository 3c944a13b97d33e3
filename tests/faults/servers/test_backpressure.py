"""More work than can be passed on, and a store that does not answer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.servers.groups import members
from tests.faults.servers.wired import MOST_UNSENT, PATIENCE, Wired
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]
AT_ONCE = 16
MOST_MEGABYTES = 150  # more than a flood may cost intake


@pytest.mark.fault("a flood while nothing can be passed on")
async def test_intake_refuses_before_it_falls_over(wired: Wired) -> None:
    """INVARIANT: what waits to be sent is bounded; beyond it intake answers 503 with Retry-After and stores nothing."""
    world = wired.world
    before = memory(world.running.pid("intake"))
    accepted = len(world.filer.accepted)
    with wired.bus.cut():
        refused = await flood(wired)
        assert refused >= AT_ONCE
        assert len(world.filer.accepted) - accepted >= MOST_UNSENT
        assert len(world.filer.accepted) - accepted < 10 * MOST_UNSENT
    assert memory(world.running.pid("intake")) - before < MOST_MEGABYTES
    await wired.check()


@pytest.mark.fault("the store of a consumer does not answer")
async def test_a_consumer_whose_store_does_not_answer_pauses_and_stays_in_its_group(wired: Wired) -> None:
    """INVARIANT: slow storage moves no partition: a rebalance would only add work."""
    service, world = "equivalence", wired.world

    async def waits_for_its_store() -> bool:
        return await wired.measured(service, "zhicheng_store_trouble_total", where="consumer") > before

    async def settled() -> bool:
        return len(await members(world.bus_url, service)) == 1

    await until(settled, seconds=PATIENCE)
    member = await members(world.bus_url, service)
    before = await wired.measured(service, "zhicheng_store_trouble_total", where="consumer")
    with wired.stores[service].toxic("timeout", timeout=0):
        filed = asyncio.create_task(world.filer.file(3))
        await until(waits_for_its_store, seconds=PATIENCE)
        await asyncio.sleep(12)  # longer than its session
        assert await members(world.bus_url, service) == member
    await filed
    await wired.check()
    assert await members(world.bus_url, service) == member


async def flood(wired: Wired) -> int:
    """Files as fast as it can until so many clients at once are refused; how often."""
    refused = 0

    async def client() -> None:
        nonlocal refused
        while refused < AT_ONCE:
            answer = await wired.asked()
            if answer is not None and answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                refused += answer.json()["type"] == "urn:problem:intake:too-many-unsent-events"

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(client())
    return refused


def memory(pid: int | None) -> float:
    """Resident, in MB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
