"""A consumer that stands still because too much is parked goes on when operators have let enough go."""

from __future__ import annotations

from dataclasses import replace

from chassis import metrics
from tests.chassis.bench import B, withdrawn
from tests.parked.operator import LONG, Operated
from tests.waiting import until

KEYS = [f"c_{letter * 26}" for letter in "cdefg"]


async def halted(bench: Operated) -> bool:
    return bool(bench.health.halted)


def shown() -> float | None:
    return metrics.REGISTRY.get_sample_value("zhicheng_consumer_halted", {"service": "bench"})


async def halted_by_keys(bench: Operated) -> None:
    bench.bad = {(key, 1) for key in KEYS}
    await bench.bus.publish([withdrawn(key, 1) for key in KEYS])
    await until(lambda: halted(bench), seconds=LONG)
    await bench.bus.publish([withdrawn(B, 1)])


async def test_a_halted_consumer_does_what_is_released_and_goes_on_by_itself(bench: Operated) -> None:
    bench.limits = replace(bench.limits, parked_keys=2)
    async with bench.running():
        await halted_by_keys(bench)
        assert shown() == 1
        assert bench.health.unread is None  # and not what it was before events began to pile up
        bench.bad.clear()
        await bench.done(await bench.release(reason="no-such-thing"))
        await bench.has(B, 1)
        assert not bench.health.halted
        assert shown() == 0
    for key in KEYS:
        assert await bench.revisions(key) == [1]


async def test_it_goes_on_when_enough_was_discarded(bench: Operated) -> None:
    bench.limits = replace(bench.limits, parked_keys=2)
    async with bench.running():
        await halted_by_keys(bench)
        await bench.done(await bench.discard(key=KEYS[0]))
        assert bench.health.halted  # four keys are still more than two
        for key in KEYS[1:3]:
            await bench.done(await bench.discard(key=key))
        await bench.has(B, 1)


async def test_what_comes_while_it_stands_still_is_counted(bench: Operated) -> None:
    """Operators see what piles up."""
    bench.limits = replace(bench.limits, parked_keys=2)
    async with bench.running():
        await halted_by_keys(bench)
        await bench.bus.publish([withdrawn(B, 2), withdrawn(B, 3)])
        await until(lambda: lag_is(3), seconds=LONG)
        assert bench.health.halted


async def lag_is(number: int) -> bool:
    return metrics.REGISTRY.get_sample_value("zhicheng_consumer_lag", {"service": "bench"}) == number


async def test_what_is_refused_again_keeps_it_halted(bench: Operated) -> None:
    bench.limits = replace(bench.limits, parked_keys=2)
    async with bench.running():
        await halted_by_keys(bench)
        progress = await bench.done(await bench.release())
        assert progress.rejected == len(KEYS)
        assert bench.health.halted
        assert await bench.revisions(B) == []


async def test_one_that_was_halted_by_the_share_of_late_goes_on_too(bench: Operated) -> None:
    bench.limits = replace(bench.limits, parked_share=0.003)
    async with bench.running():
        await halted_by_keys(bench)
        bench.bad.clear()
        await bench.done(await bench.release())
        await bench.has(B, 1)
    for key in KEYS:
        assert await bench.revisions(key) == [1]


async def test_what_it_holds_and_what_comes_while_it_stands_still_is_not_lost(bench: Operated) -> None:
    bench.limits = replace(bench.limits, parked_keys=2)
    async with bench.running():
        await halted_by_keys(bench)
        await bench.bus.publish([withdrawn(key, number) for key in KEYS for number in (2, 3)])
        bench.bad.clear()
        await bench.done(await bench.release())
        for key in KEYS:
            await bench.has(key, 1, 2, 3)
