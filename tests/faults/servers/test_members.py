"""A group moves while a batch is in work: a member comes, goes, and one stands still for longer than its session."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from local.supervisor import ROOT
from tests.faults.servers.groups import members
from tests.faults.servers.wired import PATIENCE, Wired
from tests.servers.folder import free_port
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]
SERVICE = "equivalence"


@pytest.mark.fault("a member joins and leaves its group while batches are in work")
async def test_members_that_come_and_go_lose_nothing_and_do_nothing_twice(wired: Wired) -> None:
    """INVARIANT: who gets a partition goes on where the one before has committed; what was done again has no effect."""
    filer = wired.world.filer
    async with filer.at_work(3):
        await filer.more(6)
        async with another_instance(wired):
            with wired.stores[SERVICE].toxic("latency", latency=200):  # so that a batch takes its time
                await in_group(wired, 2)
                await filer.more(6)
        await in_group(wired, 1)
        await filer.more(6)
    await wired.check()


@pytest.mark.fault("a member stands still past its session")
async def test_a_member_that_stands_still_is_replaced_and_cannot_harm_when_it_wakes(wired: Wired) -> None:
    """INVARIANT: what it still had in hand is refused or repeated: another has handled it meanwhile."""
    filer = wired.world.filer
    async with filer.at_work(3), another_instance(wired) as other:
        await in_group(wired, 2)
        with wired.stores[SERVICE].toxic("latency", latency=200):
            await filer.more(6)
            other.send_signal(signal.SIGSTOP)
            try:
                await in_group(wired, 1)
                await filer.more(6)
            finally:
                other.send_signal(signal.SIGCONT)
            await in_group(wired, 2)
            await filer.more(6)
    await in_group(wired, 1)
    await wired.check()


@asynccontextmanager
async def another_instance(wired: Wired) -> AsyncIterator[asyncio.subprocess.Process]:
    """Of the same service, ready, in the same group; asked to stop at the end."""
    stack, port = wired.world.stack, free_port()
    prefix = SERVICE.upper()
    environment = stack.environment(SERVICE) | {f"{prefix}_PORT": str(port), f"{prefix}_MEMBER": f"{SERVICE}-1"}
    with (stack.folder / "log" / f"{SERVICE}-1.jsonl").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "local.child", SERVICE, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
            cwd=ROOT, env=environment, start_new_session=True,
        )  # fmt: skip

    async def is_ready() -> bool:
        with suppress(httpx.HTTPError):
            return (await client.get("/readyz")).status_code == 200
        return False

    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10.0, trust_env=False) as client:
            await until(is_ready, seconds=PATIENCE)
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def in_group(wired: Wired, count: int) -> None:
    """Until the group has settled with so many members."""

    async def settled() -> bool:
        return len(await members(wired.world.bus_url, SERVICE)) == count

    await until(settled, seconds=PATIENCE)
