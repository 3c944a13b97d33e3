"""A runner on the embedded adapters whose handlers note what they see, for the tests of the chassis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chassis import parked
from chassis.bus import Bus, Record
from chassis.chain import Chain
from chassis.clock import Clock
from chassis.envelope import to_record
from chassis.handlers import Delivery, Save, Subscription, on, on_line
from chassis.health import Health
from chassis.holding import Limits
from chassis.outbox import Author
from chassis.runner import Runner
from chassis.store import Document, Store, StoreUnavailable
from contracts.events import CaseWithdrawn, Event, MessageDelivered, PersonalDataErased
from tests.waiting import until

TOPIC = CaseWithdrawn.TOPIC
A, B, C = (f"c_{letter * 26}" for letter in "abc")
QUICK = Limits(poll_seconds=0.05, gap_seconds=0.3, retry_pause=0.01, tries=3)


def withdrawn(case: str, sequence: int, revision: int | None = None) -> Record:
    """An event whose revision says which one it is."""
    event = CaseWithdrawn(case_id=case, revision=revision or sequence, case_number="n")
    return record(event, sequence)


def erased(case: str, sequence: int) -> Record:
    return record(PersonalDataErased(case_id=case), sequence)


def told(id: str, sequence: int, case: str = A) -> Record:
    event = MessageDelivered(case_id=case, message_id=id, step="received", kind="email", attempts=1)
    return record(event, sequence, source="/notify")


def record(
    event: Event,
    sequence: int,
    source: str = "/intake",
    correlation: str = "correlation",
    before: Chain | None = None,
) -> Record:
    return to_record(
        event,
        sequence=sequence,
        before=before,
        source=source,
        time="2026-01-01T00:00:00.000Z",
        partner_id="partner",
        correlation_id=correlation,
        causation_id="",
    )


class Bench:
    """A runner whose handlers note what they see."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self.store = store
        self.bus = bus
        self.clock = Clock()
        self.health = Health()
        self.handled: list[tuple[str, int]] = []
        self.act: Callable[[CaseWithdrawn, Document | None], None] = lambda event, document: None
        self.limits = QUICK
        self.saved: list[Document] = []

    async def note(self, event: CaseWithdrawn, document: Document | None) -> Save:
        self.act(event, document)
        self.handled.append((event.case_id, event.revision))
        before = document.data.get("revisions", []) if document else []
        answer = CaseWithdrawn(case_id=event.case_id, revision=event.revision, case_number="answer")
        return Save({"revisions": [*before, event.revision]}, events=[answer])

    async def end(self, event: PersonalDataErased, document: Document | None) -> Save:
        return Save({"revisions": [], "status": "erased"})

    def message(self, event: MessageDelivered, delivery: Delivery) -> dict[str, list[Any]]:
        return {"lines": [event.message_id]}

    def subscriptions(self) -> list[Subscription]:
        return [
            on(CaseWithdrawn, do=self.note),
            on(PersonalDataErased, do=self.end, ends=True),
            on_line(MessageDelivered, line=self.message, unless={"status": "erased"}),
        ]

    def runner(self) -> Runner:
        return Runner(
            "bench",
            self.store,
            self.bus,
            collection="things",
            subscriptions=self.subscriptions(),
            topics=[TOPIC, MessageDelivered.TOPIC],
            author=Author("/bench", self.clock),
            clock=self.clock,
            health=self.health,
            limits=self.limits,
            saved=self.saved.extend,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runner]:
        stop, runner = asyncio.Event(), self.runner()
        task = asyncio.create_task(runner.run(stop))
        try:
            yield runner
        finally:
            stop.set()
            await asyncio.wait_for(task, 90)

    async def revisions(self, case: str) -> list[int]:
        document = await self.store.get("things", case)
        return document.data.get("revisions", []) if document else []

    async def parked(self) -> list[tuple[str, int, str, bool]]:
        found = await self.store.find(parked.COLLECTION, {}, order=("offset", "id"))
        return [(d.data["key"], d.data["sequence"], d.data["reason"], d.data["head"]) for d in found]

    async def sent(self) -> list[tuple[str, int]]:
        entries = await self.store.pending(1000)
        return [(entry.document_id, entry.sequence) for entry in entries]

    async def has(self, case: str, *revisions: int) -> None:
        await until(lambda: self._is(case, list(revisions)))

    async def _is(self, case: str, revisions: list[int]) -> bool:
        return await self.revisions(case) == revisions

    async def has_parked(self, *entries: tuple[str, int, str]) -> None:
        """Until exactly these are parked: key, sequence, reason."""

        async def are() -> bool:
            return [entry[:3] for entry in await self.parked()] == list(entries)

        await until(are)

    async def has_seen(self, case: str, sequence: int) -> None:
        async def has() -> bool:
            document = await self.store.get("things", case)
            return document is not None and document.seen.get("intake") == sequence

        await until(has)


def failing(bench: Bench, when: Callable[[Any], bool], *, after: bool = False, times: int = 1) -> list[Any]:
    """The store fails when asked for such writes, so many times; `after`: it has written them all the same."""
    write, failed = bench.store.write, list[Any]()

    async def broken(writes: Any, *, ordered: bool = False) -> Any:
        fails = len(failed) < times and bool(writes) and when(writes)
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
