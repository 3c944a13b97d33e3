"""The service without HTTP and bus: handlers on a store, and events that come in as the runner would bring them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

from chassis.bus import Partition, Received
from chassis.callers import CallersFile
from chassis.clock import Clock
from chassis.envelope import decode, to_record
from chassis.fold import Fold, Folded
from chassis.handlers import Delivery, by_type
from chassis.health import Health
from chassis.outbox import Author
from chassis.service import Infra
from chassis.store import Document, Outcome, Store
from chassis.store_sqlite import SqliteStore
from contracts.events import (
    EVENTS,
    AssessmentRequested,
    CaseAmended,
    CaseSubmitted,
    CaseWithdrawn,
    EquivalenceAssessed,
    Event,
    PersonalDataErased,
)
from services.equivalence import policy_files
from services.equivalence.main import build
from services.equivalence.settings import Settings
from services.equivalence.store import CASES

TODAY = date(2024, 6, 1)


def case_id_of(name: str) -> str:
    return "c_" + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:26]


def some_filed_facts(**changes: Any) -> dict[str, Any]:
    """A CGMA holder with a bachelor's degree of 2010 and twelve years of work, three of them in Shanghai."""
    return {
        "education": [{"degree": "bachelor", "field": "accounting", "awarded_year": 2010}],
        "work": [
            {"from": "2012-06", "to": "2021-06", "in_shanghai": False, "in_field": True},
            {"from": "2021-06", "to": None, "in_shanghai": True, "in_field": True},
        ],
        "certificates": [{"certificate": "cgma", "grade": "fellow", "issued": "2016-05", "lapses": None}],
        "employer": {"kind": "company"},
    } | changes


def submitted(name: str = "a case", *, version: str = "1.0", **changes: Any) -> CaseSubmitted:
    return CaseSubmitted.model_validate(_filed(name, version, changes))


def amended(name: str = "a case", *, version: str = "1.0", revision: int = 2, **changes: Any) -> CaseAmended:
    return CaseAmended.model_validate(_filed(name, version, {"revision": revision, **changes}))


def _filed(name: str, version: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_id": case_id_of(name),
        "revision": 1,
        "case_number": "2024-0001-7",
        "round": "demo-2024",
        "round_year": 2024,
        "received_on": "2024-06-01",
        "jurisdiction": "CN-SH",
        "list_version": version,
        "list_digest": policy_files.list_digests().get(version, "sha256:" + "0" * 64),
        "roads": ["overseas"],
        "person": ["p1.somebody"],
        "facts": some_filed_facts(),
        "contact_sealed": "sealed",
    } | changes


def asked_again(
    name: str = "a case", *, revision: int = 1, services: tuple[str, ...] = ("equivalence",)
) -> AssessmentRequested:
    return AssessmentRequested(case_id=case_id_of(name), revision=revision, services=services)


def withdrawn(name: str = "a case", *, revision: int = 1) -> CaseWithdrawn:
    return CaseWithdrawn(case_id=case_id_of(name), revision=revision, case_number="2024-0001-7")


def erased(name: str = "a case") -> PersonalDataErased:
    return PersonalDataErased(case_id=case_id_of(name))


class Office:
    """The service as `main.build` makes it; `hears` hands it the events of one case in one batch."""

    def __init__(self, store: Store, today: date = TODAY) -> None:
        clock = Clock(today)
        self.store = store
        self.author = Author("/equivalence", clock)
        self.infra = Infra(store, None, clock, CallersFile(Path("no-callers.json")), self.author, Health())  # type: ignore[arg-type]
        self.settings = Settings(environment="test")
        self.service = build(self.settings, self.infra)
        self._fold = Fold("equivalence", CASES, self.author, by_type(self.service.subscriptions), handler_seconds=60)
        self._sequences: dict[str, int] = {}

    async def set_up(self) -> None:
        await self.store.setup([CASES, *self.service.collections, "parked"], self.service.indexes)
        assert self.service.setup is not None
        await self.service.setup()

    async def check(self) -> None:
        assert self.service.check is not None
        await self.service.check()

    async def sweep(self) -> int:
        [stones] = self.service.periodic
        return await stones.do()

    async def hears(self, *events: Event) -> Folded:
        """Everything is handled, or the trouble stands in the answer; what was handled is written."""
        folded = await self._fold.key(
            [self._delivery(each) for each in events], await self.store.get(CASES, events[0].case_id)
        )
        if folded.write is not None:
            assert await self.store.write([folded.write]) == [Outcome.WRITTEN]
        return folded

    def _delivery(self, event: Event) -> Delivery:
        self._sequences[event.case_id] = self._sequences.get(event.case_id, 0) + 1
        record = to_record(
            event,
            sequence=self._sequences[event.case_id],
            source="/intake",
            time="2024-06-01T02:00:00.000Z",
            partner_id="partner",
            correlation_id="x",
            causation_id="",
        )
        received = Received(Partition(record.topic, 0), 0, record.topic, record.key, record.headers, record.value, 0)
        read = decode(received, {each.TYPE: each for each in EVENTS})
        assert isinstance(read, Delivery)
        return read

    async def case(self, name: str = "a case") -> Document:
        found = await self.store.get(CASES, case_id_of(name))
        assert found is not None
        return found

    async def said(self, name: str = "a case") -> list[EquivalenceAssessed]:
        """Every event about the case that waits to be sent, in order."""
        pending = [each for each in await self.store.pending(10_000) if each.document_id == case_id_of(name)]
        return [EquivalenceAssessed.model_validate_json(each.record.value) for each in pending]


@asynccontextmanager
async def an_office(folder: Path, *, today: date = TODAY) -> AsyncIterator[Office]:
    store = await SqliteStore.open(f"sqlite:{folder}/equivalence.db?synchronous=normal")
    try:
        office = Office(store, today)
        await office.set_up()
        yield office
    finally:
        await store.close()
