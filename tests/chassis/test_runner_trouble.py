"""The consumer runner where things go wrong: rebalances, a store that fails half way, poison, repeated endings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis import metrics, parked
from chassis.bus import Partition
from chassis.handlers import Delivery, Reject, Retry, Save
from chassis.store import Document, StoreUnavailable, change
from contracts.events import CaseWithdrawn, MessageDelivered
from tests.chassis.bench import QUICK, TOPIC, A, B, Bench, C, erased, failing, record, told, withdrawn
from tests.chassis.shelf import Shelf
from tests.waiting import until

PATIENT = replace(QUICK, gap_seconds=30)


def about(key: str) -> Callable[[Any], bool]:
    return lambda writes: any(write.id == key for write in writes)


def waiting_for(flag: list[bool], key: str = A) -> Callable[[CaseWithdrawn, Document | None], None]:
    """A handler's act that has this key wait until the flag is set."""

    def act(event: CaseWithdrawn, document: Document | None) -> None:
        if event.case_id == key and not flag:
            raise Retry("not-here-yet")

    return act


# --- a store that fails while something is held ---


async def test_a_held_event_whose_write_fails_is_not_passed_by_the_offset(bench: Bench) -> None:
    """INVARIANT: after trouble of the store everything that was not saved is read again, the held events too."""
    ready: list[bool] = []
    bench.act = waiting_for(ready)
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        failed = failing(bench, about(A))
        ready.append(True)
        await bench.has(A, 1)
        assert failed
        await bench.bus.publish([withdrawn(B, 2)])
        await bench.has(B, 1, 2)
    assert bench.handled.count((B, 1)) == 1


async def test_a_crash_before_the_write_leaves_the_events_to_be_read_again(bench: Bench) -> None:
    """INVARIANT: offsets move after the work is saved."""
    write = bench.store.write
    failed = failing(bench, lambda writes: True, times=1000)
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await until(lambda: _any(failed))
    bench.store.write = write  # type: ignore[method-assign]
    async with bench.running():
        await bench.has(A, 1)
        await bench.has(B, 1)


async def test_what_comes_while_the_store_is_away_is_counted(bench: Bench) -> None:
    write, count = bench.store.write, bench.store.count

    async def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable

    await bench.bus.publish([withdrawn(A, 1)])
    bench.store.write = bench.store.count = away  # type: ignore[method-assign]
    trouble = metrics.STORE_TROUBLE.labels(service="bench", where="consumer")
    before = trouble._value.get()
    async with bench.running():
        await until(lambda: _above(trouble, before))
        await bench.bus.publish([withdrawn(B, number) for number in range(1, 8)])
        await until(lambda: _lag_is(7))
        bench.store.write, bench.store.count = write, count  # type: ignore[method-assign]
        await bench.has(B, *range(1, 8))


async def _above(counter: Any, number: float) -> bool:
    return bool(counter._value.get() > number)


async def _lag_is(number: int) -> bool:
    return metrics.REGISTRY.get_sample_value("zhicheng_consumer_lag", {"service": "bench"}) == number


async def _any(found: list[Any]) -> bool:
    return bool(found)


async def test_what_comes_after_a_parked_event_is_parked_behind_it_at_once(bench: Bench) -> None:
    """INVARIANT: nothing of a parked key overtakes it, and nothing waits for a gap that is known to stay."""

    def reject(event: CaseWithdrawn, document: Document | None) -> None:
        if (event.case_id, event.revision) == (A, 1):
            raise Reject("no-such-thing")

    bench.act, bench.limits = reject, PATIENT
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has_parked((A, 1, "no-such-thing"))
        await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 3)])
        await bench.has_parked((A, 1, "no-such-thing"), (A, 2, "behind"), (A, 3, "behind"))
    assert await parked.keys_parked(bench.store) == 1
    assert bench.handled == []


async def test_a_gap_whose_parking_fails_is_parked_later(bench: Bench) -> None:
    find, failed, alone = bench.store.find, list[Any](), list[bool]()

    async def broken(collection: str, where: Any, **rest: Any) -> Any:
        if collection == parked.COLLECTION and alone and not failed and "key" in where:
            failed.append(where)
            raise StoreUnavailable
        return await find(collection, where, **rest)

    await bench.bus.publish([withdrawn(A, 2), withdrawn(B, 1)])
    bench.store.find = broken  # type: ignore[method-assign]
    async with bench.running():
        await bench.has(B, 1)
        alone.append(True)  # from now on it is tried without a batch that it came with
        await bench.has_parked((A, 2, "gap"))
    assert failed


