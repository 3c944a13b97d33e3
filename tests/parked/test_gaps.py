"""Releases and what is missing before a parked event, or only seems to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis import parked
from chassis.bus import Record
from chassis.handlers import Retry
from chassis.releases import DISCARD, RELEASE
from chassis.store import Document
from contracts.events import CaseHeld, CaseWithdrawn
from tests.chassis.bench import A, B, record, withdrawn
from tests.parked.lines import parked_are, parked_line
from tests.parked.operator import Operated

# --- where some types are not heard ---


def with_before(record: Record, sequence: int) -> Record:
    """Every second event, the even ones, is of a type that the bench does not hear."""
    odd, even = sequence - 1 - sequence % 2, sequence - 2 + sequence % 2
    entries = [f"{kind}={number}" for kind, number in ((CaseWithdrawn.TYPE, odd), (CaseHeld.TYPE, even)) if number > 0]
    headers = (*record.headers, ("ce_before", ",".join(entries) or "*=0"))
    return replace(record, headers=headers)


def one_in_two(case: str, last: int) -> list[Record]:
    held = CaseHeld(case_id=case, revision=1, case_number="n", contact_sealed="", reason="")
    return [
        with_before(withdrawn(case, number) if number % 2 else record(held, number), number)
        for number in range(1, last + 1)
    ]


async def test_a_line_goes_on_across_events_that_nobody_hears(bench: Operated) -> None:
    bench.bad = {(A, 3), (B, 3)}
    async with bench.running():
        await bench.bus.publish(one_in_two(A, 6))
        await bench.bus.publish(one_in_two(B, 6))
        await bench.has_parked((A, 3, "no-such-thing"), (A, 5, "behind"), (B, 3, "no-such-thing"), (B, 5, "behind"))
        bench.bad.clear()
        await bench.done(await bench.release(key=A))
        await bench.done(await bench.discard(key=B))
        await bench.bus.publish(one_in_two(A, 7)[6:] + one_in_two(B, 7)[6:])
        await bench.has(A, 1, 3, 5, 7)
        await bench.has(B, 1, 5, 7)


async def test_a_gap_is_one_of_events_that_are_heard(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([one_in_two(A, 1)[0], one_in_two(A, 5)[4], one_in_two(B, 7)[6]])
        await bench.has_parked((A, 5, "gap"), (B, 7, "gap"))
        progress = await bench.done(await bench.release())
        assert (progress.handled, progress.rejected) == (0, 2)
        await bench.done((await bench.ask(RELEASE, {}, past_gap=True)).document.id)
        await bench.has(A, 1, 5)
        await bench.has(B, 7)


async def test_an_unreadable_event_that_nobody_hears_is_discarded_without_a_trace(bench: Operated) -> None:
    [_, strange] = one_in_two(A, 2)
    async with bench.running():
        nothing = replace(strange, headers=tuple(pair for pair in strange.headers if pair[0] != "ce_sequence"))
        await bench.bus.publish([nothing, *one_in_two(A, 3)[::2]])
        await bench.has(A, 1, 3)
        await bench.done(await bench.discard(reason="sequence-missing"))
    assert await parked_are(bench, A, 0)


# --- gaps ---


async def test_a_release_does_not_handle_past_a_gap_unless_it_is_told_to(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 3), withdrawn(A, 4)])
        await bench.has_parked((A, 3, "gap"), (A, 4, "behind"))
        progress = await bench.done(await bench.release(key=A))
        assert (progress.handled, progress.rejected) == (0, 1)
        assert await bench.revisions(A) == [1]
        told_to = await bench.ask(RELEASE, {"key": A}, past_gap=True)
        await bench.done(told_to.document.id)
        await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 5)])  # what was given up does not come back
        await bench.has(A, 1, 3, 4, 5)
    assert await parked_are(bench, A, 0)


async def test_a_gap_at_the_very_beginning_can_be_passed_too(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 2)])
        await bench.has_parked((A, 2, "gap"))
        await bench.done((await bench.ask(RELEASE, {"key": A}, past_gap=True)).document.id)
        await bench.has(A, 2)
        document = await bench.store.get("things", A)
    assert document is not None
    assert document.data["partner_id"] == "partner"


@pytest.mark.parametrize("verb", [RELEASE, DISCARD])
async def test_passing_a_gap_makes_no_document_that_the_handler_does_not_want(bench: Operated, verb: str) -> None:
    """A service that makes its documents itself has no use for one that consists of a mark."""
    bench.bad = {(A, 3)}
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 3)])
        await bench.has_parked((A, 2, "gap"), (A, 3, "behind"))
        if verb == RELEASE:
            bench.bad.add((A, 2))
        progress = await bench.done((await bench.ask(verb, {"key": A}, past_gap=True)).document.id)
        assert (progress.handled, progress.rejected) == (0, 1)
        assert await bench.store.get("things", A) is None
        bench.bad.clear()
        await bench.done((await bench.ask(RELEASE, {"key": A}, past_gap=True)).document.id)
    assert await bench.revisions(A) == ([2, 3] if verb == RELEASE else [3])


async def test_a_gap_is_passed_although_the_event_behind_it_works_only_later(bench: Operated) -> None:
    failures = [1, 2]

    def late(event: CaseWithdrawn, document: Document | None) -> None:
        if failures:
            failures.pop()
            raise Retry("not-here-yet")

    bench.limits = replace(bench.limits, tries=5)
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 3)])
        await bench.has_parked((A, 2, "gap"), (A, 3, "behind"))
        bench.act = late
        progress = await bench.done((await bench.ask(RELEASE, {"key": A}, past_gap=True)).document.id)
    assert (progress.handled, progress.rejected) == (2, 0)
    assert await bench.revisions(A) == [2, 3]


async def test_an_event_that_was_handled_otherwise_leaves_its_line_without_effect(bench: Operated) -> None:
    """A consumer that died between parking and its commit reads the event again, and it may work then."""
    async with bench.running():
        await parked_line(bench)
    bench.bad.clear()
    entries = await bench.store.find(parked.COLLECTION, {"key": A}, order=("sequence",))
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
        assert await parked_are(bench, A, len(entries))
        id = await bench.release(key=A)
        await bench.done(id)
    assert await bench.revisions(A) == [1, 2, 3]
    assert (A, 1, "repeated", None) in await bench.outcomes(id)
