"""kill -9 of any service, thirty times, while stories and other applications are on their way."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import random
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chassis import parked
from chassis.adapters import open_bus, open_store
from local.partner import Partner
from local.stack import SERVICES, Stack, free_ports
from local.stories import Story, differences, stories
from local.supervisor import Patience, Supervisor
from tests.filings import another_person
from tests.waiting import until

ROUNDS = 30
CLIENTS = 4
SEED = 20241126
DAY = "2024-11-20"  # every story of 2024 may be filed on it


class Load:
    """Clients that file variants of the stories, each with a key of its own, until they are asked to stop.

    A request that finds nobody is sent again with the same key: what it did is known by its receipt alone.
    """

    def __init__(self, api: Partner, dice: random.Random) -> None:
        self._api = api
        self._dice = dice
        self._variants = [story for story in stories() if story.filing.get("round") == "demo-2024"]
        self.stop = asyncio.Event()
        self.receipts: dict[str, dict[str, Any]] = {}  # by key
        self.filings: dict[str, dict[str, Any]] = {}

    async def client(self, number: int) -> None:
        """In bursts of three, then waits until the last one has its answer."""
        count = 0
        while not self.stop.is_set():
            for _ in range(3):
                count += 1
                variant = self._dice.choice(self._variants)
                await self.file(f"client-{number}-{count}", {**variant.filing, "person": another_person()})
            await self._api.settled(self.receipts[f"client-{number}-{count}"]["case_id"])

    async def file(self, key: str, filing: dict[str, Any]) -> None:
        self.filings[key] = filing
        self.receipts[key] = await self._api.submit(filing, key=key)

    async def more(self, count: int) -> None:
        """Until so many more were accepted than at the moment."""
        goal = len(self.receipts) + count

        async def reached() -> bool:
            return len(self.receipts) >= goal

        await until(reached, seconds=180)


@pytest.mark.timeout(1200)
async def test_no_kill_loses_an_application_or_answers_one_twice(tmp_path: Path) -> None:
    """INVARIANT: what was accepted is determined once and told once, whoever was killed while it was on its way.

    Asking again after a time could hide a loss, so it is put off beyond the end of the test.
    """
    settings = {"INTAKE_ANSWER_SECONDS": "3600", "NOTIFY_SMTP_SECONDS": "1", "NOTIFY_LEASE_SECONDS": "2"}
    stack = Stack(tmp_path / "data", port_base=free_ports(), business_date=DAY, settings=settings)
    dice = random.Random(SEED)  # noqa: S311 - to be repeated, not secret
    told = [story for story in stories() if story.filing.get("round") == "demo-2024"]
    kills: Counter[str] = Counter()
    async with AsyncExitStack() as opened:
        running = await opened.enter_async_context(Supervisor(stack, patience=Patience(ready=300.0, quick=0.4)))
        api = await opened.enter_async_context(Partner(stack, seconds=180))
        load = Load(api, dice)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(load.client(number))
            for count in range(ROUNDS):
                victim = dice.choice(SERVICES)
                await running.until_ready(victim)
                if count % 7 == 0 and count // 7 < len(told):
                    group.create_task(load.file(f"story-{told[count // 7].id}", told[count // 7].filing))
                await load.more(dice.randint(1, 6))
                running.kill(victim)
                kills[victim] += 1
            await running.until_ready()
            load.stop.set()
        assert sum(kills.values()) == ROUNDS
        assert set(kills) == set(SERVICES)
        for key, receipt in load.receipts.items():
            assert await api.submit(load.filings[key], key=key) == receipt
        await _answered_once(api, load, kills)
        await _stories_are_as_ever(api, load, told)
    await _nothing_is_left_behind(stack, load)


async def _answered_once(api: Partner, load: Load, kills: Counter[str]) -> None:
    for receipt in load.receipts.values():
        case = await api.settled(receipt["case_id"])
        assert case["status"] in ("determined", "officer"), case
        assert case["determination"]["number"] == 1
        assert case["superseded_determinations"] == []
        assert case["superseded_assessments"] == []
        messages = await api.told(receipt["case_id"])
        one_each = Counter((message["step"], message["kind"], message["recipient"]) for message in messages)
        assert one_each == {("received", "email", "applicant"): 1, ("determined", "email", "applicant"): 1}
        assert {message["state"] for message in messages} == {"delivered"}
        assert all(message["attempts"] <= 1 + kills["notify"] for message in messages)
        steps = Counter(entry["step"] for entry in await api.timeline(receipt["case_id"]))
        assert steps == {"received": 1, "assessed": 2, "determined": 1, "message-delivered": 2}


async def _stories_are_as_ever(api: Partner, load: Load, told: list[Story]) -> None:
    for story in told:
        case_id = load.receipts[f"story-{story.id}"]["case_id"]
        found = differences(story.expected, await api.application(case_id), await api.messages(case_id))
        assert found == [], story.id


async def _nothing_is_left_behind(stack: Stack, load: Load) -> None:
    """A look into the files of the stopped stack."""
    cases = {receipt["case_id"] for receipt in load.receipts.values()}
    for service in SERVICES:
        store = await open_store(stack.store_url(service))
        try:
            assert await store.count(parked.COLLECTION, {}) == 0, service
            assert await store.pending(1) == [], service
            if service == "intake":
                assert await store.count("cases", {}) == len(cases)
        finally:
            await store.close()
    bus = await open_bus(stack.environment("intake")["INTAKE_BUS_URL"])
    try:
        said = await bus.read_all("intake.case.v1")
    finally:
        await bus.close()
    determined = [(each.key, header(each.headers, "ce_id")) for each in said if _is_determination(each.headers)]
    assert Counter(key for key, _ in set(determined)) == dict.fromkeys(cases, 1)
    assert all(len({json.dumps(json.loads(each.value)) for each in group}) == 1 for group in _same_events(said))
    _mails_are_named_by_their_ids(stack.outbox, expected=2 * len(cases))


def _same_events(said: list[Any]) -> list[list[Any]]:
    """Copies of one event: sent again after a kill, and the same to the letter."""
    by_id: dict[str, list[Any]] = {}
    for each in said:
        by_id.setdefault(header(each.headers, "ce_id"), []).append(each)
    return list(by_id.values())


def _mails_are_named_by_their_ids(outbox: Path, *, expected: int) -> None:
    """So a copy replaces its first, and a reader's mail program does the same by the Message-ID."""
    files = sorted(outbox.glob("[!.]*.eml"))
    ids = [
        str(email.message_from_bytes(file.read_bytes(), policy=email.policy.default)["Message-ID"]) for file in files
    ]
    assert len(files) == expected
    assert len(set(ids)) == expected
    assert [id.strip("<>").partition("@")[0] for id in ids] == [file.stem for file in files]


def _is_determination(headers: Any) -> bool:
    return header(headers, "ce_type") == "intake.case.determined"


def header(headers: Any, name: str) -> str:
    return dict(headers).get(name, "")