async def test_what_is_to_be_read_again_is_not_committed_before(bench: Bench) -> None:
    """INVARIANT: between the rewind and the second reading no commit passes the held event."""
    shelf = Shelf()
    bench.bus, bench.limits = shelf, PATIENT
    bench.act = waiting_for([])
    shelf.put(0, withdrawn(A, 1), withdrawn(C, 1))
    slow, quick = Partition(TOPIC, 0), Partition(TOPIC, 1)
    async with bench.running():
        await bench.has(C, 1)
        failing(bench, about(B))
        shelf.hidden.add(slow)  # its records come late after the rewind
        shelf.put(1, withdrawn(B, 1))
        await bench.has(B, 1)
        shelf.put(1, withdrawn(B, 2))
        await until(lambda: _committed(shelf, quick, 2))
        assert shelf.committed.get(slow, 0) == 0


async def _committed(shelf: Shelf, place: Partition, offset: int) -> bool:
    return shelf.committed.get(place) == offset


# --- rebalances ---


async def test_events_that_are_read_again_while_they_are_held_are_held_once(bench: Bench) -> None:
    """A rebalance that gives a partition back reads it again from its first held event."""
    shelf, ready = Shelf(), list[bool]()
    bench.bus, bench.act = shelf, waiting_for(ready)
    shelf.put(0, withdrawn(A, 1), withdrawn(A, 2), withdrawn(B, 1))
    async with bench.running() as runner:
        await bench.has(B, 1)
        for again in range(3):
            shelf.rebalance(0, 1)
            shelf.put(0, withdrawn(B, 2 + again))
            await bench.has_seen(B, 2 + again)
        await until(lambda: _holds_two(runner))
        ready.append(True)
        await bench.has(A, 1, 2)
        await until(lambda: _committed(shelf, Partition(TOPIC, 0), 6))
    assert bench.handled.count((B, 1)) == 1


async def test_held_events_of_a_lost_partition_are_left_to_its_new_owner(bench: Bench) -> None:
    shelf, ready = Shelf(), list[bool]()
    bench.bus, bench.act = shelf, waiting_for(ready)
    shelf.put(0, withdrawn(A, 1))
    shelf.put(1, withdrawn(B, 1))
    async with bench.running() as runner:
        await bench.has(B, 1)
        shelf.rebalance(1)
        polls = shelf.polls
        await until(lambda: _polled(shelf, polls + 3))  # the batch in work is done, the loss is known
        assert runner.held.of(A) is None
        ready.append(True)
        shelf.put(1, withdrawn(B, 2))
        await bench.has(B, 1, 2)
        assert await bench.revisions(A) == []
        assert shelf.committed.get(Partition(TOPIC, 0), 0) == 0
        shelf.rebalance(0, 1)
        await bench.has(A, 1)


async def test_a_commit_that_did_not_count_is_made_again(bench: Bench) -> None:
    shelf = Shelf()
    bench.bus = shelf
    shelf.loses_commits = True
    shelf.put(0, withdrawn(A, 1), withdrawn(A, 2))
    async with bench.running():
        await bench.has(A, 1, 2)
        shelf.loses_commits = False
        shelf.rebalance(0, 1)
        await until(lambda: _committed(shelf, Partition(TOPIC, 0), 2))
    assert bench.handled == [(A, 1), (A, 2)]


async def test_with_too_many_keys_held_nothing_new_is_read_and_the_membership_is_kept(bench: Bench) -> None:
    shelf, ready = Shelf(), list[bool]()
    bench.bus, bench.act, bench.limits = shelf, waiting_for(ready), replace(QUICK, held_keys=1)
    shelf.put(0, withdrawn(A, 1))
    async with bench.running() as runner:
        await until(lambda: _holds(runner, A))
        shelf.put(0, withdrawn(B, 1))
        polls = shelf.polls
        await until(lambda: _polled(shelf, polls + 20))
        assert bench.handled == []
        ready.append(True)
        await bench.has(A, 1)
        await bench.has(B, 1)


async def _holds(runner: Any, key: str) -> bool:
    return runner.held.of(key) is not None


async def _polled(shelf: Shelf, times: int) -> bool:
    return shelf.polls > times


async def test_a_consumer_that_gives_nothing_is_replaced_although_a_key_is_held(bench: Bench) -> None:
    shelf = Shelf()
    bench.bus, bench.act, bench.limits = shelf, waiting_for([]), replace(QUICK, stalled_seconds=0.2)
    shelf.put(0, withdrawn(A, 1))
    async with bench.running() as runner:
        await until(lambda: _holds(runner, A))
        shelf.deaf = True
        shelf.put(0, withdrawn(B, 1))
        await bench.has(B, 1)


