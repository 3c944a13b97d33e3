"""The consumer runner where things take long: a store that is slow, handlers that hang, many keys due at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from chassis.bus import Partition, Received
from chassis.envelope import decode
from chassis.fold import Folded
from chassis.handlers import Delivery, Save
from chassis.holding import Holding, Limits
from chassis.pace import Pace
from chassis.store import Document, create
from contracts.events import CaseHeld, CaseWithdrawn
from tests.chassis.bench import QUICK, TOPIC, A, B, Bench, C, record, withdrawn
from tests.waiting import LONGEST, until

# --- a store that is slow ---


def writes_at_most(bench: Bench, number: int) -> None:
    """The store does not get through with more documents at once."""
    write = bench.store.write

    async def slow(writes: Any, *, ordered: bool = False) -> Any:
        if len(writes) > number:
            await asyncio.sleep(60)
        return await write(writes, ordered=ordered)

    bench.store.write = slow  # type: ignore[method-assign]


CASES = [f"c_{letter}" + "a" * 25 for letter in "abcdefghijklmnopqrst"]


async def test_a_batch_that_takes_too_long_is_taken_in_parts_and_the_membership_is_kept(bench: Bench) -> None:
    """It polls in between. With the whole batch it would never come to an end."""
    writes_at_most(bench, 10)
    bench.limits = replace(QUICK, gap_seconds=30, batch_seconds=2.0)
    await bench.bus.publish([withdrawn(case, sequence) for sequence in (1, 2) for case in CASES])

    async def done() -> bool:
        return all([await bench.revisions(case) == [1, 2] for case in CASES])

    async with bench.running():
        await until(done, seconds=180)
    assert await bench.parked() == []


async def test_keys_that_are_due_at_once_are_taken_in_parts_those_first_that_waited_longest(bench: Bench) -> None:
    """As what is read: else a batch of them would be cut off, and the next one too."""
    holding = Holding("bench", bench.store, bench.clock, QUICK)
    for case in CASES:
        await holding.hold_or_park(case, Folded(left=[delivery(case, 1), delivery(case, 2)]), None)
    last = CASES[-1]
    work = {last: [delivery(last, 3)]}
    before = holding.join(work, most=5)
    assert set(before) == set(work) == {last, *CASES[:3]}
    assert [event.sequence for event in work[last]] == [1, 2, 3]
    work = {}
    holding.join(work, most=1)
    assert list(work) == [CASES[3]]
    assert len(holding) == len(CASES) - 5


async def test_a_long_line_of_one_key_that_is_handled_in_parts_lets_others_have_their_turn(bench: Bench) -> None:
    holding = Holding("bench", bench.store, bench.clock, QUICK)
    for case in (A, B):
        await holding.hold_or_park(case, Folded(left=[delivery(case, number) for number in range(1, 9)]), None)

    async def next_in_line(*, handles: bool) -> str:
        work: dict[str, list[Delivery]] = {}
        before = holding.join(work, most=1)
        [(case, events)] = work.items()
        write = create("things", case, {}) if handles else None
        await holding.hold_or_park(case, Folded(write, left=events[1:] if handles else events), before[case])
        return case

    assert [await next_in_line(handles=True) for _ in range(3)] == [A, B, A]
    assert [await next_in_line(handles=False) for _ in range(2)] == [B, B], "who had no turn keeps its place"


def delivery(case: str, sequence: int) -> Delivery:
    sent = withdrawn(case, sequence)
    received = Received(Partition(TOPIC, 0), sequence, TOPIC, sent.key, sent.headers, sent.value, at=0)
    read = decode(received, {CaseWithdrawn.TYPE: CaseWithdrawn})
    assert isinstance(read, Delivery)
    return read


def test_a_pace_slows_down_with_the_store_and_recovers_with_full_batches() -> None:
    pace = Pace(500, 16.0)
    pace.took(500, 16.0)
    assert pace.events == 125
    pace.took(125, 5.0)
    assert pace.events == 62
    pace.took(10, 0.1)
    assert pace.events == 62
    for _ in range(4):
        pace.took(pace.events, 0.1)
    assert pace.events == 500
    pace.took(0, 16.0)
    assert pace.events == 125
    pace.took(125, 9.0, handlers=7.0)
    assert pace.events == 125  # the store did not take it
    for _ in range(9):
        pace.took(1, 20.0)
    assert pace.events == 1


async def test_a_pace_recovers_also_where_most_of_what_is_read_is_passed_over(bench: Bench) -> None:
    """Slow once, a consumer would else take a few events at a time for ever."""
    cases = [f"c_{one}{two}" + "p" * 24 for one in "abcdefghijklmnopqrst" for two in "abcdefghijklmno"]
    held = {CaseHeld.TYPE: 2}
    events = [
        event
        for case in cases
        for event in (
            record(a_held(case), 1, before={"*": 0}),
            record(a_held(case), 2, before={CaseHeld.TYPE: 1}),
            record(CaseWithdrawn(case_id=case, revision=1, case_number="n"), 3, before=held),
        )
    ]
    bench.limits = replace(QUICK, batch_seconds=600.0)
    runner = bench.runner()
    runner._pace.took(4, 1000.0)
    assert runner._pace.events == 1
    await bench.bus.publish(events)
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        await bench.has(cases[-1], 1)
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=LONGEST)
    assert runner._pace.events >= 64


def a_held(case: str) -> CaseHeld:
    return CaseHeld(case_id=case, revision=1, case_number="n", reason="duplicate", contact_sealed="")


# --- handlers that hang ---


def hanging(bench: Bench, *keys: str) -> None:
    note = bench.note

    async def hangs(event: CaseWithdrawn, document: Document | None) -> Save:
        if event.case_id in keys:
            await asyncio.Event().wait()
        return await note(event, document)

    bench.note = hangs  # type: ignore[method-assign]


def test_handlers_leave_a_third_of_a_batch_to_the_store() -> None:
    """One may begin when the others have had their time, and take as long again."""
    assert 3 * Limits().handler_seconds <= Limits().batch_seconds


async def test_a_handler_that_hangs_is_given_up_before_its_batch_and_stops_its_key_alone(bench: Bench) -> None:
    bench.limits = replace(QUICK, handler_seconds=1.0)
    hanging(bench, A)
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await bench.has_parked((A, 1, "failed-TimeoutError"))


async def test_handlers_that_hang_at_once_stop_their_keys_alone(bench: Bench) -> None:
    """INVARIANT: nothing else stops, although together they take longer than a batch may."""
    bench.limits = replace(QUICK, batch_seconds=2.4, handler_seconds=0.4, tries=5)
    hung = [f"c_{letter}" + "h" * 25 for letter in "abcdefgh"]
    hanging(bench, *hung)
    await bench.bus.publish([withdrawn(case, 1) for case in [*hung, A]])
    async with bench.running():
        await bench.has(A, 1)
        await bench.bus.publish([withdrawn(A, 2), withdrawn(B, 1)])
        await bench.has(A, 1, 2)
        await bench.has(B, 1)
        await until(lambda: _parked(bench, len(hung)), seconds=180)
    assert {entry[2] for entry in await bench.parked()} == {"failed-TimeoutError"}


async def _parked(bench: Bench, number: int) -> bool:
    return len(await bench.parked()) == number


async def test_what_a_batch_has_no_time_for_is_put_off_in_its_order_and_no_failure(bench: Bench) -> None:
    bench.limits = replace(QUICK, batch_seconds=30.0, handler_seconds=0.2, tries=1)
    note = bench.note

    async def slow(event: CaseWithdrawn, document: Document | None) -> Save:
        await asyncio.sleep(0.05)
        return await note(event, document)

    bench.note = slow  # type: ignore[method-assign]
    events = [2, 1, *range(3, 9)]  # the first two in each other's place: waiting is for no gap
    await bench.bus.publish([withdrawn(case, number) for case in (A, B, C) for number in events])
    async with bench.running():
        for case in (A, B, C):
            await bench.has(case, *range(1, 9))
    assert await bench.parked() == []
    assert len(bench.handled) == len(set(bench.handled))


async def test_what_is_put_off_does_not_pile_up_in_memory(bench: Bench) -> None:
    """With a batch of it in hand nothing new is read, however few keys it belongs to."""
    bench.limits = replace(QUICK, batch=5, batch_seconds=60.0, handler_seconds=0.05)
    note, most = bench.note, 0

    async def slow(event: CaseWithdrawn, document: Document | None) -> Save:
        nonlocal most
        held = [runner.held.of(case) for case in (A, B)]
        most = max(most, sum(len(one.deliveries) for one in held if one is not None))
        time.sleep(0.03)  # noqa: ASYNC251 - time goes by, and no handler is cut off however slow the machine is
        return await note(event, document)

    bench.note = slow  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(case, number) for number in range(1, 21) for case in (A, B)])
    async with bench.running() as runner:
        for case in (A, B):
            await bench.has(case, *range(1, 21))
    assert most < 2 * bench.limits.batch


async def test_a_runner_is_cut_off_also_in_the_moment_in_which_a_handler_ends(bench: Bench) -> None:
    """`asyncio.wait_for` of Python 3.11 would hide it."""
    begun, may_end = asyncio.Event(), asyncio.Event()
    note = bench.note

    async def waits(event: CaseWithdrawn, document: Document | None) -> Save:
        begun.set()
        await may_end.wait()
        return await note(event, document)

    bench.note = waits  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 1)])
    task = asyncio.create_task(bench.runner().run(asyncio.Event()))
    await begun.wait()

    may_end.set()
    task.cancel()

    await asyncio.wait({task}, timeout=LONGEST)
    assert task.cancelled()
