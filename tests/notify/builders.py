"""Events, contacts and a running corner of notify, with good defaults."""

import base64
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

from chassis.bus import Partition, Received
from chassis.clock import Clock, later
from chassis.fold import Fold
from chassis.handlers import Delivery, by_type
from chassis.outbox import Author
from chassis.sealing import Envelope, new_key_pair, seal_for
from chassis.store import Document, Outcome
from chassis.store_sqlite import SqliteStore
from contracts.canonical import canonical_json
from contracts.events import (
    Because,
    CaseAmended,
    CaseDetermined,
    CaseHeld,
    CaseSubmitted,
    CaseWithdrawn,
    Clause,
    EmployerFact,
    EmployerKind,
    Event,
    Exemption,
    Facts,
    Item,
    Level,
    Opens,
    PersonalDataErased,
    Road,
    RoadAnswer,
    Status,
    Text,
)
from services.notify.channels import Channel
from services.notify.consumers import Tell, subscriptions
from services.notify.domain import Backoff, ToldCase
from services.notify.letters import Letters
from services.notify.mail import Mail, Sender
from services.notify.store import COLLECTION, INDEXES, ToldCases, load
from services.notify.use_cases.deliver import Deliver, Pace
from services.notify.use_cases.in_hand import InHand
from services.notify.use_cases.posting import Posting
from services.notify.use_cases.settling import Settling

CASE = "c_" + "a" * 26
NUMBER = "SH26-0001-7"
EMAIL = "wang.xiaoming@example.test"
PRIVATE, PUBLIC = new_key_pair()
LETTERS = Letters()
LEASE = 60.0  # seconds
START = "2026-03-01T02:00:00.000Z"


def case_id(number: int) -> str:
    """Another case each."""
    return "c_" + base64.b32encode(number.to_bytes(16, "big")).decode().lower()[:26]


class SetClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, now: str = START) -> None:
        super().__init__()
        self._now = now

    def now(self) -> str:
        return self._now

    def pass_seconds(self, seconds: float) -> None:
        self._now = later(self._now, seconds)


def sealed(
    case: str = CASE,
    revision: int = 1,
    *,
    email: str = EMAIL,
    language: str = "zh",
    key: tuple[str, bytes] = ("n1", PUBLIC),
    about: str | None = None,
) -> str:
    contact = {"email": email, "phone": None, "language": language}
    return seal_for(dict([key]), canonical_json(contact), about=about or f"{case}/{revision}")


def _filed(case: str, revision: int, contact: str | None) -> dict[str, Any]:
    return {
        "case_id": case,
        "revision": revision,
        "case_number": NUMBER,
        "round": "2026-1",
        "round_year": 2026,
        "received_on": "2026-03-01",
        "jurisdiction": "shanghai",
        "list_version": "3.0",
        "list_digest": "sha256:" + "0" * 64,
        "roads": (Road.ORDINARY, Road.OVERSEAS, Road.COMPETITION),
        "person": ("p1.AAAA",),
        "facts": Facts(employer=EmployerFact(kind=EmployerKind.COMPANY)),
        "contact_sealed": contact or sealed(case, revision),
    }


def submitted(case: str = CASE, *, revision: int = 1, contact: str | None = None) -> CaseSubmitted:
    return CaseSubmitted(**_filed(case, revision, contact))


def amended(case: str = CASE, *, revision: int = 2, contact: str | None = None) -> CaseAmended:
    return CaseAmended(**_filed(case, revision, contact))


def held(case: str = CASE) -> CaseHeld:
    return CaseHeld(case_id=case, revision=1, case_number=NUMBER, reason="duplicate", contact_sealed=sealed(case, 1))


def withdrawn(case: str = CASE, *, revision: int = 1) -> CaseWithdrawn:
    return CaseWithdrawn(case_id=case, revision=revision, case_number=NUMBER)


def erased(case: str = CASE) -> PersonalDataErased:
    return PersonalDataErased(case_id=case)


def item(code: str, zh: str, en: str) -> Item:
    return Item(code=code, text=Text(zh=zh, en=en))


OPEN_IF = RoadAnswer(
    road=Road.OVERSEAS,
    status=Status.OPEN_IF,
    opens=Opens(
        series="accounting",
        level=Level.ASSOCIATE_SENIOR,
        title=Text(zh="高级会计师", en="senior accountant"),
        confidence="inferred",
        only=True,
    ),
    conditions=(item("certificate-verified", "证书须经核验", "The certificate is verified"),),
    clauses=(Clause(id="overseas-ladder", source="S11", confidence="official"),),
)
CLOSED = RoadAnswer(
    road=Road.COMPETITION,
    status=Status.CLOSED,
    missing=(item("no-result", "没有竞赛结果", "No contest result"),),
    notes=(item("see-register", "以登记为准", "The register decides"),),
)
EXEMPTION = Exemption(
    id="hkicpa-cicpa",
    of_the_list=False,
    direction="in",
    mode="exempt-subjects",
    effect=Text(zh="免试部分科目", en="Some subjects are exempt"),
    source="S70",
    year=2004,
    confidence="news",
)


