"""The outboxes of one database: whose events wait in which document, and how it becomes durable that they are sent.

`_writers` holds one document per writer: {_id: name, sent: its mark, at: ms when it last said something, left?}.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chassis import mongo_documents as mongo
from chassis.mongo_writers import Number, Place, Writers
from chassis.store import Hear, Outcome, Pending, StoreUnavailable, Write
from chassis.write_queue import Answer

WRITERS = "_writers"
ALL_SECONDS = 10.0  # how often every writer is read, not only those that spoke of late
OF_LATE_MS = 60_000
RENEW_SECONDS = 1.0
ENDED_SECONDS = 30.0  # how often ended documents are looked for that another process has left
AT_ONCE = 100  # writers in one query


Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]  # operators, or a pipeline


class Documents(Protocol):
    """What is asked of the database. Every method may raise StoreUnavailable."""

    async def names(self) -> list[str]:
        """The collections in which events may wait."""

    async def read(
        self, collection: str, query: Mapping[str, Any], projection: Mapping[str, Any], limit: int = 0
    ) -> list[dict[str, Any]]: ...

    async def count(self, collection: str, query: Mapping[str, Any], limit: int) -> int: ...

    async def add(self, collection: str, document: Mapping[str, Any]) -> None:
        """Durable."""

    async def update(self, collection: str, query: Mapping[str, Any], update: Update) -> None:
        """One document. Not waiting for durability: a mark that is lost sends an event again, which is allowed."""


class Outbox:
    """What one process knows and finds of the events on their way."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._writers = Writers()
        self._hearers: list[Hear] = []
        self._registering = asyncio.Lock()
        self._all_read = float("-inf")
        self._renewed = float("-inf")
        self._ending: set[Place] = set()  # ended documents whose outbox is not empty yet
        self._ended_read = float("-inf")

    def listen(self, hear: Hear) -> None:
        self._hearers.append(hear)

    # --- beside each write ---

    async def numbers(self, writes: Sequence[Write]) -> list[list[Number]]:
        """A number for each event. StoreUnavailable: nothing can be written now."""
        if not any(write.events for write in writes):
            return [[] for _ in writes]
        while not self._writers.registered:
            async with self._registering:
                if not self._writers.registered:
                    name = self._writers.name
                    try:
                        await self._documents.add(WRITERS, {"_id": name, "sent": 0, "at": _now()})
                    except BaseException:
                        self._writers.retire()  # it may be there: the next try needs another name
                        raise
                    self._renewed = time.monotonic()
                    self._writers.registered = name == self._writers.name
        return [self._writers.take(len(write.events)) for write in writes]

    def leading_sent(self, write: Write) -> int:
        """How many events at the head of the outbox that the write found need not stay."""
        return 0 if write.outbox is None else self._writers.leading_sent(write.outbox)

    def unknown(self) -> None:
        """No answer came: what was under way is found in the store, or is not there."""
        self._writers.retire()

    def settle(self, writes: Sequence[Write], numbers: Sequence[Sequence[Number]], answers: Sequence[Answer]) -> None:
        """Tells who listens what is written now."""
        told: list[Pending] = []
        unknown = False
        for write, answer in zip(writes, answers, strict=True):
            if write.kind == "remove" and answer is Outcome.WRITTEN:  # in one batch removals are made first
                self._writers.removed((write.collection, write.id))
        for write, mine, answer in zip(writes, numbers, answers, strict=True):
            place = (write.collection, write.id)
            if isinstance(answer, StoreUnavailable):
                unknown = unknown or bool(mine)
            elif answer is not Outcome.WRITTEN:
                self._writers.void(mine)
            else:
                self._writers.written(place, mine)
                told += self._told(write, mine)
                if write.ends:
                    self._ending.add(place)
        if told and self._hearers:
            self._writers.told.update((entry.writer, entry.number) for entry in told)
            for hear in self._hearers:
                hear(told)
        if unknown:
            self._writers.retire()

    def _told(self, write: Write, numbers: Sequence[Number]) -> list[Pending]:
        if not numbers:
            return []
        first = write.events[0].sequence
        after = first > 1 and (write.outbox is None or self._writers.unheard(write.outbox))
        return [
            Pending(write.collection, write.id, event.sequence, event.record, name, number, after)
            for event, (name, number) in zip(write.events, numbers, strict=True)
            if not self._writers.is_sent(name, number)  # a sweep may have been faster
        ]

    # --- what waits ---

    async def pending(self, limit: int, idle: float) -> list[Pending]:
        await self._read_writers()
        marks = self._writers.above(idle)
        room = limit + self._writers.not_durable()
        names = await self._documents.names()
        asked = [(name, some) for name in names for some in _parts(marks)]
        batches = await asyncio.gather(
            *(self._documents.read(name, mongo.above(some), {"_out": 1}, room) for name, some in asked)
        )
        found = {
            (name, entry["_id"]): entry for (name, _), batch in zip(asked, batches, strict=True) for entry in batch
        }
        if all(len(batch) < room for batch in batches):
            busy = {event["by"] for entry in found.values() for event in entry["_out"]}
            self._writers.found_empty(marks.keys() - busy)
        waiting = [mongo.unsent(name, entry, self._writers.is_sent) for (name, _), entry in found.items()]
        waiting.sort(key=lambda entry: entry[0])
        return [event for _, events in waiting for event in events][:limit]

    async def pending_of(self, documents: Sequence[Place]) -> list[Pending]:
        found: list[tuple[str, dict[str, Any]]] = []
        for name in sorted({name for name, _ in documents}):
            ids = [id for collection, id in documents if collection == name]
            batch = await self._documents.read(name, {"_id": {"$in": ids}}, {"_out": 1})
            found += [(name, entry) for entry in batch]
        by = {event["by"] for _, entry in found for event in entry.get("_out", ())}
        if strangers := [name for name in by if self._writers.mark_of(name) is None]:
            self._writers.learn(await self._documents.read(WRITERS, {"_id": {"$in": strangers}}, {}))
        return [event for name, entry in found for event in mongo.unsent(name, entry, self._writers.is_sent)[1]]

    async def depth(self, limit: int) -> int:
        """Own documents are known; those of others are counted."""
        await self._read_writers()
        depth = self._writers.unsent_documents()
        others = self._writers.others()
        for name in await self._documents.names() if others else []:
            for some in _parts(others):
                if depth < limit:
                    depth += await self._documents.count(name, mongo.above(some), limit - depth)
        return min(depth, limit)

    async def _read_writers(self) -> None:
        now = time.monotonic()
        everyone = now - self._all_read > ALL_SECONDS
        query: Mapping[str, Any] = {} if everyone else {"at": {"$gt": _now() - OF_LATE_MS}}
        self._writers.learn(await self._documents.read(WRITERS, query, {}))
        if everyone:
            self._all_read = now

    # --- what is sent ---

    def note_sent(self, sent: Sequence[Pending]) -> None:
        self._writers.note(sent)

    async def mark_sent(self, leaving: bool) -> int:
        await self._find_ended()
        plan = self._writers.plan()
        for (collection, id), numbers in plan.removals.items():
            await self._documents.update(collection, {"_id": id, **mongo.HAS_OUTBOX}, mongo.without(numbers))
        marks = {name: {"sent": mark, "at": _now()} for name, mark in plan.marks.items()}
        if self._writers.registered and self._writers.unsent_documents():
            if leaving:
                marks.setdefault(self._writers.name, {})["left"] = True
            elif time.monotonic() - self._renewed > RENEW_SECONDS:
                marks.setdefault(self._writers.name, {"at": _now()})
        for name, fields in marks.items():
            await self._documents.update(WRITERS, {"_id": name}, {"$set": fields})
        if self._writers.name in marks:
            self._renewed = time.monotonic()
        self._writers.done(plan)
        return len(plan.removals) + len(marks) + await self._empty_ended()

    async def _find_ended(self) -> None:
        """After a crash nobody remembers them."""
        if time.monotonic() - self._ended_read < ENDED_SECONDS:
            return
        for name in await self._documents.names():
            found = await self._documents.read(name, mongo.ENDED, {"_id": 1}, 1000)
            self._ending.update((name, entry["_id"]) for entry in found)
        self._ended_read = time.monotonic()

    async def _empty_ended(self) -> int:
        """What is sent leaves a document that has ended: nobody will write it again."""
        written = 0
        for place in list(self._ending):
            collection, id = place
            found = await self._documents.read(collection, {"_id": id}, mongo.NUMBERS)
            outbox = mongo.numbered(found[0]) if found else ()
            sent = outbox[: self._writers.leading_sent(outbox)]
            if sent:
                gone = mongo.without([(event.writer, event.number) for event in sent])
                await self._documents.update(collection, {"_id": id, **mongo.HAS_OUTBOX}, gone)
                written += 1
            if len(sent) == len(outbox):
                if found:
                    empty = {"_id": id, "_out.0": {"$exists": False}}
                    await self._documents.update(collection, empty, {"$unset": {"_ends": ""}})
                    written += 1
                self._ending.discard(place)
        return written


def _parts(marks: Mapping[str, int]) -> list[dict[str, int]]:
    names = sorted(marks)
    return [{name: marks[name] for name in names[start : start + AT_ONCE]} for start in range(0, len(names), AT_ONCE)]


def _now() -> int:
    return time.time_ns() // 1_000_000