async def test_a_consumer_that_has_read_nothing_because_too_much_was_held_is_not_replaced(bench: Bench) -> None:
    """Kafka's gives nothing at the first poll after a pause: what it had fetched before is dropped."""
    shelf, ready = Shelf(), list[bool]()
    bench.bus, bench.act = shelf, waiting_for(ready)
    bench.limits = replace(QUICK, held_keys=1, stalled_seconds=60.0)
    shelf.put(0, withdrawn(A, 1))
    async with bench.running() as runner:
        await until(lambda: _holds(runner, A))
        shelf.put(0, withdrawn(B, 1))
        [consumer] = shelf.consumers
        runner._progress -= 600  # so long it has read nothing
        polls = shelf.polls
        await until(lambda: _polled(shelf, polls + 3))
        consumer.fetches = True
        ready.append(True)
        await bench.has(B, 1)
        assert shelf.consumers == [consumer]


# --- endings ---


async def test_an_ending_that_comes_twice_in_one_batch_is_handled_once(bench: Bench) -> None:
    """A relay that was killed sends both events again: 1, 2, 1, 2."""
    await bench.bus.publish([withdrawn(A, 1), erased(A, 2), withdrawn(A, 1), erased(A, 2), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await bench.has_seen(A, 2)
    assert bench.handled == [(A, 1), (B, 1)]


async def test_what_follows_an_ending_in_the_same_batch_moves_the_mark(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 2), erased(A, 3), withdrawn(A, 4)])
    async with bench.running():
        await bench.has_seen(A, 4)
        await bench.bus.publish([withdrawn(A, 5)])
        await bench.has_seen(A, 5)
    assert await bench.parked() == []


async def test_an_ending_removes_what_is_parked_although_the_answer_of_its_write_is_lost(bench: Bench) -> None:
    """INVARIANT: after an erasure nothing of the case stays parked."""
    await bench.bus.publish([withdrawn(A, 2)])
    async with bench.running():
        await bench.has_parked((A, 2, "gap"))
        failed = failing(bench, about(A), after=True)
        await bench.bus.publish([erased(A, 3)])
        await bench.has_seen(A, 3)
        await bench.bus.publish([withdrawn(B, 1)])
        await bench.has(B, 1)
    assert failed
    assert await bench.parked() == []


async def test_an_ending_removes_what_could_not_be_read_in_its_own_batch(bench: Bench) -> None:
    """INVARIANT: after an erasure nothing of the case stays parked."""
    unreadable = withdrawn(A, 1)
    headers = {**dict(unreadable.headers), "ce_dataschema": "urn:zhicheng:intake.case.withdrawn:9"}
    await bench.bus.publish([replace(unreadable, headers=tuple(headers.items())), erased(A, 2), withdrawn(B, 1)])
    async with bench.running():
        await bench.has_seen(A, 2)
        await bench.has(B, 1)
    assert await bench.parked() == []


async def test_a_line_has_a_head_also_when_the_one_before_it_goes_with_an_ending(bench: Bench) -> None:
    """Else no release would ever find it."""

    def broken(event: MessageDelivered, delivery: Delivery) -> Any:
        raise Reject("no-such-thing")

    bench.message = broken  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
        await bench.bus.publish([told("m1", 1)])
        await bench.has_parked((A, 1, "no-such-thing"))
    await bench.bus.publish([told("m2", 2), erased(A, 2)])
    async with bench.running():
        await bench.has_parked((A, 2, "gap"))
    assert [entry[3] for entry in await bench.parked()] == [True]


async def test_what_stands_parked_without_a_head_gets_one_with_the_next_event(bench: Bench) -> None:
    """A consumer that had lost its partition has removed the head after its successor looked for it."""
    await bench.bus.publish([withdrawn(A, 2)])
    async with bench.running():
        await bench.has_parked((A, 2, "gap"))
        [head] = await bench.store.find(parked.COLLECTION, {})
        await bench.store.write([change(parked.COLLECTION, head, {"head": False, "reason": "behind"})])
        await bench.bus.publish([withdrawn(A, 3), withdrawn(A, 4)])
        await bench.has_parked((A, 2, "behind"), (A, 3, "gap"), (A, 4, "behind"))
    assert [entry[3] for entry in await bench.parked()] == [False, True, False]


async def test_a_document_that_has_ended_gets_no_line(bench: Bench) -> None:
    """INVARIANT: an event about a stone does nothing; its number counts."""
    await bench.bus.publish([withdrawn(A, 1), told("m1", 1), erased(A, 2)])
    async with bench.running():
        await bench.has_seen(A, 2)
        before = await bench.store.get("things", A)
        await bench.bus.publish([told("m2", 2), told("m3", 3)])
        await until(lambda: _told(bench, 3))
        await bench.bus.publish([withdrawn(A, 3), told("m4", 4)])
        await until(lambda: _told(bench, 4))
    after = await bench.store.get("things", A)
    assert before is not None
    assert after is not None
    assert after.data.get("lines") == before.data.get("lines")


