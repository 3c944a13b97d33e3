"""A pytest plugin for integrators: zhicheng beside the system under test, without Docker or servers.

Copy this file, name it in your conftest.py (`pytest_plugins = ["embedded_stack"]`), and have the folder of the project
on the Python path and its requirements and pytest-asyncio installed. Each test that takes the fixture `zhicheng` gets
a stack of four processes with data and logins of its own, gone afterwards. Override `zhicheng_date` (its calendar) and
`zhicheng_settings` (variables of the services) in a conftest.py or a test module.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.adapters import open_bus
from contracts.topics import topics
from local.partner import ON_THEIR_WAY, SETTLED, Partner
from local.stack import Stack, free_ports
from local.supervisor import Supervisor

_CASES = "intake.case."
_TOLD = {f"{_CASES}{name}" for name in ("submitted", "amended", "held", "determined", "withdrawn")}  # a message each


class NotIdle(Exception):
    """The stack did not come to rest in time; the message says what it was waiting for."""


@dataclass(frozen=True)
class Event:
    """As consumers read it. `type`: intake.case.determined and so on; `value`: the fields of its JSON Schema."""

    topic: str
    key: str  # the case id
    type: str
    headers: Mapping[str, str]
    value: Mapping[str, Any]


@dataclass(frozen=True)
class EmbeddedStack:
    """`stack.url("intake")` and `stack.credential()` are what a client needs; `running.kill(service)` is kill -9."""

    stack: Stack
    running: Supervisor
    partner: Partner
    filed: set[str] = field(default_factory=set)

    async def file(self, filing: Mapping[str, Any], *, key: str | None = None) -> str:
        """Files an application as the partner `demo-partner`; the case id. The same key never files twice."""
        receipt = await self.partner.submit(filing, key=key or secrets.token_hex(8))
        case_id: str = receipt["case_id"]
        self.filed.add(case_id)
        return case_id

    async def idle(self, *case_ids: str, seconds: float = 30.0) -> None:
        """Until no case waits for a service, and each message is on record. Raises NotIdle.

        `case_ids`: cases that your own client has just filed; those of `file` are known.
        """
        self.filed.update(case_ids)
        end = time.monotonic() + seconds
        while waits_for := await self._waits_for():
            if time.monotonic() > end:
                raise NotIdle(f"Not at rest after {seconds:.0f} s: {waits_for}.")
            await asyncio.sleep(0.02)

    async def events(self, type: str | None = None) -> list[Event]:
        """Everything said so far, topic by topic, each in its order; of one type if it is named."""
        bus = await open_bus(f"local:{self.stack.folder / 'bus.db'}")
        try:
            found = [record for topic in topics() for record in await bus.read_all(topic.name)]
        finally:
            await bus.close()
        read = [
            Event(
                record.topic,
                record.key,
                record.header("ce_type") or "",
                dict(record.headers),
                json.loads(record.value or b"{}"),
            )
            for record in found
        ]
        return [event for event in read if type in (None, event.type)]

    async def _waits_for(self) -> str | None:
        before = await self.events()
        said = Counter(event.key for event in before if event.type.startswith(_CASES))
        types = {(event.key, event.type) for event in before}
        to_tell = Counter(event.key for event in before if event.type in _TOLD)
        heard = Counter(event.key for event in before if event.type.startswith("notify.message."))
        for case_id in self.filed | set(said):
            if not said[case_id]:
                return f"{case_id} is accepted and not announced yet"
            case = await self.partner.application(case_id)
            if case["status"] not in SETTLED:
                return f"{case_id} is {case['status']}"
            ends = case["status"] if case["status"] in ("determined", "withdrawn", "erased") else None
            if ends and (case_id, f"{_CASES}{ends}") not in types:
                return f"{case_id} is {ends} and this is not announced yet"
            if case["status"] == "erased":
                continue
            messages = await self.partner.messages(case_id)
            if len(messages) < to_tell[case_id] or any(message["state"] in ON_THEIR_WAY for message in messages):
                return f"messages of {case_id}: {[(message['step'], message['state']) for message in messages]}"
            lines = [entry for entry in await self.partner.timeline(case_id) if entry["step"].startswith("message-")]
            if len(lines) < heard[case_id]:
                return f"{case_id}: intake has not heard of its messages"
        return None if len(await self.events()) == len(before) else "events are still being said"


@pytest.fixture
def zhicheng_date() -> str:
    """The business date of the stack. Round demo-2026 is open on this one."""
    return "2026-03-01"


@pytest.fixture
def zhicheng_settings() -> dict[str, str]:
    """Variables of the services, such as NOTIFY_SMTP_URL."""
    return {}


@pytest_asyncio.fixture
async def zhicheng(
    tmp_path: Path, zhicheng_date: str, zhicheng_settings: dict[str, str]
) -> AsyncIterator[EmbeddedStack]:
    """A running stack of its own."""
    stack = Stack(
        tmp_path / "zhicheng", port_base=free_ports(), business_date=zhicheng_date, settings=zhicheng_settings
    )
    async with Supervisor(stack) as running, Partner(stack) as partner:
        yield EmbeddedStack(stack, running, partner)
