"""Duplicate, late, reordered, unknown and broken events beside ordinary load, and a calendar that jumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import odd_events as odd
from tests.faults.observed import Parked
from tests.faults.world import Servers, World, a_world
from tests.waiting import until

LISTENERS = ("equivalence", "competition", "notify")
LATE, TURNED, PAST, FUTURE, EMPTY = map(odd.odd_key, ("late", "turned", "past", "future", "empty"))
LONG_AGO, LAST = "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"


@pytest.mark.timeout(1200)
@pytest.mark.fault("duplicate, reordered, delayed, unknown, oversized, empty and unparsable events, missing headers")
async def test_odd_events_are_parked_or_skipped_and_disturb_no_other_case(tmp_path: Path, servers: Servers) -> None:
    """INVARIANT: what cannot be handled is parked by each that hears it, exactly; all else goes on."""
    settings = {f"{service.upper()}_GAP_SECONDS": "600" for service in LISTENERS}
    async with a_world(tmp_path, servers, settings=settings) as world:
        async with world.filer.at_work(2):
            await world.filer.more(3)
            assert await odd.everything_again(world.bus_url) > 0
            unreadable = odd.unreadable()
            await world.inject([each.record for each in unreadable])
            await world.inject_tombstone(EMPTY)
            assert await odd.publish(world.bus_url, [odd.oversized()]) == [False]
            await world.inject([odd.withdrawal(LATE, 3), odd.withdrawal(TURNED, 2)])
            await world.inject([odd.of_tomorrow(LATE, 2), odd.of_tomorrow(TURNED, 1)])
            await world.inject([odd.withdrawal(PAST, 1, at=LONG_AGO), odd.withdrawal(FUTURE, 1, at=LAST)])
            await world.filer.more(3)
            await world.inject([odd.of_tomorrow(LATE, 1)])
            assert await odd.everything_again(world.bus_url) > 0
            await world.filer.more(1)
        for key, sequence in {LATE: 3, TURNED: 2, PAST: 1, FUTURE: 1}.items():
            await _heard(world, key, sequence)
        records = [(each.record.key, each.reason) for each in unreadable] + [(EMPTY, "empty")]
        expected = [Parked(service, key, reason) for service in LISTENERS for key, reason in records]
        await world.check(parked=expected)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.fault("a calendar that jumps back and forth under load")
async def test_a_calendar_that_jumps_loses_nothing(tmp_path: Path, servers: Servers) -> None:
    async with a_world(tmp_path, servers) as world:
        async with world.filer.at_work(2):
            for day in ("2024-01-02", "2024-12-30", "2024-11-20"):
                await world.filer.more(2)
                await world.running.restart("intake", business_date=day)
            await world.filer.more(2)
        await world.check()


async def _heard(world: World, key: str, sequence: int) -> None:
    """Until each listener has handled so many events of the key, in their order: it could not otherwise."""

    async def done() -> bool:
        documents = await world.documents()
        return all(
            key in documents[service] and documents[service][key].heard.get("intake") == sequence
            for service in LISTENERS
        )

    await until(done, seconds=300)
