"""Parked events that are left out, and records that nobody could read."""

from __future__ import annotations

from dataclasses import replace

from chassis import parked
from chassis.bus import Record
from chassis.envelope import decode
from chassis.handlers import Delivery
from chassis.releases import DISCARD, RELEASE
from contracts.events import PersonalDataErased
from tests.chassis.bench import A, B, erased, withdrawn
from tests.parked.lines import mark_is, older, parked_are, parked_line, version_9
from tests.parked.operator import LONG, Operated
from tests.waiting import until

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
