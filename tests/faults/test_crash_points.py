"""Each service kills itself with SIGKILL at each named point, on its first and on its third passage, under load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from chassis.crash_points import AFTER_DATA, EVERYWHERE, POINTS
from local.stack import SERVICES
from tests.faults.world import Servers, a_world
from tests.waiting import until

Plans = Mapping[str, list[str]]

EACH_POINT_ONCE: Plans = {
    "intake": ["after-publish 1", "before-commit 3"],
    "equivalence": ["before-decode 1", "after-mark 3"],
    "competition": ["after-save 1", "after-commit 3"],
    "notify": [f"{AFTER_DATA} 1", "after-handle 3", "before-mark 1"],
}
ALL: Plans = {
    service: [
        f"{point} {passage}"
        for point in (*EVERYWHERE, *([AFTER_DATA] if service == "notify" else []))
        for passage in (1, 3)
    ]
    for service in SERVICES
}


def test_the_short_form_has_each_point() -> None:
    assert sorted(line.split()[0] for lines in EACH_POINT_ONCE.values() for line in lines) == sorted(POINTS)


@pytest.mark.timeout(1500)
@pytest.mark.fault("SIGKILL at each crash point, once over all services")
async def test_nothing_is_lost_or_done_twice_at_any_crash_point(tmp_path: Path, real_servers: Servers) -> None:
    """INVARIANT: one aggregate, one write; offsets move after the work is saved."""
    await _crash(tmp_path, real_servers, EACH_POINT_ONCE, seconds=900)


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.fault("SIGKILL at each crash point of each service, first and third passage")
async def test_no_service_loses_anything_at_any_crash_point(tmp_path: Path, servers: Servers) -> None:
    await _crash(tmp_path, servers, ALL, seconds=1200)


async def _crash(folder: Path, servers: Servers, plans: Plans, *, seconds: float) -> None:
    """Applications are filed until every service has died as often as its plan says; the checker ends it."""
    files = {service: folder / f"{service}.plan" for service in plans}
    for service, file in files.items():
        file.write_text("\n".join(plans[service]), "utf-8")
    settings = {f"{service.upper()}_CRASH_PLAN": str(file) for service, file in files.items()}

    async def over() -> bool:
        return not any(_left(files.values()))

    async with a_world(folder, servers, settings=settings) as world:
        async with world.filer.at_work():
            await until(over, seconds=seconds)
        await world.check()
        assert {service: world.deaths[service] for service in plans} == {
            service: len(lines) for service, lines in plans.items()
        }


def _left(files: Iterable[Path]) -> list[str]:
    return [line for file in files for line in file.read_text("utf-8").split("\n") if line]
