"""Releases and discards: lines of parked events go on in their order, whatever comes meanwhile and whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis import parked
from chassis.bus import Record, Topic
from chassis.bus_log import LogBus
from chassis.envelope import decode
from chassis.handlers import Delivery, Retry, Save
from chassis.problems import KeyReused
from chassis.releases import COLLECTION, DISCARD, OUTCOMES, RELEASE, Asked
from chassis.store import Document, StoreUnavailable, change
from contracts.events import CaseHeld, CaseWithdrawn, PersonalDataErased
from tests.chassis.bench import TOPIC, A, B, C, erased, record, told, withdrawn
from tests.parked.operator import LONG, WHY, Operated
from tests.waiting import until


async def parked_line(bench: Operated, case: str = A, *, bad: int = 1, events: int = 3) -> None:
    """Events 1 to n of a case, of which one is refused; those from it on are parked."""
    bench.bad.add((case, bad))
    await bench.bus.publish([withdrawn(case, number) for number in range(1, events + 1)])
    await until(lambda: parked_are(bench, case, events - bad + 1), seconds=LONG)


async def parked_are(bench: Operated, case: str, number: int) -> bool:
    return await bench.store.count(parked.COLLECTION, {"key": case}) == number


async def mark_is(bench: Operated, case: str, sequence: int, producer: str = "intake") -> bool:
    document = await bench.store.get("things", case)
    return document is not None and document.seen.get(producer) == sequence


def version_9(record: Record) -> Record:
    """The same in a major version that nobody knows yet."""
    headers = {**dict(record.headers), "ce_dataschema": "urn:zhicheng:intake.case.withdrawn:9"}
    return replace(record, headers=tuple(headers.items()))


# --- in their order ---


async def test_a_released_line_is_handled_in_its_order_and_newer_events_follow(bench: Operated) -> None:
    """INVARIANT: released events of a key go in their order before anything newer of that key."""
    async with bench.running():
        await parked_line(bench, bad=2)
        await bench.bus.publish([withdrawn(A, 4), withdrawn(B, 1)])
        await bench.has(B, 1)
        bench.bad.clear()
        id = await bench.release(key=A)
        await bench.bus.publish([withdrawn(A, 5)])
        await bench.has(A, 1, 2, 3, 4, 5)
        await bench.nothing_parked()
        progress = await bench.done(id)
        await bench.bus.publish([withdrawn(A, 6)])
        await bench.has(A, 1, 2, 3, 4, 5, 6)
    assert [entry for entry in bench.handled if entry[0] == A] == [(A, number) for number in range(1, 7)]
    assert progress.rejected == progress.discarded == 0
    assert (A, 2, "handled", None) in await bench.outcomes(id)
    assert [sequence for key, sequence in await bench.sent() if key == A] == [1, 2, 3, 4, 5, 6]


async def test_a_service_is_told_what_a_release_has_written(bench: Operated) -> None:
    """As after a batch: what its handlers have begun goes on at once."""
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        bench.saved.clear()
        await bench.done(await bench.release(key=A))
    assert bench.saved == [await bench.store.get("things", A)]


async def test_a_line_longer_than_a_page_is_released_to_its_end(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, events=230)
        bench.bad.clear()
        progress = await bench.done(await bench.release(reason="no-such-thing"))
    assert await bench.revisions(A) == list(range(1, 231))
    assert progress.handled == 230
    assert await parked_are(bench, A, 0)


async def test_an_event_that_is_refused_again_stays_with_its_new_reason_and_those_behind_it_too(
    bench: Operated,
) -> None:
    async with bench.running():
        await parked_line(bench, events=4)
        bench.bad = {(A, 3)}
        id = await bench.release(key=A)
        progress = await bench.done(id)
        found = await bench.parked()
    assert await bench.revisions(A) == [1, 2]
    assert found == [(A, 3, "no-such-thing", True), (A, 4, "behind", False)]
    assert (progress.handled, progress.rejected) == (2, 1)
    assert (A, 3, "rejected", "no-such-thing") in await bench.outcomes(id)
    [head] = await bench.store.find(parked.COLLECTION, {"head": True})
    assert (head.data["release"], head.data["tried"]) == (None, id)


async def test_only_what_the_filter_matches_is_released(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, A)
        await parked_line(bench, B)
        bench.bad.clear()
        await bench.done(await bench.release(key=A, topic="intake.case.v1", producer="intake"))
        assert await bench.revisions(A) == [1, 2, 3]
        assert await parked_are(bench, B, 3)
        [head] = await bench.store.find(parked.COLLECTION, {"head": True})
        await bench.done(await bench.release(parked_after="2999-01-01T00:00:00.000Z"))
        assert await parked_are(bench, B, 3)
        await bench.done(await bench.release(ids=[head.id], parked_before="2999-01-01T00:00:00.000Z"))
        await bench.has(B, 1, 2, 3)


async def test_an_event_that_may_work_later_is_tried_again_and_not_for_ever(bench: Operated) -> None:
    def wait(event: CaseWithdrawn, document: Document | None) -> None:
        bench.refuse(event, document)
        if not ready and (event.case_id, event.revision) == (A, 2):
            raise Retry("not-here-yet")

    ready: list[bool] = []
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        bench.act = wait
        progress = await bench.done(await bench.release(key=A))
        assert await bench.parked() == [(A, 2, "not-here-yet", True), (A, 3, "behind", False)]
        assert (progress.handled, progress.rejected) == (1, 1)
        ready.append(True)
        await bench.done(await bench.release(key=A))
    assert await bench.revisions(A) == [1, 2, 3]


async def test_a_handler_that_fails_is_tried_as_often_as_in_the_ordinary_way(bench: Operated) -> None:
    tries: list[int] = []

    def fail(event: CaseWithdrawn, document: Document | None) -> None:
        tries.append(event.revision)
        raise ZeroDivisionError

    async with bench.running():
        await parked_line(bench, events=1)
        bench.act = fail
        await bench.done(await bench.release(key=A))
    assert await bench.parked() == [(A, 1, "failed-ZeroDivisionError", True)]
    assert len(tries) == bench.limits.tries


async def test_two_lines_of_one_key_are_released_apart(bench: Operated) -> None:
    """The line is that of a key and a producer."""
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1)])
        await bench.has(A, 1)
        await bench.bus.publish([told("m1", 2), told("m2", 3)])  # the first is missing
        await until(lambda: parked_are(bench, A, 2), seconds=LONG)
        bench.bad.add((A, 2))
        await bench.bus.publish([withdrawn(A, 2)])
        await until(lambda: parked_are(bench, A, 3), seconds=LONG)
        bench.bad.clear()
        await bench.done(await bench.release(key=A, producer="intake"))
        assert await bench.revisions(A) == [1, 2]
        assert await parked_are(bench, A, 2)


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


# --- records that nobody could read ---


async def test_a_record_that_a_newer_version_reads_is_released_with_what_waits_behind_it(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1), version_9(withdrawn(A, 2)), withdrawn(A, 3)])
        await until(lambda: parked_are(bench, A, 2), seconds=LONG)
        progress = await bench.done(await bench.release(reason="version-unknown"))
        assert (progress.handled, progress.rejected) == (0, 1)
        for entry in await bench.store.find(parked.COLLECTION, {"reason": "version-unknown"}):
            await older(bench, entry)
        await bench.done(await bench.release(reason="version-unknown"))
        await bench.bus.publish([withdrawn(A, 4)])
        await bench.has(A, 1, 2, 3, 4)
    assert await parked_are(bench, A, 0)


async def older(bench: Operated, entry: Document) -> None:
    """As if the software knew the version now."""
    headers = [
        ["ce_dataschema", "urn:x:1"] if name == "ce_dataschema" else [name, v] for name, v in entry.data["headers"]
    ]
    await bench.store.write([change(parked.COLLECTION, entry, {"headers": headers})])


async def test_a_readable_record_does_not_pass_what_is_parked_before_it(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, events=1)
        await bench.bus.publish([version_9(withdrawn(A, 2)), withdrawn(A, 3)])
        await until(lambda: parked_are(bench, A, 3), seconds=LONG)
        for entry in await bench.store.find(parked.COLLECTION, {"reason": "version-unknown"}):
            await older(bench, entry)
        bench.bad.clear()
        await bench.done(await bench.release(reason="version-unknown"))
        assert await bench.revisions(A) == []
        await bench.done(await bench.release(key=A))
        await bench.has(A, 1, 2, 3)


# --- discarding ---


async def test_a_discarded_event_is_gone_for_good_and_those_behind_it_go_on(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, bad=2, events=4)
        id = await bench.discard(key=A)
        await bench.done(id)
        await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 5)])
        await bench.has(A, 1, 3, 4, 5)
    assert await parked_are(bench, A, 0)
    assert await bench.outcomes(id) == {
        (A, 2, "discarded", None), (A, 3, "handled", None), (A, 4, "handled", None)
    }  # fmt: skip


async def test_the_first_event_of_a_key_leaves_no_document_when_it_is_discarded(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, events=1)
        await bench.done(await bench.discard(key=A))
        assert await bench.store.get("things", A) is None
        await bench.bus.publish([withdrawn(A, 2)])
        await bench.has_parked((A, 2, "gap"))
        await bench.done((await bench.ask(RELEASE, {"key": A}, past_gap=True)).document.id)
        await bench.has(A, 2)


async def test_a_record_without_an_envelope_can_be_discarded(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([Record("intake.case.v1", A, (("x", "y"),), b"?"), withdrawn(A, 1)])
        await bench.has(A, 1)
        await until(lambda: parked_are(bench, A, 1), seconds=LONG)
        progress = await bench.done(await bench.discard(reason="headers-missing"))
    assert progress.discarded == 1
    assert await parked_are(bench, A, 0)


async def test_an_unreadable_record_whose_number_is_known_is_discarded_with_its_number(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1), version_9(withdrawn(A, 2)), withdrawn(A, 3)])
        await until(lambda: parked_are(bench, A, 2), seconds=LONG)
        await bench.done(await bench.discard(reason="version-unknown"))
        await until(lambda: mark_is(bench, A, 2), seconds=LONG)
        await bench.done(await bench.release(key=A))
        await bench.has(A, 1, 3)


async def test_an_event_behind_a_gap_is_not_discarded_unless_it_is_told_to(bench: Operated) -> None:
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 3), withdrawn(A, 4)])
        await bench.has_parked((A, 3, "gap"), (A, 4, "behind"))
        progress = await bench.done(await bench.discard(key=A))
        assert (progress.discarded, progress.rejected) == (0, 1)
        await bench.has_parked((A, 3, "gap"), (A, 4, "behind"))
        await bench.done((await bench.ask(DISCARD, {"key": A}, past_gap=True)).document.id)
        await bench.has(A, 1, 4)


async def test_what_ends_a_key_cannot_be_discarded(bench: Operated) -> None:
    """INVARIANT: no operator can have an erasure forgotten."""
    async with bench.running():
        await bench.bus.publish([withdrawn(A, 1)])
        await bench.has(A, 1)
    [received] = await bench.bus.read_all("intake.case.v1")
    gone = erased(A, 2)
    kept = replace(received, offset=99, headers=gone.headers, value=gone.value)
    read = decode(kept, {PersonalDataErased.TYPE: PersonalDataErased})
    assert isinstance(read, Delivery)
    await bench.store.write([parked.park(kept, reason="failed-X", head=True, at=bench.clock.now(), delivery=read)])
    async with bench.running():
        progress = await bench.done(await bench.discard(key=A))
        assert (progress.discarded, progress.rejected) == (0, 1)
        await bench.bus.publish([withdrawn(B, 2)])
        await bench.has_parked((B, 2, "gap"), (A, 2, "failed-X"))
        await bench.done(await bench.release(key=A))
    document = await bench.store.get("things", A)
    assert document is not None
    assert document.data["status"] == "erased"
    assert await parked_are(bench, A, 0)
    assert await parked_are(bench, B, 1)


# --- asked again, asked for nothing, tried out ---


async def test_a_release_that_is_asked_for_again_changes_nothing(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        first = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        await bench.done(first.document.id)
        await parked_line(bench, B)
        bench.bad.clear()
        again = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        assert again == await bench.releases.progress(first.document.id)
        with pytest.raises(KeyReused):
            await bench.ask(RELEASE, {"key": B}, key="the-same-key")
        with pytest.raises(KeyReused):
            await bench.ask(DISCARD, {"key": A}, key="the-same-key")
    assert await bench.store.count(COLLECTION, {}) == 1
    assert await parked_are(bench, B, 3)


async def test_a_request_that_was_cut_off_is_finished_when_it_comes_again(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        broken = failing(bench, lambda writes: any(write.fields.get("release") for write in writes))
        with pytest.raises(StoreUnavailable):
            await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        assert broken
        again = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        await bench.done(again.document.id)
        await bench.has(A, 1, 2, 3)


async def test_a_dry_run_says_what_would_go_on_and_writes_nothing(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, A)
        await parked_line(bench, B, events=2)
        await bench.bus.publish([withdrawn(C, 2)])
        await until(lambda: parked_are(bench, C, 1), seconds=LONG)
        before = await bench.store.find(parked.COLLECTION, {})
        preview = await bench.releases.preview({})
        some = await bench.releases.preview({"reason": "no-such-thing"})
    assert (preview.lines, preview.events, preview.complete) == (3, 6, True)
    assert dict(preview.by_reason) == {"no-such-thing": 2, "gap": 1}
    assert dict(preview.by_topic) == {"intake.case.v1": 3}
    assert (some.lines, some.events, len(some.first_ids)) == (2, 5, 2)
    assert await bench.store.find(parked.COLLECTION, {}) == before
    assert await bench.store.count(COLLECTION, {}) == await bench.store.count(OUTCOMES, {}) == 0


async def test_the_record_says_who_when_why_and_what(bench: Operated) -> None:
    asked = Asked(RELEASE, {"key": A}, WHY)
    progress = await bench.releases.ask(asked, client="operator-1", key="some-key")
    [kept] = await bench.releases.releases(limit=10, after=None)
    assert kept == progress
    data = kept.document.data
    assert (data["client"], data["why"], data["filter"], data["verb"]) == ("operator-1", WHY, {"key": A}, "release")
    assert data["at"] <= bench.clock.now()


# --- a topic that was lost and made again ---


async def test_what_stands_where_a_parked_event_stood_in_a_lost_topic_is_parked_too(
    bench: Operated, tmp_path: Path
) -> None:
    """INVARIANT: nothing is lost, also where the places in a topic are given out again."""
    bench.bad = {(A, 1), (B, 1)}
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has_parked((A, 1, "no-such-thing"))
    again = await LogBus.open(tmp_path / "again.db")
    await again.setup([Topic(TOPIC, 1, 30), Topic("notify.message.v1", 1, 30)])
    other = Operated(bench.store, again)
    other.bad = bench.bad
    await again.publish([withdrawn(B, 1)])
    async with other.running():
        await until(lambda: parked_are(bench, B, 1), seconds=LONG)
    assert await parked_are(bench, A, 1)
    await again.close()


# --- two at work ---


async def test_two_consumers_at_one_line_give_every_event_its_effect_once(bench: Operated, tmp_path: Path) -> None:
    """One that has lost its partition and does not know it yet, and the one that has got it."""
    async with bench.running():
        await parked_line(bench, events=40)
        await parked_line(bench, B, events=3)
    bench.bad.clear()
    second = await LogBus.open(tmp_path / "second.db")
    await second.setup([Topic(TOPIC, 1, 30), Topic("notify.message.v1", 1, 30)])
    other = Operated(bench.store, second)
    async with bench.running(), other.running():
        progress = await bench.done(await bench.release())
        await bench.nothing_parked()
    assert await bench.revisions(A) == list(range(1, 41))
    assert await bench.revisions(B) == [1, 2, 3]
    assert progress.handled + progress.repeated == 43
    sent = await bench.sent()
    assert sorted(sent) == sorted([(A, number) for number in range(1, 41)] + [(B, number) for number in (1, 2, 3)])
    await second.close()


async def test_what_another_consumer_parks_behind_a_line_that_ends_goes_on_with_it(bench: Operated) -> None:
    """It has seen the line still there, and so parked without a head what no release would ever find."""
    async with bench.running():
        await parked_line(bench)
    bench.bad.clear()
    write, late = bench.store.write, list[bool]()
    [received, *_] = await bench.bus.read_all(TOPIC)
    next_one = replace(received, offset=99, headers=withdrawn(A, 4).headers, value=withdrawn(A, 4).value)
    read = decode(next_one, {CaseWithdrawn.TYPE: CaseWithdrawn})
    assert isinstance(read, Delivery)
    behind = parked.park(next_one, reason="behind", head=False, at=bench.clock.now(), delivery=read)

    async def meddled(writes: Any, *, ordered: bool = False) -> Any:
        if not late and any(one.kind == "remove" for one in writes):
            late.append(True)
            await write([behind])
        return await write(writes, ordered=ordered)

    bench.store.write = meddled  # type: ignore[method-assign]
    async with bench.running():
        await bench.done(await bench.release(key=A))
        await bench.nothing_parked()
    assert late
    assert await bench.revisions(A) == [1, 2, 3, 4]


# --- what dies on the way ---


def failing(bench: Operated, when: Callable[[Any], bool], *, after: bool = False) -> list[Any]:
    """The store fails once, when it is asked for such writes; `after`: it has written them all the same."""
    write, failed = bench.store.write, list[Any]()

    async def broken(writes: Any, *, ordered: bool = False) -> Any:
        fails = not failed and bool(writes) and when(writes)
        if fails:
            failed.append(writes)
        if fails and not after:
            raise StoreUnavailable
        outcomes = await write(writes, ordered=ordered)
        if fails:
            raise StoreUnavailable
        return outcomes

    bench.store.write = broken  # type: ignore[method-assign]
    return failed


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["things", OUTCOMES, parked.COLLECTION])
async def test_a_store_that_fails_between_two_steps_costs_nothing(bench: Operated, step: str, after: bool) -> None:
    """INVARIANT: cut off anywhere, a release goes on, and every event has its effect once."""
    async with bench.running():
        await parked_line(bench, events=4)
        bench.bad.clear()

        def here(writes: Any) -> bool:
            return writes[0].collection == step and (step != parked.COLLECTION or writes[0].kind == "remove")

        failed = failing(bench, here, after=after)
        progress = await bench.done(await bench.release(key=A))
        await bench.bus.publish([withdrawn(A, 5)])
        await bench.has(A, 1, 2, 3, 4, 5)
    assert failed
    assert progress.handled + progress.repeated == 4
    assert await parked_are(bench, A, 0)
    assert bench.handled.count((A, 5)) == 1


async def test_a_consumer_that_stops_in_the_middle_leaves_a_line_that_the_next_one_goes_on_with(
    bench: Operated,
) -> None:
    async with bench.running():
        await parked_line(bench)
    bench.bad.clear()
    id = await bench.release(key=A)  # while nobody runs
    assert (await bench.releases.progress(id)).state == "working"
    async with bench.running():
        await bench.done(id)
        await bench.has(A, 1, 2, 3)


async def test_a_discard_that_was_cut_off_before_its_event_was_removed_is_finished(bench: Operated) -> None:
    """Not released with what it had marked behind it. Three cases: the ids of both come in either order."""
    cases = (A, B, C)
    bench.bad = {(case, 1) for case in cases}
    async with bench.running():
        await bench.bus.publish([withdrawn(case, number) for case in cases for number in (1, 2)])
        for case in cases:
            await until(lambda case=case: parked_are(bench, case, 2), seconds=LONG)  # type: ignore[misc]
    bench.bad.clear()
    release = (await bench.ask(DISCARD, {"reason": "no-such-thing"}, past_gap=True)).document.id
    behind = await bench.store.find(parked.COLLECTION, {"reason": "behind"})
    marks = {"head": True, "release": release, "verb": RELEASE, "past_gap": False}
    await bench.store.write([change(parked.COLLECTION, entry, marks) for entry in behind])
    async with bench.running():
        progress = await bench.done(release)
    assert (progress.discarded, progress.handled) == (3, 3)
    assert [await bench.revisions(case) for case in cases] == [[2], [2], [2]]


async def test_what_is_erased_while_it_waits_for_its_release_stays_gone(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench)
    bench.bad.clear()
    id = await bench.release(key=A)
    await parked.forget(bench.store, A)
    async with bench.running():
        await bench.done(id)
        await bench.bus.publish([withdrawn(B, 1)])
        await bench.has(B, 1)
    assert await bench.revisions(A) == []
    assert await parked_are(bench, A, 0)


async def test_a_line_is_released_without_its_bus_position_moving_back(bench: Operated) -> None:
    """INVARIANT: what is released comes from the store; the group's offsets only grow."""
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        await bench.done(await bench.release(key=A))
    handled = len(bench.handled)
    async with bench.running() as runner:
        await runner.idle.wait()
    assert len(bench.handled) == handled


async def test_a_release_that_takes_too_long_holds_up_nothing_new(bench: Operated) -> None:
    """It is cut off and begun again; what was read beside it is not read again with it."""
    note, begun, ready = bench.note, asyncio.Event(), list[bool]()

    async def slow(event: CaseWithdrawn, document: Document | None) -> Save:
        if event.case_id == A and not bench.bad and not ready:
            begun.set()
            await asyncio.Event().wait()
        return await note(event, document)

    bench.note = slow  # type: ignore[method-assign]
    bench.limits = replace(bench.limits, batch=1, batch_seconds=1.0)
    async with bench.running():
        await parked_line(bench, events=1)
        bench.bad.clear()
        id = await bench.release(key=A)
        await asyncio.wait_for(begun.wait(), LONG)
        await bench.bus.publish([withdrawn(B, number) for number in range(1, 4)])
        await until(lambda: mark_is(bench, B, 3), seconds=LONG)
        ready.append(True)
        assert (await bench.done(id)).handled == 1
