"""The relay on the embedded adapters: it sends from memory, keeps the order of each key, and finds what memory lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from chassis import relay as module
from chassis.bus import Bus, Record
from chassis.outbox import Author
from chassis.relay import Relay
from chassis.sqlite_outbox import Outbox
from chassis.store import Outcome, Pending, Store, StoreUnavailable, Write
from chassis.store_sqlite import SqliteStore
from contracts.events import CaseWithdrawn
from tests.chassis.bench import TOPIC, A, B, Bench, C
from tests.waiting import until

LONG = 180.0


class Refusing:
    """A bus that acknowledges what it is told to."""

    def __init__(self, refuse: set[tuple[str, str]] | None = None) -> None:
        self.refuse = refuse or set()
        self.stored: list[tuple[str, str]] = []

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        answers = []
        for entry in records:
            place = (entry.key, dict(entry.headers)["ce_sequence"])
            answers.append(place not in self.refuse)
            if answers[-1]:
                self.stored.append(place)
        return answers


def relay_of(bench: Bench, bus: Any = None) -> Relay:
    return Relay("bench", bench.store, cast(Bus, bus or bench.bus), bench.health)


async def say(bench: Bench, case: str, *numbers: int) -> None:
    """Events 1, 2, ... of a case that is made with the first."""
    author = Author("/intake", bench.clock)
    events = [CaseWithdrawn(case_id=case, revision=number, case_number="n") for number in numbers]
    document = await bench.store.get("things", case)
    if document is None:
        write = author.create("things", case, {}, partner_id="p", events=events)
    else:
        write = author.change("things", document, {}, events=events)
    assert await bench.store.write([write]) == [Outcome.WRITTEN]


async def sequences(bench: Bench, case: str) -> list[str]:
    found = await bench.bus.read_all(TOPIC)
    return [dict(received.headers)["ce_sequence"] for received in found if received.key == case]


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    tasks = asyncio.gather(relay.run(stop), relay.keep_marks(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(tasks, LONG)


async def test_nothing_of_a_key_is_sent_behind_an_event_that_failed(bench: Bench) -> None:
    """INVARIANT: a repeat is possible, a gap is not."""
    bus = Refusing({(A, "2")})
    relay = relay_of(bench, bus)
    for case in (A, B):
        await say(bench, case, 1, 2, 3)

    await relay.send_all()
    await relay.send_heard()

    assert [place for place in bus.stored if place[0] == A] == [(A, "1")]
    bus.refuse.clear()
    await relay.send_all()
    assert [place for place in bus.stored if place[0] == A] == [(A, "1"), (A, "2"), (A, "3")]
    assert [place for place in bus.stored if place[0] == B] == [(B, "1"), (B, "2"), (B, "3")]
    assert await bench.store.pending(10) == []


async def test_an_event_leaves_without_being_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = relay_of(bench)

    async def nothing(*_: Any, **__: Any) -> list[Pending]:
        return []

    with monkeypatch.context() as blind:
        blind.setattr(bench.store, "pending", nothing)
        blind.setattr(bench.store, "pending_of", nothing)
        await say(bench, A, 1)
        await say(bench, A, 2, 3)
        await relay.send_all()

    assert await sequences(bench, A) == ["1", "2", "3"]


async def test_what_was_sent_but_not_marked_is_sent_again_in_order(bench: Bench) -> None:
    """INVARIANT: marked as sent is only what was acknowledged; a lost mark repeats, it never skips."""
    await say(bench, A, 1, 2)
    await relay_of(bench).send_all()

    again = await _after_a_crash(bench)
    await relay_of(again).send_all()

    assert await sequences(bench, A) == ["1", "2", "1", "2"]
    assert await again.store.pending(10) == []
    async with again.running():
        await again.has(A, 1, 2)
    assert again.handled == [(A, 1), (A, 2)]
    await again.store.close()


async def test_what_is_marked_is_not_sent_again(bench: Bench) -> None:
    await say(bench, A, 1)
    await relay_of(bench).send_all()
    assert await bench.store.mark_sent() == 1
    assert await bench.store.mark_sent() == 0

    again = await _after_a_crash(bench)
    await relay_of(again).send_all()

    assert await sequences(bench, A) == ["1"]
    await again.store.close()


async def test_a_new_event_does_not_pass_one_that_a_crash_left_unsent(bench: Bench) -> None:
    """INVARIANT: per key in order. Memory does not know the first event; the new one is not sent before it."""
    await say(bench, A, 1)

    again = await _after_a_crash(bench)
    bus = Refusing()
    relay = relay_of(again, bus)
    again.store.pending = _away  # type: ignore[method-assign]
    await say(again, A, 2)
    await relay.send_all()

    assert bus.stored == [(A, "1"), (A, "2")]
    await again.store.close()


async def test_a_write_whose_outcome_is_unknown_is_found_by_the_sweep(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: every outbox is empty at the end, also of what nobody in memory knows."""
    relay = relay_of(bench)
    with monkeypatch.context() as deaf:
        deaf.setattr(Outbox, "tell", lambda *_: _raise())
        with suppress(StoreUnavailable):
            await say(bench, A, 1)
    async with running(relay):
        await until(lambda: _is_sent(bench, A, "1"), seconds=LONG)