async def _told(bench: Bench, sequence: int) -> bool:
    document = await bench.store.get("things", A)
    return document is not None and document.seen.get("notify") == sequence


# --- poison ---


async def test_a_line_that_cannot_be_made_parks_its_key_and_nothing_else_stops(bench: Bench) -> None:
    def broken(event: MessageDelivered, delivery: Delivery) -> Any:
        if event.case_id == A:
            raise RuntimeError("secret of a person")
        return {"lines": [event.message_id]}

    bench.message = broken  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 1), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await bench.bus.publish([told("m1", 1), told("m1", 1, case=B), withdrawn(B, 2)])
        await bench.has_parked((A, 1, "failed-RuntimeError"))
        await bench.has(B, 1, 2)


@pytest.mark.parametrize("value", [2**60, float("nan"), {"$where": 1}, object()])
async def test_a_handler_that_returns_what_no_store_keeps_has_failed_and_nothing_else_stops(
    bench: Bench, value: Any
) -> None:
    note = bench.note

    async def strange(event: CaseWithdrawn, document: Document | None) -> Save:
        saved = await note(event, document)
        return replace(saved, fields={"value": value}) if (event.case_id, event.revision) == (A, 2) else saved

    bench.note = strange  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 2), withdrawn(A, 3), withdrawn(B, 1)])
    async with bench.running():
        await bench.has(B, 1)
        await until(lambda: _count(bench, 2))
        await bench.has(A, 1)
    assert [entry[3] for entry in await bench.parked()] == [True, False]


async def _count(bench: Bench, number: int) -> bool:
    return len(await bench.parked()) == number


async def test_each_event_has_its_own_tries(bench: Bench) -> None:
    """Two failures of the first are not counted against the second."""
    failures = {1: 2, 2: 2}

    def fail(event: CaseWithdrawn, document: Document | None) -> None:
        if failures[event.revision]:
            failures[event.revision] -= 1
            raise RuntimeError

    bench.act = fail
    await bench.bus.publish([withdrawn(A, 1), withdrawn(A, 2)])
    async with bench.running():
        await bench.has(A, 1, 2)
    assert await bench.parked() == []


async def test_a_gap_has_its_time_although_the_key_waited_before(bench: Bench) -> None:
    ready: list[bool] = []
    bench.act, bench.limits = waiting_for(ready), replace(QUICK, gap_seconds=60.0)
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running() as runner:
        await until(lambda: _waited(runner, A, 61.0))
        await bench.bus.publish([withdrawn(A, 3)])
        await until(lambda: _holds_two(runner))
        ready.append(True)
        await bench.has(A, 1)
        await bench.bus.publish([withdrawn(A, 2)])
        await bench.has(A, 1, 2, 3)
    assert await bench.parked() == []


async def _holds_two(runner: Any) -> bool:
    held = runner.held.of(A)
    return held is not None and len(held.deliveries) == 2


async def _waited(runner: Any, key: str, seconds: float) -> bool:
    """Once it waits, as if it had begun so much earlier."""
    held = runner.held.of(key)
    if held is not None:
        held.waits["intake"].since -= seconds
    return held is not None


# --- conflicts ---


async def test_nothing_is_parked_by_a_look_at_a_document_that_changed_meanwhile(bench: Bench) -> None:
    await bench.bus.publish([withdrawn(A, 1)])
    async with bench.running():
        await bench.has(A, 1)
    note = bench.note

    async def late(event: CaseWithdrawn, document: Document | None) -> Save:
        assert document is not None
        if event.revision == 2 and "allowed" not in document.data:
            await bench.store.write([change("things", document, {"allowed": True})])
        if event.revision == 3 and "allowed" not in document.data:
            raise Reject("not-allowed")
        return await note(event, document)

    bench.note = late  # type: ignore[method-assign]
    await bench.bus.publish([withdrawn(A, 2), withdrawn(A, 3)])
    async with bench.running():
        await bench.has(A, 1, 2, 3)
    assert await bench.parked() == []


async def test_what_follows_an_event_carries_its_correlation(bench: Bench) -> None:
    await bench.bus.publish(
        [record(CaseWithdrawn(case_id=A, revision=n, case_number="n"), n, correlation=f"request-{n}") for n in (1, 2)]
    )
    async with bench.running():
        await bench.has(A, 1, 2)
    headers = [dict(entry.record.headers) for entry in await bench.store.pending(10)]
    assert [one["ce_correlationid"] for one in headers] == ["request-1", "request-2"]
    assert len({one["ce_causationid"] for one in headers}) == 2
