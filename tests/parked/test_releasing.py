"""Releases: lines of parked events go on in their order, whatever comes meanwhile."""

from __future__ import annotations

from chassis import parked
from chassis.handlers import Retry
from chassis.store import Document
from contracts.events import CaseWithdrawn
from tests.chassis.bench import A, B, told, withdrawn
from tests.parked.lines import parked_are, parked_line
from tests.parked.operator import LONG, Operated
from tests.waiting import until


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
