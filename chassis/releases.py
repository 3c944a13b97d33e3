"""Releases: who let which parked events go on, or discarded them, and why.

A release is a document whose id derives from its caller and the Idempotency-Key, so that asking again changes nothing.
It marks the heads of the lines that its filter matches; the consumer that owns their partitions does the rest. What
became of each event is a document of its own, with an id from release and event.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import parked
from chassis.clock import Clock, later
from chassis.paging import Place
from chassis.problems import KeyReused, NotFound
from chassis.store import Cond, Document, Index, Outcome, Store, Where, Write, change, create, remove
from contracts.canonical import canonical_json

log = logging.getLogger(__name__)

COLLECTION = "releases"
OUTCOMES = "release_outcomes"
INDEXES = (Index(COLLECTION, ("-at",)), Index(OUTCOMES, ("release", "outcome")), Index(OUTCOMES, ("release", "-at")))

RELEASE, DISCARD = "release", "discard"
# What becomes of an event. Repeated: its number was passed before, it was handled already or left out.
HANDLED, REPEATED, DISCARDED, REJECTED = "handled", "repeated", "discarded", "rejected"
KEPT_DAYS = 60  # the records of a release, like the stone of a case that it may name
PAGE = 200
MOST_IN_PREVIEW = 500  # lines that a dry run looks at
FIRST_IDS = 20

Filter = Mapping[str, Any]  # ids, key, topic, reason, producer, type, parked_before, parked_after; what is null is any


@dataclass(frozen=True, slots=True)
class Asked:
    """`why`: the operator's words. `past_gap`: go on although events before the first are missing."""

    verb: str
    filter: Filter
    why: str
    past_gap: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What a release would take up now. `complete` False: there are more lines than a dry run looks at."""

    lines: int
    events: int
    by_topic: Mapping[str, int]  # lines
    by_reason: Mapping[str, int]  # lines
    first_ids: Sequence[str]
    complete: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """`waiting`: lines that are marked and not done; the rest counts events."""

    document: Document
    waiting: int
    handled: int
    repeated: int
    discarded: int
    rejected: int

    @property
    def state(self) -> str:
        if self.document.data["state"] == "marking":
            return "marking"
        return "working" if self.waiting else "done"


def where_of(wanted: Filter) -> dict[str, Any]:
    """The filter as the store reads it. The key of a record without an envelope may be anything: nobody asks for it."""
    where: dict[str, Any] = {
        name: wanted[name] for name in ("key", "topic", "reason", "producer", "type") if wanted.get(name) is not None
    }
    if wanted.get("key") is not None:
        where.setdefault("producer", Cond("is_not", None))
    if wanted.get("ids") is not None:
        where["id"] = Cond("one_of", list(wanted["ids"]))
    times = []
    if (before := wanted.get("parked_before")) is not None:
        times.append(Cond("below", before))
    if (after := wanted.get("parked_after")) is not None:
        times.append(Cond("above", after))
    if times:
        where["parked_at"] = times
    return where


class Releases:
    """What operators ask of a service's parked events."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(self, wanted: Filter, *, heads: bool, limit: int, after: Place | None) -> list[Document]:
        """Parked events, newest first; `heads`: only those at which a line stands."""
        where = where_of(wanted) | ({"head": True} if heads else {})
        return await self._store.find(parked.COLLECTION, where, order=("-parked_at", "id"), limit=limit, after=after)

    async def event(self, id: str) -> Document:
        """Raises NotFound."""
        found = await self._store.get(parked.COLLECTION, id)
        if found is None:
            raise NotFound
        return found

    async def preview(self, wanted: Filter) -> Preview:
        """Writes nothing."""
        where = _heads(wanted)
        found = await self._store.find(parked.COLLECTION, where, limit=MOST_IN_PREVIEW + 1)
        heads = found[:MOST_IN_PREVIEW]
        events = 0
        for head in heads:
            line = {"key": head.data["key"], "producer": head.data["producer"]}
            events += 1 if line["producer"] is None else await self._store.count(parked.COLLECTION, line)
        return Preview(
            lines=len(heads),
            events=events,
            by_topic=Counter(head.data["topic"] for head in heads),
            by_reason=Counter(head.data["reason"] for head in heads),
            first_ids=[head.id for head in heads[:FIRST_IDS]],
            complete=len(heads) == len(found),
        )

    async def ask(self, asked: Asked, *, client: str, key: str) -> Progress:
        """Marks what the filter matches. Asked again with the same key: what is there, and finishes what was cut off.

        Raises KeyReused for another request under the same key.
        """
        id = "r_" + hashlib.sha256(canonical_json([client, key])).hexdigest()[:32]
        body = {"verb": asked.verb, "filter": dict(asked.filter), "why": asked.why, "past_gap": asked.past_gap}
        fields = {**body, "client": client, "at": self._clock.now(), "state": "marking"}
        [outcome] = await self._store.write([create(COLLECTION, id, fields)])
        document = await self._read(id)
        if {name: document.data[name] for name in body} != body:
            raise KeyReused
        if outcome is Outcome.WRITTEN:
            log.info(
                "parked events are let go",
                extra={"action": "parked.asked", "release": id, "verb": asked.verb, "client": client},
            )
        if document.data["state"] == "marking":
            await self._mark(document)
        return await self.progress(id)

    async def _mark(self, release: Document) -> None:
        """The heads that match and were parked when it was asked for. What another release has marked is left to it."""
        asked = release.data
        marks = {"release": release.id, "verb": asked["verb"], "past_gap": asked["past_gap"]}
        where = _heads(asked["filter"], asked["at"])
        after = None
        while heads := await self._store.find(parked.COLLECTION, where, limit=PAGE, after=after):
            tried = [head for head in heads if head.data.get("tried") != release.id]
            await self._store.write([change(parked.COLLECTION, head, marks) for head in tried])
            after = [heads[-1].id]
        await self._store.write([change(COLLECTION, release, {"state": "marked"})])

    async def progress(self, id: str) -> Progress:
        """Raises NotFound."""
        return await self._progress(await self._read(id))

    async def _progress(self, document: Document) -> Progress:
        waiting = await self._store.count(parked.COLLECTION, {"release": document.id})
        handled, repeated, discarded, rejected = [
            await self._store.count(OUTCOMES, {"release": document.id, "outcome": outcome})
            for outcome in (HANDLED, REPEATED, DISCARDED, REJECTED)
        ]
        return Progress(document, waiting, handled, repeated, discarded, rejected)

    async def releases(self, *, limit: int, after: Place | None) -> list[Progress]:
        """Newest first."""
        found = await self._store.find(COLLECTION, {}, order=("-at", "id"), limit=limit, after=after)
        return [await self._progress(document) for document in found]

    async def outcomes(self, id: str, *, limit: int, after: Place | None) -> list[Document]:
        """What became of the events of a release, newest first. Raises NotFound."""
        await self._read(id)
        return await self._store.find(OUTCOMES, {"release": id}, order=("-at", "id"), limit=limit, after=after)

    async def remove_old(self) -> int:
        """Removes the records of old releases that no line waits for; how many releases."""
        before = later(self._clock.now(), -KEPT_DAYS * 86_400.0)
        removed, after = 0, None
        while found := await self._store.find(
            COLLECTION, {"at": Cond("below", before)}, order=("at", "id"), limit=PAGE, after=after
        ):
            for release in found:
                if not await self._store.count(parked.COLLECTION, {"release": release.id}):
                    await self._remove(release.id)
                    removed += 1
            after = [found[-1].data["at"], found[-1].id]
        return removed

    async def _remove(self, id: str) -> None:
        """The release last: what is cut off is found again by it."""
        while events := await self._store.find(OUTCOMES, {"release": id}, limit=PAGE):
            await self._store.write([remove(OUTCOMES, event.id) for event in events])
        await self._store.write([remove(COLLECTION, id)])

    async def _read(self, id: str) -> Document:
        found = await self._store.get(COLLECTION, id)
        if found is None:
            raise NotFound
        return found


def _heads(wanted: Filter, until: str | None = None) -> Where:
    where = where_of(wanted)
    if until is not None:
        where["parked_at"] = [*where.get("parked_at", ()), Cond("at_most", until)]
    return {**where, "head": True, "release": None}


def outcome_of(event: Document, release: str, outcome: str, *, reason: str | None, at: str) -> Write:
    """What became of an event. It names where the record stood and holds nothing of what it said."""
    data = event.data
    id = "o_" + hashlib.sha256(canonical_json([release, event.id])).hexdigest()[:32]
    fields = {
        "release": release,
        "event": event.id,
        **{name: data[name] for name in ("topic", "partition", "offset", "producer", "sequence", "type")},
        "key": data["key"] if data["producer"] is not None else None,
        "outcome": outcome,
        "reason": reason,
        "at": at,
    }
    return create(OUTCOMES, id, fields)