def determined(
    case: str = CASE,
    *,
    number: int = 1,
    revision: int = 1,
    roads: Sequence[RoadAnswer] = (OPEN_IF, CLOSED),
    exemptions: Sequence[Exemption] = (),
    waits_for_officer: bool = False,
) -> CaseDetermined:
    return CaseDetermined(
        case_id=case,
        revision=revision,
        number=number,
        determination_id=f"d_{number}",
        supersedes=number - 1 or None,
        because=Because.FILED if number == 1 else Because.RESULT_IMPORTED,
        case_number=NUMBER,
        roads=tuple(roads),
        exemptions=tuple(exemptions),
        waits_for_officer=waits_for_officer,
    )


def delivery(event: Event, sequence: int, *, at: str = START, partner: str = "partner-1") -> Delivery:
    received = Received(Partition(event.TOPIC, 0), sequence, event.TOPIC, event.case_id, (), b"{}", 0)
    return Delivery(
        received, event.TYPE, event.case_id, "intake", sequence, f"e_{sequence}", at, partner, "corr-1", event
    )


class Inbox:
    """A channel that keeps what it takes; `then` are the answers to the next mails, an exception or None."""

    def __init__(self, *then: Exception | None) -> None:
        self.then = list(then)
        self.mails: list[Mail] = []
        self.rested = 0

    async def send(self, mail: Mail) -> None:
        answer = self.then.pop(0) if self.then else None
        if answer is not None:
            raise answer
        self.mails.append(mail)

    async def rest(self) -> None:
        self.rested += 1


class Corner:
    """notify on a real store: events go through the fold that the runner uses, the sweep is the real one."""

    def __init__(self, store: SqliteStore, clock: SetClock) -> None:
        self.store = store
        self.clock = clock
        self.author = Author("/notify", clock)
        self.cases = ToldCases(store, self.author)
        self.in_hand = InHand(most=0, more=100, begin_seconds=30.0)  # no sender is free: messages are queued
        self._sequence: dict[str, int] = {}

    async def hear(self, *events: Event, partner: str = "partner-1", at: str | None = None) -> None:
        """One batch per event, numbered on."""
        for event in events:
            sequence = self._sequence[event.case_id] = self._sequence.get(event.case_id, 0) + 1
            await self.hear_again(event, sequence, partner=partner, at=at)

    async def hear_again(
        self, event: Event, sequence: int, *, partner: str = "partner-1", at: str | None = None
    ) -> None:
        await self.hear_together([delivery(event, sequence, at=at or self.clock.now(), partner=partner)])

    async def hear_together(self, told: Sequence[Delivery]) -> None:
        """Events of one case in one batch."""
        tell = Tell(LETTERS, self.clock, self.in_hand, Pace(lease=LEASE))
        fold = Fold("notify", COLLECTION, self.author, by_type(subscriptions(tell)), handler_seconds=60)
        written = []
        while True:
            folded = await fold.key(told, await self.store.get(COLLECTION, told[0].key))
            assert not folded.troubles
            if folded.write is None:
                break
            if await self.store.write([folded.write]) == [Outcome.WRITTEN]:
                assert folded.document == await self.store.get(COLLECTION, told[0].key)
                written = [folded.document]
                break
        self.in_hand.saved(written)

    def sender(
        self,
        channel: Channel,
        *,
        envelope: Envelope | None = None,
        backoff: Backoff | None = None,
        at_once: int = 4,
        lease: float = LEASE,
        in_hand: InHand | None = None,
    ) -> Deliver:
        """With `in_hand` of the corner, it sends what the corner's handlers claim; else what is due alone."""
        pace = Pace(backoff or Backoff(), lease=lease, at_once=at_once)
        posting = Posting(
            channel, LETTERS, envelope or Envelope({"n1": PRIVATE}), Sender("titles@zhicheng.invalid", "职称")
        )
        settling = Settling(self.cases, self.clock, pace.backoff)
        if in_hand is None:
            in_hand = InHand(most=pace.in_hand, more=pace.at_once, begin_seconds=pace.begin_seconds)
        return Deliver(self.cases, posting, settling, in_hand, self.clock, pace)

    def sweep(self, channel: Channel, **more: Any) -> "OnePass":
        return OnePass(self.sender(channel, **more))

    async def document(self, case: str = CASE) -> Document:
        found = await self.store.get(COLLECTION, case)
        assert found is not None
        return found

    async def case(self, case: str = CASE) -> ToldCase:
        return load(await self.document(case))

    async def states(self, case: str = CASE) -> dict[str, str]:
        """Step (and what it is about) -> state."""
        return {
            f"{message.step}{message.about or ''}": message.state.value for message in (await self.case(case)).messages
        }

    async def said(self) -> list[str]:
        """Types and steps of the events on their way out, in order."""
        return [f"{dict(entry.record.headers)['ce_type']}" for entry in await self.store.pending(1000)]


class OnePass:
    """One sweep of a sender of its own, and everything sent that it found: how many cases. Cancelled, it is killed."""

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver

    async def __call__(self) -> int:
        found = await self.deliver.sweep()
        await until_sent(self.deliver)
        return found


async def until_sent(deliver: Deliver) -> None:
    """Sends what is in hand until nothing is."""
    try:
        while deliver._in_hand:
            deliver.begin()
            await deliver.sent()
    finally:
        await deliver.cut_off()


@asynccontextmanager
async def corner_at(folder: Any, clock: SetClock | None = None):
    store = await SqliteStore.open(f"sqlite:{folder}/notify.db")
    try:
        await store.setup([COLLECTION], INDEXES)
        yield Corner(store, clock or SetClock())
    finally:
        await store.close()
