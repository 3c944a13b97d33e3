"""Processes that write, send, crash and take over from each other: no event is lost, and none comes past a gap."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis import store_mongo
from chassis.adapters import open_store
from chassis.bus import Bus, Record
from chassis.health import Health
from chassis.relay import Relay
from chassis.store import Outcome, Pending, Store, StoreUnavailable, Write, change, create
from chassis.store_sqlite import SqliteStore
from tests.conformance.store.things import an_event

DOCUMENTS = ["a", "b", "c"]
FATES = ["fine", "fine", "fine", "answer lost", "never arrived", "caller gone"]
PROCESSES = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("write"), PROCESSES, st.sampled_from(DOCUMENTS), st.integers(0, 2), st.sampled_from(FATES)),
    st.tuples(st.just("write"), PROCESSES, st.sampled_from(DOCUMENTS), st.integers(1, 2), st.just("fine")),
    st.tuples(st.just("race"), st.sampled_from(DOCUMENTS)),
    st.tuples(st.just("send"), PROCESSES),
    st.tuples(st.just("send heard"), PROCESSES),
    st.tuples(st.just("mark"), PROCESSES),
    st.tuples(st.just("crash"), PROCESSES),
    st.tuples(st.just("refuse"), st.sampled_from(DOCUMENTS)),
    st.tuples(st.just("accept")),
)
counter = itertools.count()


class Reader:
    """A bus with a consumer behind it that drops what it has seen. A number past the next one would be a loss."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.seen: dict[str, int] = {}
        self.repeated = 0

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        await asyncio.sleep(0)
        answers = []
        for record in records:
            answers.append(record.key not in self.refused)
            if answers[-1]:
                sequence = int(dict(record.headers)["ce_sequence"])
                last = self.seen.get(record.key, 0)
                assert sequence <= last + 1, f"none comes past a gap: {record.key}: {sequence} after {last}"
                self.repeated += sequence <= last
                self.seen[record.key] = max(last, sequence)
        return answers


class Process:
    """A store with its relay. Where only one process may write, all are the same one and crash together."""

    def __init__(self, store: Store, bus: Reader) -> None:
        self.store = store
        self.relay = Relay("test", store, cast(Bus, bus), Health(), take_over=0.0)


