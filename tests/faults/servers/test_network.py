"""The lines to store and broker are slow, narrow, cut, half open, or lose the answer."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.servers.wired import Wired
from tests.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]
LONG = pytest.mark.long


@pytest.mark.fault("the network answers 500 ms late")
@pytest.mark.long
async def test_a_slow_network_loses_nothing(wired: Wired) -> None:
    with wired.spoiled(wired.lines, "latency", latency=500):
        await wired.world.filer.file(3)
    await wired.check()


@pytest.mark.fault("the network carries 10 kB/s")
@pytest.mark.long
async def test_a_narrow_network_loses_nothing(wired: Wired) -> None:
    with (
        wired.spoiled(wired.lines, "bandwidth", rate=10),
        wired.spoiled(wired.lines, "bandwidth", towards="server", rate=10),
    ):
        await wired.world.filer.file(3)
    await wired.check()


@pytest.mark.fault("connections are reset")
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=LONG, id="thorough")])
async def test_connections_that_are_reset_lose_nothing(wired: Wired, times: int) -> None:
    """INVARIANT: whatever was on its way when a connection broke happens once."""
    filer = wired.world.filer
    async with filer.at_work(2):
        for _ in range(times):
            await filer.more(3)
            with wired.spoiled(wired.lines, "reset_peer", timeout=20):
                await asyncio.sleep(0.5)  # the fault
    await wired.check()


@pytest.mark.fault("connections are half open")
@pytest.mark.parametrize("seconds", [5, pytest.param(45, marks=LONG, id="thorough")])
@pytest.mark.long
async def test_connections_that_are_half_open_lose_nothing(wired: Wired, seconds: int) -> None:
    """INVARIANT: no call waits for ever for a server that neither answers nor hangs up."""
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(3)
        with wired.spoiled(wired.lines, "timeout", timeout=0):
            await asyncio.sleep(seconds)  # the fault
        await filer.more(3)
    await wired.check()


@pytest.mark.fault("the answer of the store is lost after the write")
@pytest.mark.parametrize("times", [1, pytest.param(5, marks=LONG, id="thorough")])
async def test_an_answer_that_is_lost_after_the_write_does_nothing_twice(wired: Wired, times: int) -> None:
    """INVARIANT: a partner who was told nothing asks again with the same key, and there is one application."""
    store = wired.stores["intake"]
    for _ in range(times):
        with wired.spoiled([store], "limit_data", bytes=1):
            await wired.refused()
        await wired.ask_again()
    await wired.check()


@pytest.mark.fault("the answer of the broker is lost after the publishing")
@pytest.mark.parametrize("times", [1, pytest.param(5, marks=LONG, id="thorough")])
@pytest.mark.long
async def test_an_acknowledgement_that_is_lost_makes_a_repeat_and_no_second_effect(wired: Wired, times: int) -> None:
    """INVARIANT: what may have been published is published again, and handled once."""

    async def not_acknowledged() -> bool:
        return await wired.measured("intake", "zhicheng_publish_failures_total") > before

    for _ in range(times):
        before = await wired.measured("intake", "zhicheng_publish_failures_total")
        with wired.spoiled([wired.bus], "limit_data", bytes=1):
            await wired.world.filer.file(3)
            await until(not_acknowledged, seconds=120)
    await wired.check()
