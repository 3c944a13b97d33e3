"""Two thousand mixed applications on real servers; what was filed, amended and withdrawn is counted afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import real_servers
from tests.faults.world import Servers, World, a_world
from tests.waiting import until

__all__ = ["real_servers"]

APPLICATIONS = 2000
CLIENTS = 8
PATIENCE = 900.0  # a limit, not a measure: a hundred seconds do on two quiet cores


@pytest.mark.timeout(2400)
async def test_two_thousand_applications_with_amendments_and_withdrawals_are_each_answered_and_told_once(
    real_servers: Servers, tmp_path: Path
) -> None:
    async with a_world(tmp_path, real_servers) as world:
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(_files(world, APPLICATIONS // CLIENTS))
        await until(lambda: _at_rest(world), seconds=PATIENCE)

        seen = await world.check()

        accepted = world.filer.accepted
        assert len(accepted) == APPLICATIONS
        withdrawn = {case_id for case_id, told in accepted.items() if told.withdrawn}
        assert len(withdrawn) == APPLICATIONS // 7
        amendments = sum(told.revision - 1 for told in accepted.values())
        assert amendments == APPLICATIONS // 4 + APPLICATIONS // 8
        statuses = Counter(case["status"] for case in seen.cases.values())
        assert statuses["withdrawn"] == len(withdrawn)
        assert statuses["determined"] + statuses["officer"] == APPLICATIONS - len(withdrawn)
        assert set(statuses) == {"withdrawn", "determined", "officer"}
        steps = Counter(message["step"] for messages in seen.messages.values() for message in messages)
        assert (steps["received"], steps["withdrawn"]) == (APPLICATIONS, len(withdrawn))
        assert steps["amended"] == amendments
        assert steps["determined"] >= APPLICATIONS - len(withdrawn)
        for case_id in accepted.keys() - withdrawn:
            assert seen.cases[case_id]["revision"] == accepted[case_id].revision
            assert "cancelled" not in _states(seen.messages[case_id])


async def _files(world: World, count: int) -> None:
    for _ in range(count):
        await world.filer.file()


async def _at_rest(world: World) -> bool:
    """As its partner sees it; what is still on its way between services, the check waits for."""
    await asyncio.sleep(0.5)  # a question is work for the services, too
    if await _some(world, "intake", "/v1/applications", "waiting"):
        return False
    return not any([await _some(world, "notify", "/v1/deliveries", state) for state in ("queued", "sending")])


async def _some(world: World, service: str, path: str, status: str) -> bool:
    found = await world.api.read(service, path, status=status, limit="1")
    return bool(found["items"])


def _states(messages: Sequence[Any]) -> set[str]:
    return {message["state"] for message in messages}
