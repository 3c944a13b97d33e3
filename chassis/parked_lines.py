"""A line of parked events as a release finds it: in order, and read by the version of the software that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis import parked
from chassis.envelope import Unreadable, decode
from chassis.handlers import Delivery
from chassis.store import Cond, Document, Store, Write, change
from contracts.events import Event

PAGE = 100  # events of a line at a time

Known = Mapping[str, type[Event]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A parked event, and what is read in it."""

    document: Document
    read: Delivery | Unreadable

    @property
    def id(self) -> str:
        return self.document.id


@dataclass(frozen=True, slots=True)
class Line:
    """Its first entries in order, and the one after them. `behind`: something earlier of its key is parked."""

    entries: list[Entry]
    next: Document | None = None
    behind: bool = False


async def read_line(store: Store, head: Document, known: Known) -> Line:
    """The line of a head. What had no envelope and has one now stands before what is parked behind it."""
    own = _entry(head, known)
    key, producer = head.data["key"], head.data["producer"]
    if producer is not None:
        return await _rest(store, [], {"key": key, "producer": producer}, known)
    if isinstance(own.read, Unreadable):
        return Line([own])
    where = {"key": own.read.key, "producer": own.read.producer}
    earlier = {**where, "sequence": Cond("below", own.read.sequence)}
    if await store.find(parked.COLLECTION, earlier, limit=1):
        return Line([own], behind=True)
    return await _rest(store, [own], {**where, "sequence": Cond("at_least", own.read.sequence)}, known)


async def _rest(store: Store, first: list[Entry], where: Mapping[str, Any], known: Known) -> Line:
    found = await store.find(parked.COLLECTION, where, order=("sequence", "id"), limit=PAGE + 1)
    entries = [_entry(document, known) for document in found[:PAGE]]
    return Line([*first, *entries], found[PAGE] if len(found) > PAGE else None)


def _entry(document: Document, known: Known) -> Entry:
    return Entry(document, decode(parked.received_of(document), known))


def leading_of(entries: Sequence[Entry]) -> list[tuple[Entry, Delivery]]:
    """Those before the first that cannot be read."""
    found = []
    for entry in entries:
        if isinstance(entry.read, Unreadable):
            break
        found.append((entry, entry.read))
    return found


def changed(entry: Entry, fields: Mapping[str, object]) -> list[Write]:
    """The write, where it says something new; what was unreadable and is not any more joins its line."""
    data = entry.document.data
    wanted = dict(fields)
    if data["producer"] is None and isinstance(entry.read, Delivery):
        wanted |= parked.envelope(entry.read)
    new = {name: value for name, value in wanted.items() if data.get(name) != value}
    return [change(parked.COLLECTION, entry.document, new)] if new else []
