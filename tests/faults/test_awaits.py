"""Cancelled at every await of our own frames: the part that was hit is started again, and nothing is lost or twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.running import Running
from tests.faults.checker import Broken, check
from tests.faults.filer import PATIENCE
from tests.faults.injector import Injector, Site, one_in
from tests.faults.observed import Accepted
from tests.faults.reading import observe
from tests.filings import a_filing
from tests.town import BUILDS, PARTNER, Town

# Asking again could hide a loss. A message in the hands of a sender that was cut off must not keep us waiting.
SETTINGS = {"intake": {"answer_seconds": 3600}, "notify": {"smtp_seconds": 1, "lease_seconds": 2}}


@pytest.mark.timeout(1200)
@pytest.mark.fault("cancelled at one await in eight of our own frames")
async def test_what_is_cancelled_anywhere_is_made_good(tmp_path: Path) -> None:
    assert await _strike_everywhere(tmp_path, one_in(8)) > 1


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.fault("cancelled at every await of our own frames")
async def test_what_is_cancelled_at_any_await_is_made_good(tmp_path: Path) -> None:
    """INVARIANT: whatever is cut off where, the next start makes good."""
    assert await _strike_everywhere(tmp_path, lambda site: True) > 60


@pytest.mark.fault("cancelled at every await of a service's start")
async def test_a_start_that_is_cut_off_anywhere_leaves_room_for_the_next(tmp_path: Path) -> None:
    """INVARIANT: what it had opened is closed, and what it had made is found by the next."""
    lines = {f"chassis/running.py:{line}" for _, _, line in Running._start.__code__.co_lines()}
    injector = Injector(lambda site: site[1] in lines, parts=[*BUILDS])
    injector.install()
    try:
        async with Town(tmp_path, settings=SETTINGS) as town:
            for name in BUILDS:
                await town.stop(name)
                while name not in town.services:
                    injector.arm(name)
                    await _start(town, name)
                assert sum(part == name for part, *_ in injector.struck) > 5
            injector.arm()
            await _application(town, 0)
    finally:
        asyncio.get_running_loop().set_task_factory(None)


async def _strike_everywhere(folder: Path, wanted: Callable[[Site], bool]) -> int:
    """Applications, each with a strike at every service and at a request or another task, until two in a row meet no
    suspension point that is new; how many were struck.

    The service that was hit is stopped and started again, as a supervisor does with a process whose task has ended.
    """
    injector = Injector(wanted, parts=[*BUILDS])
    injector.install()
    accepted: dict[str, Accepted] = {}
    strikes: dict[str, list[Site]] = {}
    try:
        async with Town(folder, settings=SETTINGS) as town:
            missed = 0
            while missed < 2:
                before = len(injector.struck)
                injector.arm(*BUILDS, "other")
                case_id = await _application(town, len(accepted))
                injector.arm()
                accepted[case_id] = Accepted(revision=2, withdrawn=True)
                strikes[case_id] = injector.struck[before:]
                missed = 0 if strikes[case_id] else missed + 1
            print(f"\n{len(injector.struck)} suspension points struck in {len(accepted)} applications")
            urls = {name: f"sqlite:{folder}/{name}.db" for name in BUILDS}
            try:
                check(await observe(accepted, _Api(town), urls, f"local:{folder}/bus.db"))
            except Broken as broken:
                where = [f"{case_id}: {strikes[case_id]}" for case_id in strikes if case_id in str(broken)]
                raise Broken("\n".join([str(broken), *where])) from None
    finally:
        asyncio.get_running_loop().set_task_factory(None)
    return len(injector.struck)


async def _application(town: Town, number: int) -> str:
    """Filed, amended, answered and withdrawn, through whatever strikes meanwhile."""
    filing = a_filing()
    receipt = await _until(town, 202, "POST", "/v1/applications", json=filing, headers=_key(number))
    path = f"/v1/applications/{receipt.json()['case_id']}"
    await _until(town, 200, "PUT", f"{path}/filing", json=filing, headers={"If-Match": '"1"'})
    await _rest(town)
    await _until(town, 200, "POST", f"{path}/withdrawal", headers={"If-Match": '"2"'})
    await _rest(town)
    found: str = receipt.json()["case_id"]
    return found


def _key(number: int) -> dict[str, str]:
    return {"Idempotency-Key": f"strike-{number:06}"}


async def _until(town: Town, wanted: int, method: str, path: str, **more: Any) -> httpx.Response:
    """Sent again until it is answered, as a partner does."""
    while True:
        await _mend(town)
        call = asyncio.create_task(town.call("intake", method, path, **more))
        [answer] = await asyncio.gather(call, return_exceptions=True)
        if isinstance(answer, asyncio.CancelledError):
            continue
        assert isinstance(answer, httpx.Response), answer
        if answer.status_code == wanted:
            return answer
        if answer.status_code in (409, 412) and answer.json().get("current_revision") == 2:
            return answer  # our first try had worked
        assert answer.status_code == 503, answer.text


async def _rest(town: Town) -> None:
    """Until nothing moves; what has ended is started again."""
    while True:
        await _mend(town)
        idle = asyncio.create_task(town.idle(seconds=PATIENCE), name="test.idle")
        while not idle.done() and not any(running.failed for running in town.services.values()):
            await asyncio.wait({idle}, timeout=0.02)
        if idle.done():
            return idle.result()
        idle.cancel()
        await asyncio.gather(idle, return_exceptions=True)


async def _mend(town: Town) -> None:
    """Starts again what has ended, as often as its start is struck too."""
    for name in BUILDS:
        while name not in town.services or town.services[name].failed:
            if name in town.services:
                await town.stop(name)
            await _start(town, name)


async def _start(town: Town, name: str) -> None:
    """Or not, when it is struck."""
    start = asyncio.create_task(town.start(name), name="test.start")
    [failure] = await asyncio.gather(start, return_exceptions=True)
    assert failure is None or isinstance(failure, asyncio.CancelledError), failure


class _Api:
    """A partner's connection, as the reader of the checker uses it."""

    def __init__(self, town: Town) -> None:
        self._town = town

    async def request(self, service: str, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._town.call(service, method, path, partner=PARTNER, **more)

    async def timeline(self, case_id: str) -> list[dict[str, Any]]:
        answer = await self.request("intake", "GET", f"/v1/applications/{case_id}/timeline")
        entries: list[dict[str, Any]] = answer.json()["entries"]
        return entries

    async def messages(self, case_id: str) -> list[dict[str, Any]]:
        return await self._town.deliveries(case_id)
