"""Two releases at once: services are replaced one by one under load, and put back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from chassis.version import VERSION
from tests.faults.observed import Observed
from tests.faults.releases import FIELD, NEXT, TYPE, next_release
from tests.faults.world import Servers, World, a_world

READERS_FIRST = ("equivalence", "competition", "notify", "intake")


async def versions(world: World) -> set[str]:
    answers = [await world.api.request(name, "GET", "/version") for name in READERS_FIRST]
    return {answer.json()["version"] for answer in answers}


def filings(seen: Observed) -> Counter[bool]:
    """How many filings were said without and with the new field."""
    said = [each for each in seen.said if each.type in ("intake.case.submitted", "intake.case.amended")]
    return Counter(FIELD in json.loads(each.value or b"{}") for each in said)


@pytest.mark.timeout(1200)
@pytest.mark.fault("every service replaced by the next release and put back, under load")
async def test_two_releases_work_side_by_side(tmp_path: Path, servers: Servers) -> None:
    """INVARIANT: an update and the way back, service by service, lose nothing and do nothing twice."""
    code = next_release(tmp_path / "next")
    async with a_world(tmp_path, servers) as world:
        async with world.filer.at_work():
            await world.filer.more(3)
            assert await versions(world) == {VERSION}
            for service in READERS_FIRST:
                await world.running.restart(service, code=code)
                await world.filer.more(3)
            assert await versions(world) == {NEXT}
            await world.filer.more(6)
            for service in reversed(READERS_FIRST):
                await world.running.restart(service)
                await world.filer.more(3)
            assert await versions(world) == {VERSION}
        seen = await world.check()
    assert filings(seen)[False] > 0 < filings(seen)[True]
    assert TYPE in {each.type for each in seen.said}
