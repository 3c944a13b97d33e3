"""Releases cut off anywhere, by whatever dies, or worked on by two: every event has its effect once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis import parked, releasing
from chassis.bus import Topic
from chassis.bus_log import LogBus
from chassis.envelope import decode
from chassis.handlers import Delivery, Retry, Save
from chassis.releases import DISCARD, OUTCOMES, RELEASE
from chassis.store import Document, change
from contracts.events import CaseWithdrawn
from tests.chassis.bench import TOPIC, A, B, C, failing, withdrawn
from tests.chassis.shelf import Shelf
from tests.parked.lines import mark_is, parked_are, parked_line
from tests.parked.operator import LONG, Operated
from tests.waiting import until

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


async def test_a_line_whose_events_take_longer_than_a_step_may_goes_on_in_parts(
    bench: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be cut off, begun again and cut off for ever."""
    monkeypatch.setattr(releasing, "WORK_SECONDS", 0.2)
    note = bench.note

    async def slow(event: CaseWithdrawn, document: Document | None) -> Save:
        if not bench.bad:
            await asyncio.sleep(0.1)
        return await note(event, document)

    bench.note = slow  # type: ignore[method-assign]
    bench.limits = replace(bench.limits, batch_seconds=2.0)
    async with bench.running():
        await parked_line(bench, events=40)
        bench.bad.clear()
        progress = await bench.done(await bench.release(key=A))
    assert await bench.revisions(A) == list(range(1, 41))
    assert progress.handled + progress.repeated == 40


async def test_a_line_that_takes_all_the_time_goes_behind_the_others(bench: Operated) -> None:
    note, ready, hung = bench.note, list[bool](), list[str]()

    async def slow(event: CaseWithdrawn, document: Document | None) -> Save:
        if event.case_id in hung and not ready:
            await asyncio.Event().wait()
        return await note(event, document)

    bench.note = slow  # type: ignore[method-assign]
    bench.limits = replace(bench.limits, batch_seconds=1.0, handler_seconds=60.0)
    for case in (A, B, C):
        await bench.bus.publish([withdrawn(case, 2)])
    async with bench.running():
        await until(lambda: _heads(bench, 3), seconds=LONG)
        [first, *others] = await bench.store.find(parked.COLLECTION, {})  # in the order in which they are worked on
        hung.append(first.data["key"])
        id = (await bench.ask(RELEASE, {}, past_gap=True)).document.id
        for other in others:
            await until(lambda key=other.data["key"]: mark_is(bench, key, 2), seconds=LONG)  # type: ignore[misc]
        ready.append(True)
        assert (await bench.done(id)).handled == 3


async def _heads(bench: Operated, number: int) -> bool:
    return await parked.keys_parked(bench.store) == number


async def test_tries_before_a_partition_was_lost_do_not_count_when_it_is_back(bench: Operated) -> None:
    """Its owner in between had tries of its own."""
    shelf, tries = Shelf(), list[int]()
    bench.bus, bench.bad = shelf, {(A, 1)}
    shelf.put(0, withdrawn(A, 1))

    def late(event: CaseWithdrawn, document: Document | None) -> None:
        tries.append(event.revision)
        if len(tries) == bench.limits.tries - 1:
            shelf.rebalance(1)
        if len(tries) < 2 * bench.limits.tries - 1:
            raise Retry("not-here-yet")

    async with bench.running():
        await bench.has_parked((A, 1, "no-such-thing"))
        bench.act = late
        id = await bench.release(key=A)
        await until(lambda: _lost(shelf), seconds=LONG)
        polls = shelf.polls
        await until(lambda: _polled(shelf, polls + 10), seconds=LONG)
        shelf.rebalance(0, 1)
        progress = await bench.done(id)
    assert (progress.handled, progress.rejected) == (1, 0)


async def _lost(shelf: Shelf) -> bool:
    return len(shelf.ours) == 1


async def _polled(shelf: Shelf, times: int) -> bool:
    return shelf.polls > times
