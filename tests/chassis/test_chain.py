"""What a reader must have handled before an event, when it hears some types only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import chain
from chassis.bus import Partition, Received, Record
from chassis.clock import Clock
from chassis.envelope import decode
from chassis.fold import Fold
from chassis.handlers import Delivery, Save, by_type, on_delivery
from chassis.outbox import Author
from chassis.store import Document
from contracts.events import (
    AssessmentRequested,
    CaseDetermined,
    CaseHeld,
    CaseWithdrawn,
    Event,
)
from tests.chassis.bench import A

PATIENT = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS: tuple[type[Event], ...] = (AssessmentRequested, CaseHeld, CaseWithdrawn)


def an_event(kind: type[Event]) -> Event:
    fields = {"case_id": A, "revision": 1, "case_number": "n", "services": (), "reason": "", "contact_sealed": ""}
    return kind.model_validate(fields)


def the_records(kinds: Sequence[type[Event]], old: frozenset[int] = frozenset()) -> list[Record]:
    """What an author says of one key, one write each.

    The numbers in `old` come from a version that says nothing of the events before and keeps no account of them.
    """
    author = Author("/intake", Clock())
    document = Document(A, 1, {}, {}, 0)
    records = []
    for number, kind in enumerate(kinds, start=1):
        write = author.change("cases", document, {}, events=[an_event(kind)])
        [outgoing] = write.events
        record, data = outgoing.record, {**document.data, **write.fields}
        if number in old:
            headers = tuple(pair for pair in record.headers if pair[0] != "ce_before")
            record, data = Record(record.topic, record.key, headers, record.value), document.data
        records.append(record)
        document = Document(A, document.version + 1, data, {}, outgoing.sequence)
    return records


class Reader:
    """A service that hears some of the types and notes the numbers that it handles."""

    def __init__(self, heard: Sequence[type[Event]]) -> None:
        self.handled: list[int] = []
        self.known = {kind.TYPE: kind for kind in heard}
        subscriptions = [on_delivery(kind, do=self.note) for kind in heard]
        self.fold = Fold("reader", "things", Author("/reader", Clock()), by_type(subscriptions), handler_seconds=60)
        self.document: Document | None = None
        self.waiting: list[Delivery] = []

    async def note(self, event: Event, document: Document | None, delivery: Delivery) -> Save | None:
        self.handled.append(delivery.sequence)
        return None

    async def hears(self, *records: Record) -> None:
        """In one batch with what still waits. Its document is what was written."""
        folded = await self.fold.key([*self.waiting, *(self.delivery(record) for record in records)], self.document)
        if folded.write is not None:
            before = self.document.seen if self.document else {}
            self.document = Document(A, 1, dict(folded.write.fields), {**before, **folded.write.seen}, 0)
        self.waiting = folded.left

    def delivery(self, record: Record) -> Delivery:
        received = Received(Partition("t", 0), 0, record.topic, record.key, record.headers, record.value, 0)
        read = decode(received, self.known)
        assert isinstance(read, Delivery)
        return read


def numbers(kinds: Sequence[type[Event]], heard: frozenset[type[Event]]) -> list[int]:
    return [number for number, kind in enumerate(kinds, start=1) if kind in heard]


said = st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)
some_types = st.frozensets(st.sampled_from(KINDS))


@given(said, some_types, st.data())
@PATIENT
async def test_every_event_that_is_heard_is_handled_once_in_order_whatever_comes_how_often(kinds, heard, data):
    """INVARIANT: nothing lost, nothing twice, for any set of types, any order, any repeats and any batches."""
    records = the_records(kinds)
    again = data.draw(st.lists(st.sampled_from(records), max_size=4))
    order = data.draw(st.permutations([*records, *again]))
    reader = Reader(sorted(heard, key=lambda kind: kind.TYPE))
    while order:
        size = data.draw(st.integers(1, len(order)))
        batch, order = order[:size], order[size:]
        await reader.hears(*batch)

    assert reader.handled == numbers(kinds, heard)
    assert reader.waiting == []


@given(said, some_types, st.data())
@PATIENT
async def test_every_missing_event_that_would_be_heard_is_a_gap_and_no_other_is(kinds, heard, data):
    """INVARIANT: nothing is handled past a gap."""
    records = the_records(kinds)
    missing = data.draw(st.frozensets(st.integers(1, len(records))))
    reader = Reader(sorted(heard, key=lambda kind: kind.TYPE))
    for number, record in enumerate(records, start=1):
        if number not in missing:
            await reader.hears(record)

    wanted = numbers(kinds, heard)
    first = min((number for number in wanted if number in missing), default=len(kinds) + 1)
    assert reader.handled == [number for number in wanted if number < first]
    assert [one.sequence for one in reader.waiting] == [
        number for number in wanted if number > first and number not in missing
    ]


@given(said, some_types, st.data())
@PATIENT
async def test_while_an_older_version_writes_too_nothing_is_taken_for_handled_that_was_not(kinds, heard, data):
    """Its events name no others: a reader goes on by their numbers, and no later event vouches for what it cannot know.

    A key may wait there that need not; decision 8 says in which order versions change so that none does.
    """
    old = data.draw(st.frozensets(st.integers(1, len(kinds))))
    missing = data.draw(st.frozensets(st.integers(1, len(kinds)), max_size=1))
    reader = Reader(sorted(heard, key=lambda kind: kind.TYPE))
    for number, record in enumerate(the_records(kinds, old), start=1):
        if number not in missing:
            await reader.hears(record)

    wanted = numbers(kinds, heard)
    first = min((number for number in wanted if number in missing), default=len(kinds) + 1)
    assert reader.handled == wanted[: len(reader.handled)]
    assert all(number < first for number in reader.handled)


@given(said, some_types, st.integers(0, 8))
@PATIENT
async def test_a_producer_that_was_updated_before_its_readers_makes_no_gap(kinds, heard, updated):
    """The order of an update: every instance of the producer first. What it said before bears no account."""
    old = frozenset(range(1, updated + 1))
    reader = Reader(sorted(heard, key=lambda kind: kind.TYPE))
    for record in the_records(kinds, old):
        await reader.hears(record)

    assert reader.handled == numbers(kinds, heard)
    assert reader.waiting == []


async def test_an_event_that_is_not_heard_makes_no_document():
    reader = Reader([CaseWithdrawn])
    held, withdrawn = the_records([CaseHeld, CaseWithdrawn])

    await reader.hears(held)
    assert reader.document is None
    await reader.hears(withdrawn)

    assert reader.document is not None
    assert reader.document.seen == {"intake": 2}


def test_a_chain_says_the_last_of_each_type():
    headers = [
        dict(record.headers)["ce_before"] for record in the_records([CaseHeld, CaseWithdrawn, CaseHeld, CaseHeld])
    ]
    assert headers == [
        "*=0",
        "intake.case.held=1",
        "intake.case.held=1,intake.case.withdrawn=2",
        "intake.case.withdrawn=2,intake.case.held=3",
    ]


def test_a_document_that_an_older_version_has_written_last_vouches_for_no_type():
    assert chain.stored(None, 3) == {"*": 3}
    assert chain.stored("intake.case.held=1", 1) == {"intake.case.held": 1}
    assert chain.stored("intake.case.held=1", 2) == {"*": 2}
    assert chain.extended({"*": 2}, CaseHeld.TYPE) == {"*": 2, "intake.case.held": 3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*=1",
        "intake.case.held=4",
        "intake.case.held=3,intake.case.held=3",
        "=3",
        "*=3,",
        "*=-3",
        "*=03",
        "x=3" * 2000,
    ],
)
def test_what_cannot_stand_before_an_event_is_not_read(text):
    assert chain.read(text, 4) is None


def test_what_was_said_is_read_as_it_was_written():
    before = {"*": 2, CaseDetermined.TYPE: 3}
    assert chain.read(chain.text(before), 4) == before
