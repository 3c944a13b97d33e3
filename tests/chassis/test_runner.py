"""The consumer runner on the embedded adapters: order, repeats, gaps, the four endings, offsets after the work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.bus import Record
from chassis.handlers import Reject, Retry, Save
from chassis.holding import Limits
from chassis.store import Document, StoreUnavailable, change
from contracts.events import CaseHeld, CaseWithdrawn
from tests.chassis.bench import TOPIC, A, B, Bench, C, erased, record, told, withdrawn
from tests.waiting import until


async def test_events_of_a_key_are_handled_in_order_and_each_once(bench: Bench) -> None:
    """INVARIANT: effects are once, however often an event comes."""
    first, second = withdrawn(A, 1), withdrawn(A, 2)
    await bench.bus.publish([first, first, second, withdrawn(B, 1), first, second])

    async with bench.running():
        await bench.has(A, 1, 2)
        await bench.has(B, 1)

    assert bench.handled == [(A, 1), (A, 2), (B, 1)]
    assert sorted(await bench.sent()) == [(A, 1), (A, 2), (B, 1)]


async def test_what_was_committed_is_not_read_again_and_what_was_not_is_dropped_as_a_repeat(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 2)])
    async with bench.running():
        await bench.has(A, 1, 2)
    assert bench.handled == [(A, 1), (A, 2)]


async def test_a_missing_event_that_comes_late_is_handled_first(bench: Bench) -> None:
    """INVARIANT: nothing is handled past a gap."""
    bench.limits = Limits(poll_seconds=0.05, gap_seconds=30, retry_pause=0.01)
    await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 3), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        assert await bench.revisions(A) == []
        await bench.bus.publish([withdrawn(A, 1)])
        await bench.has(A, 1, 2, 3)
    assert await bench.parked() == []


async def test_a_gap_that_stays_parks_the_key_and_all_that_follows_in_order(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 3), withdrawn(B, 1)])
    async with bench.running():
        await until(lambda: _count(bench, 1))
        await bench.bus.publish([withdrawn(A, 4), withdrawn(B, 2)])
        await until(lambda: _count(bench, 2))
        await bench.has(B, 1, 2)
    assert await bench.parked() == [(A, 3, "gap", True), (A, 4, "behind", False)]
    assert await bench.revisions(A) == [1]


async def _count(bench: Bench, number: int) -> bool:
    return len(await bench.parked()) == number


async def test_a_rejected_event_is_parked_with_its_code_and_other_keys_go_on(bench: Bench) -> None:
    def reject(event: CaseWithdrawn, document: Document | None) -> None:
        if (event.case_id, event.revision) == (A, 2):
            raise Reject("no-such-thing")

    bench.act = reject
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 2), withdrawn(A, 3), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await until(lambda: _count(bench, 2))
    assert await bench.parked() == [(A, 2, "no-such-thing", True), (A, 3, "behind", False)]
    assert await bench.revisions(A) == [1]


async def test_a_failing_event_is_tried_again_then_parked(bench: Bench) -> None:
    tries: list[int] = []

    def fail(event: CaseWithdrawn, document: Document | None) -> None:
        if event.case_id == A:
            tries.append(event.revision)
            raise RuntimeError("secret of a person")

    bench.act = fail
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await until(lambda: _count(bench, 1))
    assert await bench.parked() == [(A, 1, "failed-RuntimeError", True)]
    assert tries == [1, 1, 1]
    assert bench.handled == [(B, 1)]


async def test_a_retry_holds_its_key_only_and_a_restart_finds_it_again(bench: Bench) -> None:
    """INVARIANT: the offset stays at the first event that is not done."""
    ready = False

    def wait(event: CaseWithdrawn, document: Document | None) -> None:
        if event.case_id == A and not ready:
            raise Retry("not-here-yet")

    bench.act = wait
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1), withdrawn(A, 2)])
    async with bench.running():
        await bench.has(B, 1)
    assert await bench.revisions(A) == []
    ready = True
    async with bench.running():
        await bench.has(A, 1, 2)
    assert bench.handled.count((B, 1)) == 1
    assert await bench.parked() == []


async def test_an_event_that_ends_its_aggregate_passes_gaps_and_parked_events(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 3)])
    async with bench.running():
        await until(lambda: _count(bench, 1))
        await bench.bus.publish([erased(A, 5)])
        await until(lambda: _count(bench, 0))
        await bench.bus.publish([withdrawn(A, 4), withdrawn(B, 1)])
        await bench.has(B, 1)
    document = await bench.store.get("things", A)
    assert document is not None
    assert document.data["status"] == "erased"
    assert document.seen == {"intake": 5}


@pytest.mark.parametrize(
    ("change_headers", "reason"),
    [
        ({"ce_sequence": "one"}, "sequence-missing"),
        ({"ce_sequence": "9" * 30}, "sequence-missing"),
        ({"ce_source": "/a.b"}, "source-unknown"),
        ({"ce_before": "intake.case.held=7"}, "before-not-valid"),
        ({"ce_type": ""}, "headers-missing"),
        ({"ce_dataschema": "urn:zhicheng:intake.case.withdrawn:2"}, "version-unknown"),
    ],
)
async def test_an_unreadable_event_is_parked_and_nothing_else_stops(
    bench: Bench, change_headers: dict[str, str], reason: str
) -> None:
    good = withdrawn(A, 1)
    headers = tuple({**dict(good.headers), **change_headers}.items())
    bad = Record(good.topic, good.key, headers, good.value)
    await bench.bus.publish([bad, Record(TOPIC, A, good.headers, b"{not json"), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await until(lambda: _count(bench, 2))
    assert [entry[2] for entry in await bench.parked()] == [reason, "not-valid"]


async def test_an_unknown_type_is_skipped_and_its_number_counts(bench: Bench) -> None:
    first = withdrawn(A, 1)
    headers = tuple((name, "intake.case.new-kind" if name == "ce_type" else value) for name, value in first.headers)
    await bench.bus.publish([Record(TOPIC, A, headers, b"{}"), withdrawn(A, 2)])
    async with bench.running():
        await bench.has(A, 2)


async def test_a_type_without_a_handler_is_passed_over_and_leaves_nothing(bench: Bench) -> None:
    """INVARIANT: what a service does not hear costs it no write, and hides no event that it does hear."""
    held, drop = CaseHeld.TYPE, CaseWithdrawn.TYPE
    first = record(_held(A), 1, before={"*": 0})
    await bench.bus.publish([first, record(_held(B), 1, before={"*": 0})])
    await bench.bus.publish([record(_withdrawal(B, 3), 3, before={held: 2})])
    await bench.bus.publish([record(_withdrawal(A, 4), 4, before={held: 2, drop: 3}), withdrawn(C, 1)])
    async with bench.running():
        await bench.has(C, 1)
        await bench.has(B, 3)
        assert await bench.store.get("things", A) is None
        await bench.has_parked((A, 4, "gap"))
    assert (await bench.store.get("things", B)).seen == {"intake": 3}  # type: ignore[union-attr]


def _held(case: str) -> CaseHeld:
    return CaseHeld(case_id=case, revision=1, case_number="n", reason="duplicate", contact_sealed="")


def _withdrawal(case: str, revision: int) -> CaseWithdrawn:
    return CaseWithdrawn(case_id=case, revision=revision, case_number="n")


async def test_lines_are_pushed_in_order_without_a_new_version(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
        before = await bench.store.get("things", A)
        await bench.bus.publish([told("m1", 1), told("m1", 1), told("m2", 2), told("m1", 1)])
        await until(lambda: _lines(bench, ["m1", "m2"]))
    after = await bench.store.get("things", A)
    assert before is not None
    assert after is not None
    assert before.version == after.version


async def test_lines_that_come_in_one_batch_with_other_events_are_kept(bench: Bench) -> None:
    """INVARIANT: an event that only adds lines adds them too where it is folded with others of its key.

    A consumer that was away finds both in one batch; a fold that moved the mark alone would lose the line for good.
    """

    await bench.bus.publish([withdrawn(A, 1), told("m1", 1), withdrawn(A, 2), told("m2", 2), told("m1", 1, case=B)])
    async with bench.running():
        await bench.has(A, 1, 2)
        assert await _lines(bench, ["m1", "m2"])
        await bench.bus.publish([withdrawn(C, 1)])
        await bench.has(C, 1)
    assert await bench.store.get("things", B) is None, "a line alone makes no document"


async def _lines(bench: Bench, lines: list[str]) -> bool:
    document = await bench.store.get("things", A)
    return document is not None and document.data.get("lines", []) == lines


async def test_a_write_in_between_makes_the_handler_look_again(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
    times = 0

    async def meddle(event: CaseWithdrawn, document: Document | None) -> Save:
        nonlocal times
        times += 1
        if times == 1 and document is not None:
            await bench.store.write([change("things", document, {"meddled": True})])
        return await Bench.note(bench, event, document)

    bench.note = meddle  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 2)])
    async with bench.running():
        await bench.has(A, 1, 2)
    document = await bench.store.get("things", A)
    assert document is not None
    assert document.data["meddled"] is True
    assert times == 2


async def test_a_store_that_is_away_parks_nothing_and_loses_nothing(bench: Bench) -> None:
    """INVARIANT: trouble of the store is retried in place."""
    away = True
    write = bench.store.write

    async def broken(writes: Any, *, ordered: bool = False) -> Any:
        if away:
            raise StoreUnavailable
        return await write(writes, ordered=ordered)

    async def broken_count(collection: str, where: Any) -> int:
        if away:
            raise StoreUnavailable
        return 0

    bench.store.write = broken  # type: ignore[method-assign]
    count, bench.store.count = bench.store.count, broken_count  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await until(lambda: _handled_more_than(bench, 1))
        await bench.bus.publish([withdrawn(A, 2)])
        away = False
        bench.store.count = count  # type: ignore[method-assign]
        await bench.has(A, 1, 2)
        await bench.has(B, 1)
    assert await bench.parked() == []


async def _handled_more_than(bench: Bench, number: int) -> bool:
    return len(bench.handled) > number


async def test_too_many_parked_keys_halt_the_consumer(bench: Bench) -> None:
    def reject(event: CaseWithdrawn, document: Document | None) -> None:
        if event.case_id != B:
            raise Reject("bad")

    bench.act = reject
    bench.limits = Limits(poll_seconds=0.05, parked_keys=2, retry_pause=0.01)
    keys = [f"c_{letter * 26}" for letter in "cdefg"]
    await bench.bus.publish([withdrawn(key, 1) for key in keys])
    async with bench.running():
        await until(lambda: _halted(bench))
        await bench.bus.publish([withdrawn(B, 1)])
        await asyncio.sleep(0)
    assert bench.handled == []


async def _halted(bench: Bench) -> bool:
    return bool(bench.health.halted)


class _JoinsLater:
    """A bus whose consumers hold no partition before `joined`, as while a group on Kafka shares them out."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self.joined = False
        self.polls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def consumer(self, *given: Any, **named: Any) -> Any:
        outer, consumer = self, await self._bus.consumer(*given, **named)

        class Consumer:
            def __getattr__(self, name: str) -> Any:
                return getattr(consumer, name)

            def assigned(self) -> Any:
                return consumer.assigned() if outer.joined else set()

            async def poll(self, limit: int, timeout: float) -> Any:
                outer.polls += 1
                if outer.joined:
                    return await consumer.poll(limit, timeout)
                await asyncio.sleep(timeout)
                return []

        return Consumer()


async def test_a_member_without_a_partition_does_not_pass_for_one_that_has_read_everything(bench: Bench) -> None:
    bus = _JoinsLater(bench.bus)
    bench.bus = bus  # type: ignore[assignment]
    await bus.publish([withdrawn(A, 1)])

    async with bench.running() as runner:
        await until(lambda: _polled(bus, 3))
        assert not runner.idle.is_set()
        assert bench.health.unread is None
        bus.joined = True
        await bench.has(A, 1)
        await asyncio.wait_for(runner.idle.wait(), 90)


async def _polled(bus: _JoinsLater, times: int) -> bool:
    return bus.polls >= times
