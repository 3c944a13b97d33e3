"""Whole documents of a SQLite store, read beside the process that owns the file, or put into a file of our own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from chassis import sqlite_rows as rows
from chassis.backup.ports import Kept, StoreArchive
from chassis.owned_file import own, refuse_network_file_system
from chassis.sqlite_queries import quoted
from chassis.store import Outgoing, StoreUnavailable
from chassis.store_sqlite import Place

PAGE = 500
LOCK_SECONDS = 5.0


class SqliteArchive:
    def __init__(self, connection: sqlite3.Connection, lock: int | None) -> None:
        self.server = f"SQLite {sqlite3.sqlite_version}"
        self._connection = connection
        self._lock = lock

    @classmethod
    async def open(cls, url: str, *, writable: bool) -> SqliteArchive:
        """writable: makes the file and owns it; FileRefused when a service has it. Else it must be there."""
        path = Place.of(url).path
        refuse_network_file_system(path)
        lock = None
        if writable:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = own(path)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with _as_unavailable(str(path)):
            uri = f"{path.absolute().as_uri()}?mode={'rw' if writable else 'ro'}"
            connection = sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
            if writable:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                for statement in rows.SCHEMA:
                    connection.execute(statement)
        return cls(connection, lock)

    async def collections(self) -> list[str]:
        with _as_unavailable():
            found = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sorted(name for (name,) in found if not name.startswith(("_", "sqlite_")))

    async def read(self, collection: str) -> AsyncIterator[Kept]:
        after = ""
        while page := self._page(collection, "id > ? ORDER BY id LIMIT ?", [after, PAGE]):
            for kept in page:
                yield kept
            after = page[-1].id
            await asyncio.sleep(0)

    async def some(self, collection: str, ids: Sequence[str]) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for start in range(0, len(ids), PAGE):
            part = ids[start : start + PAGE]
            page = self._page(collection, f"id IN ({', '.join('?' * len(part))})", part)
            found |= {kept.id: kept for kept in page}
        return found

    def _page(self, collection: str, where: str, values: Sequence[Any]) -> list[Kept]:
        """Documents with their events, as of one moment."""
        documents = f"SELECT {rows.DOCUMENT} FROM {quoted(collection)} WHERE {where}"
        ids = f"SELECT id FROM {quoted(collection)} WHERE {where}"
        events = f"SELECT {rows.EVENT} FROM {rows.OUTBOX} WHERE collection = ? AND id IN ({ids}) ORDER BY sequence"
        unsent: dict[str, list[Outgoing]] = {}
        with _as_unavailable(), self._transaction("BEGIN"):
            found = [rows.document(row) for row in self._connection.execute(documents, values)]
            for row in self._connection.execute(events, [collection, *values]):
                pending = rows.pending(row)
                unsent.setdefault(pending.document_id, []).append(Outgoing(pending.sequence, pending.record))
        return [
            Kept(each.id, each.version, each.data, each.seen, each.emitted, tuple(unsent.get(each.id, ())))
            for each in found
        ]

    async def put(self, collection: str, documents: Sequence[Kept]) -> None:
        statement = f"INSERT OR REPLACE INTO {quoted(collection)} ({rows.DOCUMENT}) VALUES (?, ?, ?, ?, ?)"
        with _as_unavailable(), self._transaction("BEGIN IMMEDIATE"):
            rows.create_table(self._connection, collection)
            for kept in documents:
                body = [kept.id, kept.version, kept.emitted, _json(kept.seen), _json(kept.data)]
                self._connection.execute(statement, body)
                rows.put_events(self._connection, collection, kept.id, kept.unsent)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    async def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def _as_unavailable(what: str = "the file") -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as why:
        raise StoreUnavailable(f"{what}: {why}") from None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


_: type[StoreArchive] = SqliteArchive
