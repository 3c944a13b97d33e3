"""The store port: documents with a version, the events they still have to send, and marks of what they have handled.

One aggregate, one write: every `Write` changes one document, its outbox and its marks in one atomic step.
Documents hold JSON values only; instants are fixed-width UTC strings, so they sort as text in every store.
A field that is missing and a field that is null are the same to a filter. Top-level fields are never removed.
A field that is filtered or ordered by holds text, numbers or booleans (one of the three in every document) or null;
only `holds` looks into lists. Text compares by code points, null sorts before every value.
What some store could not keep as it is (an integer beyond 2^53, a key that begins with '$') is a ValueError before
anything is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from chassis.bus import Record


class StoreUnavailable(Exception):
    """The store did not answer, or answered that it cannot work now. Whether the write happened is not known."""


class Outcome(Enum):
    WRITTEN = "written"
    EXISTS = "exists"  # create: a document with this id is there
    CONFLICT = "conflict"  # change, push, remove: the document is missing, or another version or mark is there
    SKIPPED = "skipped"  # ordered writes: an earlier one was not written


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read. `seen`: last sequence handled per producer. `emitted`: sequence of its last event.

    `outbox`: the events that were in it, sent ones too, as far as the store tells; None = not told.
    """

    id: str
    version: int
    data: dict[str, Any]
    seen: Mapping[str, int] = field(default_factory=dict)
    emitted: int = 0
    outbox: tuple[Numbered, ...] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event of a document, and the number that its writer gave it."""

    sequence: int
    writer: str
    number: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way: its place in the key's order, and the record as the bus gets it."""

    sequence: int
    record: Record


@dataclass(frozen=True, slots=True)
class Write:
    """One atomic change of one document. Made by `create`, `change`, `push` and `remove` below, not by hand."""

    kind: str  # create | change | push | remove
    collection: str
    id: str
    expected: int | None = None  # the version it replaces (change; remove: None = any)
    fields: Mapping[str, Any] = field(default_factory=dict)  # top-level fields to set
    append: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # lists to extend at the end; missing = empty
    cap: int = 500  # an appended list keeps its last `cap` entries
    seen: Mapping[str, int] = field(default_factory=dict)  # marks to set, per producer
    events: Sequence[Outgoing] = ()
    unless: Mapping[str, Any] = field(default_factory=dict)  # push: not to a document that has one of these values
    outbox: tuple[Numbered, ...] | None = None  # change: what was in the outbox of the version that was read
    ends: bool = False  # change: an event of this document is dropped as soon as it is sent, not with the next write


def create(
    collection: str,
    id: str,
    fields: Mapping[str, Any],
    *,
    append: Mapping[str, Sequence[Any]] | None = None,
    seen: Mapping[str, int] | None = None,
    events: Sequence[Outgoing] = (),
) -> Write:
    """A new document of version 1. EXISTS when the id is taken."""
    return Write("create", collection, id, None, fields, append or {}, seen=seen or {}, events=events)


def change(
    collection: str,
    document: Document,
    fields: Mapping[str, Any],
    *,
    append: Mapping[str, Sequence[Any]] | None = None,
    seen: Mapping[str, int] | None = None,
    events: Sequence[Outgoing] = (),
    ends: bool = False,
) -> Write:
    """Replaces the given fields of the version that was read; the version goes up by one. CONFLICT otherwise.

    CONFLICT too when a mark in `seen` is reached already: a push moves marks without a new version.
    ends: the document is emptied; its outbox, too, keeps nothing that is sent.
    """
    return Write(
        "change",
        collection,
        document.id,
        document.version,
        fields,
        append or {},
        seen=seen or {},
        events=events,
        outbox=document.outbox,
        ends=ends,
    )


def push(
    collection: str,
    id: str,
    append: Mapping[str, Sequence[Any]],
    *,
    seen: Mapping[str, int],
    unless: Mapping[str, Any] | None = None,
) -> Write:
    """Extends lists and moves marks by exactly one, whatever the version, which stays.

    CONFLICT unless every mark in `seen` stands one below its new value (a missing mark is 0), and for a document in
    which a field has the text, number or boolean that `unless` names.
    """
    return Write("push", collection, id, None, {}, append, seen=seen, unless=unless or {})


