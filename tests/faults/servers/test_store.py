"""The store stops, dies, and has a disk that is full or may only be read."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.faults.servers.wired import Wired, in_thread
from tests.servers import absent

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]


@pytest.mark.fault("the store is stopped for a while, killed, and started again")
@pytest.mark.parametrize("seconds", [10, pytest.param(30, marks=pytest.mark.long, id="thorough")])
async def test_a_store_that_is_stopped_and_killed_loses_nothing_that_was_accepted(wired: Wired, seconds: int) -> None:
    """INVARIANT: while the store is away nothing is accepted; what was is done when the store is back."""
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(6)
        await in_thread(wired.store.stop)
        assert_asks_to_come_again(await wired.refused())
        await asyncio.sleep(seconds)  # the fault
        await in_thread(wired.store.start)
        await filer.more(6)
        await in_thread(wired.store.kill)
        await in_thread(wired.store.start)
        await filer.more(6)
    await wired.check()


@pytest.mark.fault("the disk of the store is full")
@pytest.mark.long
async def test_a_full_disk_refuses_and_loses_nothing(wired: Wired) -> None:
    """INVARIANT: what cannot be stored is not accepted. With room again, and the server started anew, all goes on."""
    disk = wired.own_store or absent("a disk that can be filled needs a Docker engine")
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(6)
        await in_thread(disk.fill)
        try:
            assert_asks_to_come_again(await wired.refused())
        finally:
            await in_thread(disk.make_room)
            await in_thread(disk.power_off)
            await in_thread(disk.power_on)
        await filer.more(6)
    await wired.check()


@pytest.mark.fault("the disk of the store may only be read")
@pytest.mark.long
async def test_a_disk_that_may_only_be_read_refuses_and_loses_nothing(wired: Wired) -> None:
    """INVARIANT: as with a full disk. MongoDB's storage engine does not start on such a disk at all."""
    disk = wired.own_store or absent("a disk of its own needs a Docker engine")
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(6)
        await in_thread(disk.power_off)
        await in_thread(lambda: disk.power_on(read_only=True))
        try:
            assert_asks_to_come_again(await wired.refused())
        finally:
            await in_thread(disk.power_off)
            await in_thread(disk.power_on)
        await filer.more(6)
    await wired.check()


def assert_asks_to_come_again(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
