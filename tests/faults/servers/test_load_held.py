"""Half of what the stack can do, offered without mercy, while one thing after another breaks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from local.stack import SERVICES
from tests.faults.servers.held import Load, complete_per_second
from tests.faults.servers.wired import Wired, in_thread
from tests.faults.world import World, a_world

LIMIT_SECONDS = 300  # to come to rest; what it took is reported
LONG = pytest.mark.long
Fault = Callable[[], Awaitable[None]]
pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(1200)]


@pytest.mark.fault("load held on real servers, a fault every few seconds")
@pytest.mark.parametrize(("faults", "every"), [(2, 8), pytest.param(8, 15, marks=LONG, id="thorough")])
async def test_the_load_is_held_on_real_servers(wired: Wired, faults: int, every: float) -> None:
    """INVARIANT: whatever was accepted under load and faults is determined and told."""
    kills = iter(itertools.cycle(SERVICES))

    async def kill_a_service() -> None:
        await killed(wired.world, next(kills))

    async def restart_the_store() -> None:
        await in_thread(wired.store.stop)
        await in_thread(wired.store.start)

    async def restart_the_broker() -> None:
        await in_thread(wired.broker.stop)
        await in_thread(wired.broker.start)

    turns = [kill_a_service, restart_the_store, kill_a_service, restart_the_broker]
    await held(wired.world, itertools.islice(itertools.cycle(turns), faults), every)
    await wired.check()


@pytest.mark.fault("load held on the embedded stack, a kill every few seconds")
@pytest.mark.parametrize(("faults", "every"), [(3, 4), pytest.param(8, 15, marks=LONG, id="thorough")])
async def test_the_load_is_held_on_the_embedded_stack(tmp_path: Path, faults: int, every: float) -> None:
    """INVARIANT: the same with four processes on one machine's files."""
    async with a_world(tmp_path) as world:
        turns: Sequence[Fault] = [lambda service=service: killed(world, service) for service in SERVICES]  # type: ignore[misc]
        await held(world, itertools.islice(itertools.cycle(turns), faults), every)
        await world.check()


async def held(world: World, faults: Iterator[Fault], every: float) -> None:
    """Offers half of what the stack can do, breaks something `every` so many seconds, and says how it went."""
    await complete_per_second(world, count=20)  # warm
    rate = max(await complete_per_second(world) / 2, 1.0)
    load = Load(world)
    before = len(world.filer.accepted)
    async with load.offered(rate):
        for fault in faults:
            await asyncio.sleep(every)
            await fault()
        last = time.monotonic()
        await asyncio.sleep(every / 2)
    await world.idle(seconds=LIMIT_SECONDS)
    print(
        f"{len(world.filer.accepted) - before} applications at {rate:.1f}/s, asked again {load.asked_again} times, "
        f"at rest {time.monotonic() - last:.1f} s after the last fault"
    )


async def killed(world: World, service: str) -> None:
    await world.running.until_ready(service)
    world.running.kill(service)