def remove(collection: str, id: str, *, expected: int | None = None) -> Write:
    """Deletes the document and the events it still had to send. CONFLICT when it is not there in this version."""
    return Write("remove", collection, id, expected)


def outbox_after(write: Write) -> tuple[Numbered, ...] | None:
    """What was in the outbox once a create or change is written; None: it has events, whose numbers the store gave."""
    if write.events:
        return None
    return () if write.kind == "create" else write.outbox


@dataclass(frozen=True, slots=True)
class Cond:
    """A comparison in a filter: `below`, `at_most`, `above`, `at_least`, `one_of`, `is_not`, `holds`.

    `holds`: a list field has the value.
    """

    op: str
    value: Any


Where = Mapping[str, Any | Cond | Sequence[Cond]]  # field -> value (equal; None = missing or null) or comparison(s)


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is not known to be sent.

    `number`: what its writer called it. `after`: an earlier event of the document may be unsent, and was not heard.
    """

    collection: str
    document_id: str
    sequence: int
    record: Record
    writer: str = ""
    number: int = 0
    after: bool = False


Hear = Callable[[Sequence[Pending]], None]


@dataclass(frozen=True, slots=True)
class Index:
    """An index over top-level fields ('-' before a name = descending). Never unique: what must be unique is an id."""

    collection: str
    fields: tuple[str, ...]


class Store(Protocol):
    """Two adapters: SQLite (embedded default) and MongoDB. Every method may raise StoreUnavailable."""

    server: str  # name and version of what answers, for reports

    async def setup(self, collections: Sequence[str], indexes: Sequence[Index]) -> None:
        """Makes collections and indexes that are missing. Repeatable."""

    async def get(self, collection: str, id: str) -> Document | None: ...

    async def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]: ...

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        order: Sequence[str] = ("id",),
        limit: int = 100,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        """Documents in order; '-' before a field = descending. 'id' is the document's id and always comes last.

        `after`: the values of the order fields of the last document of the page before.
        """

    async def count(self, collection: str, where: Where) -> int: ...

    async def write(self, writes: Sequence[Write], *, ordered: bool = False) -> list[Outcome]:
        """One outcome per write, in their order. Each write is atomic and durable by itself.

        StoreUnavailable: any of them may have happened. Repeat the call: a create that had happened is EXISTS, a change
        CONFLICT. A caller that is cancelled knows as little. ValueError: a field to extend is not a list; it alone is
        not written.

        ordered: stops after the first that is not WRITTEN; the rest are SKIPPED.
        At most one write per document in one call.
        """

    def listen(self, hear: Hear) -> None:
        """From now on `hear` gets the events of each write, in order, as soon as the write is known to be durable.

        Whoever listens sends them; what this does not tell (a write whose outcome is unknown), `pending` finds.
        """

    async def pending(self, limit: int, *, idle: float = 0.0) -> list[Pending]:
        """Events not known to be sent: per document in order from its first; oldest first as far as known.

        idle: those of another process only if it has said nothing for so many seconds.
        """

    async def pending_of(self, documents: Sequence[tuple[str, str]]) -> list[Pending]:
        """All events of these documents (collection, id) that are not known to be sent, whoever wrote them."""

    async def pending_depth(self, limit: int) -> int:
        """How many documents have unsent events, counted up to `limit`."""

    def note_sent(self, sent: Sequence[Pending]) -> None:
        """The bus has these. Known in this process at once, and to all with the next `mark_sent`."""

    async def mark_sent(self, *, leaving: bool = False) -> int:
        """Makes durable what was noted, and says that this process lives; how many documents that took.

        What a crash keeps from being marked is sent again. leaving: others need not wait for this process.
        """

    def dump(self) -> AsyncIterator[bytes]:
        """Every stored byte as text, for tests that look for what must not be there."""

    async def close(self) -> None: ...
