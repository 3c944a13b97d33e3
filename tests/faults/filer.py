"""Partners' systems that file, amend and withdraw while things break, and know what was acknowledged to them."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from local.partner import Partner
from local.stories import stories
from tests.faults.observed import Accepted
from tests.filings import a_cgma, another_person
from tests.waiting import until

ROUND = "demo-2024"
DAY = "2024-11-20"  # every story of 2024 may be filed on it
PATIENCE = 300.0


class Refused(AssertionError):
    """An answer that no fault explains."""


class Filer:
    """Every request is sent again until it is answered, so what the system holds is known to the last bit.

    An application has its key, a change names the revision that it replaces: neither can happen twice.
    """

    def __init__(self, api: Partner, *, seed: int = 20241126) -> None:
        self.api = api
        self.accepted: dict[str, Accepted] = {}
        self._dice = random.Random(seed)  # noqa: S311 - to be repeated, not secret
        self._run = secrets.token_hex(4)
        self._count = 0
        self._variants = [story.filing for story in stories() if story.filing.get("round") == ROUND]

    async def file(self, count: int = 1) -> list[str]:
        """So many applications at once; their case ids."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._application()) for _ in range(count)]
        return [task.result() for task in tasks]

    async def amend(self, case_id: str, filing: dict[str, Any]) -> None:
        before = self.accepted[case_id]
        path = f"/v1/applications/{case_id}/filing"
        answer = await self.api.request("intake", "PUT", path, json=filing, headers=_seen(before.revision))
        if answer.status_code != 200 and not _was_done(answer, before.revision + 1):
            raise Refused(f"amendment of {case_id}: {answer.status_code} {answer.text[:300]}")
        self.accepted[case_id] = Accepted(before.revision + 1)

    async def withdraw(self, case_id: str) -> None:
        before = self.accepted[case_id]
        path = f"/v1/applications/{case_id}/withdrawal"
        answer = await self.api.request("intake", "POST", path, headers=_seen(before.revision))
        if answer.status_code != 200:
            raise Refused(f"withdrawal of {case_id}: {answer.status_code} {answer.text[:300]}")
        self.accepted[case_id] = Accepted(before.revision, withdrawn=True)

    @asynccontextmanager
    async def at_work(self, clients: int = 3) -> AsyncIterator[None]:
        """Inside, so many clients file in bursts; each waits for an answer before its next burst."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(stop))
            try:
                yield
            finally:
                stop.set()

    def another(self) -> tuple[str, dict[str, Any]]:
        """A key that was never used, and an application."""
        self._count += 1
        return f"{self._run}-{self._count}", self._filing(self._count)

    async def more(self, count: int, *, seconds: float = PATIENCE) -> None:
        """Until so many more were accepted than at this moment."""
        goal = len(self.accepted) + count

        async def reached() -> bool:
            return len(self.accepted) >= goal

        await until(reached, seconds=seconds)

    async def _client(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            for _ in range(3):
                last = await self._application()
            await self.api.settled(last)

    async def _application(self) -> str:
        """One application; every fourth is amended, some of these again, and every seventh is withdrawn."""
        key, filing = self.another()
        number = self._count
        receipt = await self.api.submit(filing, key=key)
        case_id: str = receipt["case_id"]
        self.accepted[case_id] = Accepted()
        if number % 4 == 0:
            await self.amend(case_id, filing | {"certificates": [a_cgma(issued="2017-03-01")]})
        if number % 8 == 0:
            await self.amend(case_id, filing)
        if number % 7 == 0:
            await self.withdraw(case_id)
        return case_id

    def _filing(self, number: int) -> dict[str, Any]:
        person = another_person()
        person["contact"]["email"] = f"{self._run}-{number}@example.org"
        return {**self._dice.choice(self._variants), "person": person}


def _seen(revision: int) -> dict[str, str]:
    return {"If-Match": f'"{revision}"'}


def _was_done(answer: httpx.Response, revision: int) -> bool:
    """An answer that says that we are too late: our own first try had worked, and its answer was lost."""
    return answer.status_code in (409, 412) and answer.json().get("current_revision") == revision
