"""Half of what the stack can do, offered without mercy, while one thing after another breaks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from local.stack import SERVICES
from tests.faults.servers.held import Load
from tests.faults.servers.wired import Wired, Worlds, in_thread
from tests.faults.world import MEASURED, World, a_world

MEASURE_SECONDS = 10
SHORT, LONG = pytest.param(2, 8, 300, id="short"), pytest.param(8, 15, 60, marks=pytest.mark.long, id="thorough")
Fault = Callable[[], Awaitable[None]]
Note = Callable[[str, object], None]
pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(1800)]


@pytest.mark.fault("half the load that real servers hold, a fault every few seconds")
@pytest.mark.parametrize(("faults", "every", "limit"), [SHORT, LONG])
async def test_the_load_is_held_on_real_servers(
    wired: Wired, worlds: Worlds, record_property: Note, faults: int, every: float, limit: float
) -> None:
    """INVARIANT: whatever was accepted under load and faults is determined and told soon after the last fault."""
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
    found = await held(wired.world, itertools.islice(itertools.cycle(turns), faults), every, limit)
    record_property(MEASURED, found)
    await wired.check()
    await worlds.close()  # the next test need not check thousands of cases


@pytest.mark.fault("half the load that the embedded stack holds, a kill every few seconds")
@pytest.mark.parametrize(("faults", "every", "limit"), [SHORT, LONG])
async def test_the_load_is_held_on_the_embedded_stack(
    tmp_path: Path, record_property: Note, faults: int, every: float, limit: float
) -> None:
    """INVARIANT: the same with four processes on one machine's files."""
    async with a_world(tmp_path) as world:
        turns: Sequence[Fault] = [lambda service=service: killed(world, service) for service in SERVICES]  # type: ignore[misc]
        found = await held(world, itertools.islice(itertools.cycle(turns), faults), every, limit)
        record_property(MEASURED, found)
        await world.check()


async def held(world: World, faults: Iterator[Fault], every: float, limit: float) -> str:
    """Offers half of what the stack holds and breaks something `every` so many seconds, first after half of it.

    How it went, in words. NotTold: `limit` seconds after the last fault something accepted is not told.
    """
    await Load(world).holds(2)  # warm
    rate = max(await Load(world).holds(MEASURE_SECONDS) / 2, 1.0)
    load = Load(world)
    async with load.offered(rate):
        begun = last = time.monotonic()
        count = 0
        for count, fault in enumerate(faults, 1):
            await _until(begun + (count - 0.5) * every)
            await fault()
            last = time.monotonic()
        await _until(begun + count * every)
        offered = time.monotonic() - begun
    await load.until_told(last + limit)
    return (
        f"{len(load.accepted)} applications at {rate:.1f}/s in {offered:.0f} s with {count} faults, asked again "
        f"{load.asked_again} times, all told {time.monotonic() - last:.1f} s after the last fault"
    )


async def _until(when: float) -> None:
    await asyncio.sleep(max(when - time.monotonic(), 0))


async def killed(world: World, service: str) -> None:
    await world.running.until_ready(service)
    world.running.kill(service)