class Town:
    def __init__(self, url: str, things: str, lose: Callable[[Store, str], None]) -> None:
        self.url = url
        self.things = things
        self.bus = Reader()
        self.processes: list[Process] = []
        self._lose = lose

    async def start(self) -> None:
        alone = self.url.startswith("sqlite:")
        for _ in range(1 if alone else 2):
            self.processes.append(await self._process())
        self.processes *= 2 if alone else 1
        await self.processes[0].store.setup([self.things], [])

    async def _process(self) -> Process:
        store = await open_store(self.url)
        self._lose(store, "fine")  # the line to its disk is ours before the first write
        return Process(store, self.bus)

    async def crash(self, which: int) -> None:
        """Nothing is marked any more, and what memory held is gone."""
        gone = self.processes[which]
        await gone.store.close()
        fresh = await self._process()
        self.processes = [fresh if process is gone else process for process in self.processes]

    async def write(self, which: int, id: str, events: int, fate: str) -> None:
        store = self.processes[which].store
        write = await self._next(store, id, events)
        if fate == "caller gone":
            asked = asyncio.create_task(store.write([write]))
            await asyncio.sleep(0)
            asked.cancel()
            with suppress(asyncio.CancelledError):
                await asked
        elif fate == "fine":
            while await store.write([write]) != [Outcome.WRITTEN]:  # one whose caller went away may be faster
                write = await self._next(store, id, events)
        else:
            self._lose(store, fate)
            with suppress(StoreUnavailable):
                await store.write([write])
            self._lose(store, "fine")

    async def _next(self, store: Store, id: str, events: int) -> Write:
        document = await store.get(self.things, id)
        if document is None:
            return create(self.things, id, {}, events=_events(id, 0, events))
        return change(self.things, document, {"n": 1}, events=_events(id, document.emitted, events))

    async def race(self, id: str) -> None:
        """Both change the version that both have read."""
        stores = [process.store for process in self.processes]
        documents = [await store.get(self.things, id) for store in stores]
        writes = [
            change(self.things, document, {}, events=_events(id, document.emitted, 1))
            for document in documents
            if document is not None
        ]
        if len(writes) == 2:
            answers = await asyncio.gather(*(store.write([w]) for store, w in zip(stores, writes, strict=True)))
            assert [Outcome.CONFLICT] in answers

    async def end(self) -> None:
        """Everybody dies; one process that knows nothing does the rest."""
        self.bus.refused.clear()
        for process in {id(process): process for process in self.processes}.values():
            await process.store.close()
        last = Process(await open_store(self.url), self.bus)
        await last.relay.send_all()
        await last.store.mark_sent()
        assert await last.store.pending(100) == []
        assert await last.store.pending_depth(100) == 0
        written = await last.store.find(self.things, {})
        said = {document.id: document.emitted for document in written if document.emitted}
        assert said == {id: seen for id, seen in self.bus.seen.items() if seen}, "no event is lost"
        await last.store.close()


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store, str], None]:
    """Decides what becomes of the next writes of a store: "fine", "answer lost" or "never arrived"."""
    fates: dict[int, str] = {}
    outcomes = store_mongo._outcomes

    async def on_the_way(collection: Any, *rest: Any) -> Any:
        fate = fates.get(id(collection.database.client), "fine")
        if fate == "never arrived":
            raise StoreUnavailable(fate)
        answers = await outcomes(collection, *rest)
        if fate == "answer lost":
            raise StoreUnavailable(fate)
        return answers

    class Losing(sqlite3.Connection):
        fate = "fine"

        def execute(self, statement: str, *rest: Any) -> Any:
            if statement == "COMMIT" and self.fate == "never arrived":
                raise sqlite3.OperationalError(self.fate)
            done = super().execute(statement, *rest)
            if statement == "COMMIT" and self.fate == "answer lost":
                raise sqlite3.OperationalError(self.fate)
            return done

    monkeypatch.setattr(store_mongo, "_outcomes", on_the_way)

    def decide(store: Store, fate: str) -> None:
        if isinstance(store, SqliteStore):
            if not isinstance(store._writer, Losing):
                if store._writer is not None:
                    store._writer.close()
                store._writer = sqlite3.connect(
                    store._place.path, factory=Losing, isolation_level=None, check_same_thread=False
                )
            store._writer.fate = fate
        else:
            fates[id(store._client)] = fate  # type: ignore[attr-defined]

    return decide


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=4, max_size=25))
@example(steps=[("write", 0, "a", 1, "fine"), ("crash", 0), ("write", 0, "a", 1, "fine"), ("send heard", 0)])
@example(steps=[("write", 0, "a", 1, "fine"), ("write", 1, "a", 1, "fine"), ("send heard", 1)])
@example(steps=[("write", 0, "a", 1, "answer lost"), ("write", 0, "a", 1, "fine"), ("send heard", 0)])
@example(steps=[("write", 0, "a", 1, "answer lost"), ("write", 0, "b", 1, "fine"), ("send heard", 0), ("mark", 0)])
@example(steps=[("write", 0, "a", 1, "caller gone"), ("write", 0, "a", 1, "fine"), ("send heard", 0), ("mark", 0)])
@example(
    steps=[
        ("write", 0, "a", 1, "fine"),
        ("write", 0, "b", 1, "answer lost"),  # from here on under another name
        ("send heard", 0),
        ("write", 0, "a", 1, "fine"),
        ("mark", 0),
        ("crash", 0),
    ]
)
async def test_every_event_of_every_document_arrives_and_none_past_a_gap(
    url: str, lose: Callable[[Store, str], None], steps: list[Any]
) -> None:
    """INVARIANT: a repeat is possible; a loss, or a number past the next one of its key, is not."""
    town = Town(url, f"things_{next(counter)}", lose)
    await town.start()
    for kind, *rest in steps:
        match kind:
            case "write":
                await town.write(*rest)
            case "race":
                await town.race(*rest)
            case "send":
                await town.processes[rest[0]].relay.send_all()
            case "send heard":
                await town.processes[rest[0]].relay.send_heard()
            case "mark":
                await town.processes[rest[0]].store.mark_sent()
            case "crash":
                await town.crash(*rest)
            case "refuse":
                town.bus.refused.add(rest[0])
            case "accept":
                town.bus.refused.clear()
    await town.end()


def _events(id: str, after: int, count: int) -> list[Any]:
    return [an_event(after + n, about=id) for n in range(1, count + 1)]


def _places(entries: Sequence[Pending]) -> list[tuple[str, int]]:
    return [(entry.document_id, entry.sequence) for entry in entries]
