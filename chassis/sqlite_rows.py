"""Documents and outgoing events as rows: one table per collection, one outbox in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from chassis.bus import Record
from chassis.sqlite_queries import quoted
from chassis.store import Document, Outcome, Outgoing, Pending, Write
from chassis.store_rules import extended, grown, set_fields

OUTBOX = "_outbox"
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS {OUTBOX} (n INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL,"
    " sequence INTEGER NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL)",
    f"CREATE INDEX IF NOT EXISTS by_document ON {OUTBOX} (collection, id, sequence)",
)
DOCUMENT = "id, version, emitted, seen, body"
EVENT = "collection, id, sequence, topic, key, headers, value, n"
UNSENT = "n NOT IN (SELECT value FROM json_each(?))"  # the numbers that are sent and still there, as a JSON list


class Connection(Protocol):
    """What is needed of a database connection inside a transaction."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


def create_table(connection: Connection, collection: str) -> None:
    if not collection.replace("_", "").isalnum() or collection.startswith(("_", "sqlite_")):
        raise ValueError("a collection's name is made of letters, digits and '_'")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {quoted(collection)} (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL,"
        " emitted INTEGER NOT NULL, seen TEXT NOT NULL, body TEXT NOT NULL)"
    )


def apply(connection: Connection, write: Write, numbers: Sequence[int] = ()) -> Outcome:
    """One write. A ValueError comes before its first statement, so that nothing of it is done.

    numbers: one for each event; events leave in their order.
    """
    pairs = zip(write.events, numbers, strict=True)
    events = [_outbox_row(write.collection, write.id, event, number) for event, number in pairs]
    match write.kind:
        case "create":
            outcome = _create(connection, write)
        case "remove":
            outcome = _remove(connection, write)
        case _:
            outcome = _change(connection, write)
    if events and outcome is Outcome.WRITTEN:
        connection.executemany(f"INSERT INTO {OUTBOX} ({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", events)
    return outcome


def _create(connection: Connection, write: Write) -> Outcome:
    body = set_fields(write) | {name: list(entries)[-write.cap :] for name, entries in extended(write).items()}
    emitted = write.events[-1].sequence if write.events else 0
    done = connection.execute(
        f"INSERT INTO {quoted(write.collection)} ({DOCUMENT}) VALUES (?, 1, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        [write.id, emitted, _json(write.seen), _json(body)],
    )
    return Outcome.WRITTEN if done.rowcount == 1 else Outcome.EXISTS


def _change(connection: Connection, write: Write) -> Outcome:
    """Change and push: the document as it is now with what the write says, and nothing else."""
    table = quoted(write.collection)
    row = connection.execute(f"SELECT {DOCUMENT} FROM {table} WHERE id = ?", [write.id]).fetchone()
    if row is None:
        return Outcome.CONFLICT
    there = document(row)
    version = there.version
    if write.kind == "push":
        if any(there.seen.get(producer, 0) != mark - 1 for producer, mark in write.seen.items()):
            return Outcome.CONFLICT
        if any(there.data.get(name) == value for name, value in write.unless.items()):
            return Outcome.CONFLICT
    elif there.version != write.expected or any(there.seen.get(name, 0) >= mark for name, mark in write.seen.items()):
        return Outcome.CONFLICT
    else:
        version += 1
    lists = {name: grown(there.data.get(name, ()), write, name) for name in extended(write)}
    connection.execute(
        f"UPDATE {table} SET version = ?, emitted = ?, seen = ?, body = ? WHERE id = ?",
        [
            version,
            write.events[-1].sequence if write.events else there.emitted,
            _json({**there.seen, **write.seen}),
            _json({**there.data, **set_fields(write), **lists}),
            write.id,
        ],
    )
    return Outcome.WRITTEN


def _remove(connection: Connection, write: Write) -> Outcome:
    done = connection.execute(
        f"DELETE FROM {quoted(write.collection)} WHERE id = ? AND version = coalesce(?, version)",
        [write.id, write.expected],
    )
    if done.rowcount == 0:
        return Outcome.CONFLICT
    connection.execute(f"DELETE FROM {OUTBOX} WHERE collection = ? AND id = ?", [write.collection, write.id])
    return Outcome.WRITTEN


def put_events(connection: Connection, collection: str, id: str, events: Sequence[Outgoing]) -> None:
    """These alone are what the document still has to send."""
    connection.execute(f"DELETE FROM {OUTBOX} WHERE collection = ? AND id = ?", [collection, id])
    first = last_number(connection) + 1
    found = [_outbox_row(collection, id, event, number) for number, event in enumerate(events, start=first)]
    connection.executemany(f"INSERT INTO {OUTBOX} ({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", found)


def document(row: Any) -> Document:
    """From the columns of DOCUMENT."""
    id, version, emitted, seen, body = row
    return Document(id, version, orjson.loads(body), orjson.loads(seen), emitted)


def pending(row: Any) -> Pending:
    """From the columns of EVENT."""
    collection, id, sequence, topic, key, headers, value, number = row
    pairs = tuple((name, text) for name, text in orjson.loads(headers))
    return Pending(collection, id, sequence, Record(topic, key, pairs, value), number=number)


def waiting(connection: Connection, write: Write) -> set[int]:
    """The numbers of the events of this document that are in the outbox."""
    found = connection.execute(f"SELECT n FROM {OUTBOX} WHERE collection = ? AND id = ?", [write.collection, write.id])
    return {number for (number,) in found.fetchall()}


def last_number(connection: Connection) -> int:
    return int(connection.execute(f"SELECT coalesce(max(n), 0) FROM {OUTBOX}").fetchone()[0])


def text(row: Any) -> bytes:
    """Every column, for looking at."""
    return b"\t".join(value if isinstance(value, bytes) else str(value).encode() for value in row)


def _outbox_row(collection: str, id: str, event: Outgoing, number: int) -> tuple[Any, ...]:
    record = event.record
    headers = orjson.dumps(record.headers).decode()
    return collection, id, event.sequence, record.topic, record.key, headers, record.value, number


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()  # keys are text or a StrEnum: checked before
