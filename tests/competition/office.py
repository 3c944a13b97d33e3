"""The service without HTTP and bus: its use cases on a store, and events as the runner would bring them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chassis.adapters import open_store
from chassis.bus import Partition, Received
from chassis.clock import Clock
from chassis.envelope import decode, to_record
from chassis.fold import Fold
from chassis.handlers import Delivery, by_type
from chassis.outbox import Author
from chassis.pseudonyms import Pseudonyms
from chassis.store import Document, Outcome, Store
from contracts.events import (
    AssessmentRequested,
    CaseAmended,
    CaseSubmitted,
    CaseWithdrawn,
    CompetitionAssessed,
    CompetitionFact,
    EmployerFact,
    EmployerKind,
    Event,
    Facts,
    Level,
    PersonalDataErased,
    Role,
    TitleFact,
)
from services.competition import consumers
from services.competition.editions import EditionFacts, load_editions, load_rosters
from services.competition.register import Register
from services.competition.result_file import ResultFile
from services.competition.store import CASES, COLLECTIONS, INDEXES
from services.competition.use_cases.assess import Assess
from services.competition.use_cases.imports import ImportResults
from services.competition.use_cases.reassess import Reassess
from services.competition.use_cases.stones import RemoveStones
from services.competition.view import Views
from tests.builders import make_resident_id

KEY = bytes(range(32))
PSEUDONYMS = Pseudonyms({"p1": KEY})
PARTNER = "filer"
ORGANISER = "organiser"
EDITION, TRACK = "sh-ymec-2024", "2024-smart-mfg"
_numbers = itertools.count(1)


def a_number() -> str:
    """A resident number that no other call has made in this run; region 990000 was never assigned."""
    count = next(_numbers)
    return make_resident_id(region="990000", sequence=count % 1000)


def pseudonyms_of(number: str) -> tuple[str, ...]:
    return tuple(PSEUDONYMS.of("resident-id", number))


def case_id_of(name: str) -> str:
    return "c_" + base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:26]


def a_member_row(number: str, role: str = "technical-lead", **changes: Any) -> dict[str, Any]:
    return {"identity_documents": [{"type": "resident-id", "number": number}], "role": role} | changes


def a_row(project_id: str = "P-1", *team: dict[str, Any], **changes: Any) -> dict[str, Any]:
    row = {"project_id": project_id, "track": TRACK, "stage": "final", "team": list(team) or [a_member_row(a_number())]}
    return row | changes


def a_file(*rows: dict[str, Any], file_id: str = "f-1", **changes: Any) -> dict[str, Any]:
    file = {"edition": EDITION, "organiser": "hrss", "file_id": file_id, "results": "partial", "rows": list(rows)}
    return file | changes


class Office:
    def __init__(self, store: Store, pseudonyms: Pseudonyms = PSEUDONYMS) -> None:
        self.store = store
        self.clock = Clock()
        self.author = Author("/competition", self.clock)
        self.register = Register(store)
        self.views = Views(store, self.register)
        self.moved = asyncio.Event()
        self.imports = ImportResults(store, self.register, pseudonyms, self.clock, self.moved)
        self.reassess = Reassess(store, self.register, self.views, self.author, self.clock)
        self.assess = Assess(self.views, self.clock)
        self.stones = RemoveStones(store, self.clock, stone_days=60)
        subscriptions = consumers.subscriptions(self.assess)
        self._known = {event.TYPE: event for line in subscriptions for event in line.types}
        self._fold = Fold("competition", CASES, self.author, by_type(subscriptions), handler_seconds=60)

    async def set_up(self, *, rosters: bool = False, editions: Sequence[EditionFacts] | None = None) -> None:
        await self.store.setup(COLLECTIONS, INDEXES)
        await self.imports.seed(list(editions or load_editions()), load_rosters() if rosters else [])

    async def take(self, file: dict[str, Any]) -> Document:
        return await self.imports(ResultFile.model_validate(file), partner=ORGANISER)

    async def hears(self, *events: Event) -> None:
        """The events of one case, in one batch."""
        case_id = events[0].case_id
        known = await self.store.get(CASES, case_id)
        last = known.seen.get("intake", 0) if known else 0
        deliveries = [self._delivery(event, sequence) for sequence, event in enumerate(events, start=last + 1)]
        while True:
            folded = await self._fold.key(deliveries, await self.store.get(CASES, case_id))
            assert not folded.troubles, folded.troubles
            assert folded.write is not None
            if await self.store.write([folded.write]) == [Outcome.WRITTEN]:
                return

    def _delivery(self, event: Event, sequence: int) -> Delivery:
        record = to_record(
            event,
            sequence=sequence,
            source="/intake",
            time=self.clock.now(),
            partner_id=PARTNER,
            correlation_id="x",
            causation_id="",
        )
        received = Received(Partition(record.topic, 0), 0, record.topic, record.key, record.headers, record.value, 0)
        read = decode(received, self._known)
        assert isinstance(read, Delivery)
        return read

    async def case(self, case_id: str) -> Document:
        found = await self.store.get(CASES, case_id)
        assert found is not None
        return found

    async def said(self, case_id: str) -> list[CompetitionAssessed]:
        """Every event about the case that waits to be sent, in order."""
        pending = [entry for entry in await self.store.pending(10_000) if entry.document_id == case_id]
        return [CompetitionAssessed.model_validate_json(entry.record.value) for entry in pending]

    async def newest(self, case_id: str) -> CompetitionAssessed:
        return (await self.said(case_id))[-1]


@asynccontextmanager
async def an_office(
    place: Path | str, *, rosters: bool = False, pseudonyms: Pseudonyms = PSEUDONYMS
) -> AsyncIterator[Office]:
    """`place`: a folder for a SQLite file, or the URL of a store."""
    store = await open_store(place if isinstance(place, str) else f"sqlite:{place}/competition.db")
    try:
        office = Office(store, pseudonyms)
        await office.set_up(rosters=rosters)
        yield office
    finally:
        await store.close()


def _facts(competitions: Sequence[tuple[str, str, str]], titles: Sequence[tuple[str, str, int]]) -> Facts:
    return Facts(
        employer=EmployerFact(kind=EmployerKind.COMPANY),
        competitions=tuple(
            CompetitionFact(edition=edition, project_id=project, role=Role(role))
            for edition, project, role in competitions
        ),
        titles=tuple(
            TitleFact(series=series, level=Level(level), appointed_year=year) for series, level, year in titles
        ),
    )


def submitted(
    name: str,
    number: str,
    *competitions: tuple[str, str, str],
    titles: Sequence[tuple[str, str, int]] = (),
    kind: type[CaseSubmitted | CaseAmended] = CaseSubmitted,
    revision: int = 1,
) -> CaseSubmitted | CaseAmended:
    """A case called `name` of the person with this resident number."""
    return kind(
        case_id=case_id_of(name),
        revision=revision,
        case_number="2024-0001-7",
        round="demo-2024",
        round_year=2024,
        received_on="2024-11-20",
        jurisdiction="CN-SH",
        list_version="1.0",
        list_digest="sha256:" + "0" * 64,
        roads=(),
        person=pseudonyms_of(number),
        facts=_facts(competitions, titles),
        contact_sealed="sealed",
    )


def amended(
    name: str, number: str, *competitions: tuple[str, str, str], revision: int = 2
) -> CaseSubmitted | CaseAmended:
    return submitted(name, number, *competitions, kind=CaseAmended, revision=revision)


def withdrawn(name: str) -> CaseWithdrawn:
    return CaseWithdrawn(case_id=case_id_of(name), revision=1, case_number="2024-0001-7")


def erased(name: str) -> PersonalDataErased:
    return PersonalDataErased(case_id=case_id_of(name))


def asked_again(name: str, *, revision: int = 1, services: tuple[str, ...] = ("competition",)) -> AssessmentRequested:
    return AssessmentRequested(case_id=case_id_of(name), revision=revision, services=services)
