"""Builders for the store's tests: documents called things, and events about them."""

from collections.abc import Sequence
from typing import Any

from chassis.bus import Record
from chassis.store import Document, Outcome, Outgoing, Pending, Store, Write, create

THINGS = "things"
CLAIMS = "claims"


def a_thing(
    id: str = "t1", *, events: Sequence[Outgoing] = (), seen: dict[str, int] | None = None, **fields: Any
) -> Write:
    return create(THINGS, id, fields, seen=seen, events=events)


def an_event(sequence: int = 1, *, about: str = "t1", value: bytes = b'{"a":1}') -> Outgoing:
    headers = (("ce_type", "thing.happened"), ("ce_sequence", str(sequence)))
    return Outgoing(sequence, Record("thing.v1", about, headers, value))


async def put(store: Store, *writes: Write) -> None:
    """Writes that must succeed."""
    assert await store.write(writes) == [Outcome.WRITTEN] * len(writes)


async def read(store: Store, id: str = "t1") -> Document:
    document = await store.get(THINGS, id)
    assert document is not None
    return document


async def one(store: Store, write: Write) -> Outcome:
    [outcome] = await store.write([write])
    return outcome


async def sent(store: Store, entries: Sequence[Pending]) -> None:
    """Notes these as sent, and makes that durable."""
    store.note_sent(entries)
    await store.mark_sent()


def places(pending: Sequence[Pending]) -> list[tuple[str, int]]:
    return [(entry.document_id, entry.sequence) for entry in pending]


def ids(documents: Sequence[Document]) -> list[str]:
    return [document.id for document in documents]