async def test_an_event_that_is_never_acknowledged_does_not_slow_down_the_others(bench: Bench) -> None:
    bus = Refusing({(A, "1")})
    relay = relay_of(bench, bus)
    author = Author("/intake", bench.clock)
    keys = [A, *(f"c_{number:0>26o}".translate(str.maketrans("01", "xy")) for number in range(2000))]
    writes: list[Write] = []
    for key in keys:
        event = CaseWithdrawn(case_id=key, revision=1, case_number="n")
        writes.append(author.create("things", key, {}, partner_id="p", events=[event]))
    await bench.store.write(writes)

    async with running(relay):
        await until(lambda: _stored(bus, 2000), seconds=LONG)

    assert [entry.document_id for entry in await bench.store.pending(10)] == [A]


async def test_of_more_documents_than_memory_holds_the_store_tells(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 1)
    bus = Refusing()
    relay = relay_of(bench, bus)
    for case in (A, B, C):
        await say(bench, case, 1)
    for case in (C, B, A):
        await say(bench, case, 2)

    await relay.send_all()

    assert sorted(bus.stored) == [(case, number) for case in (A, B, C) for number in ("1", "2")]
    for case in (A, B, C):
        assert bus.stored.index((case, "1")) < bus.stored.index((case, "2"))
    assert await bench.store.pending(10) == []


async def test_a_relay_whose_store_is_away_goes_on_when_it_answers(bench: Bench) -> None:
    pending, mark_sent = bench.store.pending, bench.store.mark_sent
    bench.store.pending = bench.store.mark_sent = _away  # type: ignore[method-assign, assignment]
    async with running(relay_of(bench)):
        await say(bench, A, 1)
        await until(lambda: _is_sent(bench, A, "1"), seconds=LONG)
        bench.store.pending, bench.store.mark_sent = pending, mark_sent  # type: ignore[method-assign]
    again = await _after_a_crash(bench)
    assert await again.store.pending(10) == []
    await again.store.close()


async def test_the_last_pass_sends_what_is_left_and_marks_it(bench: Bench) -> None:
    relay = relay_of(bench)
    await say(bench, A, 1)
    asked_to_stop = asyncio.Event()
    asked_to_stop.set()

    await asyncio.wait_for(relay.run(asked_to_stop), LONG)

    assert await sequences(bench, A) == ["1"]
    again = await _after_a_crash(bench)
    assert await again.store.pending(10) == []
    await again.store.close()


async def _after_a_crash(bench: Bench) -> Bench:
    """A new process on the same store and bus. What was not marked is not marked."""
    assert isinstance(bench.store, SqliteStore)
    path = bench.store._place.path
    await bench.store.close()
    store: Store = await SqliteStore.open(f"sqlite:{path}?synchronous=normal")
    return Bench(store, bench.bus)


async def _away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable


def _raise() -> None:
    raise StoreUnavailable


async def _is_sent(bench: Bench, case: str, sequence: str) -> bool:
    return sequence in await sequences(bench, case)


async def _stored(bus: Refusing, number: int) -> bool:
    return len(bus.stored) == number
