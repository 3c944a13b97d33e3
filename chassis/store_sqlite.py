"""The store port on one SQLite file: the embedded default, for development and tests.

Writes of concurrent callers share one transaction (group commit): their statements run on the loop's thread, the COMMIT
with its fsync in a thread of its own. Reads have a connection of their own and see what is committed, nothing else.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from chassis import sqlite_queries as sql
from chassis import sqlite_rows as rows
from chassis.owned_file import FileRefused, own, refuse_network_file_system
from chassis.sqlite_outbox import Outbox
from chassis.store import Document, Hear, Index, Outcome, Pending, Store, StoreUnavailable, Where, Write
from chassis.store_rules import check

GROUP = 256  # jobs in one transaction
LOCK_SECONDS = 0.2  # how long to wait for a lock that some other program holds
SYNCHRONOUS = ("full", "normal")
LOG_BYTES = 64 * 1024 * 1024  # what the write-ahead log is cut back to

Statements = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says. synchronous=normal is for tests: it may lose writes when power fails."""

    path: Path
    synchronous: str = "full"
    read_only: bool = False

    @classmethod
    def of(cls, url: str) -> Place:
        path, _, query = url.removeprefix("sqlite:").partition("?")
        options = {name: values[-1] for name, values in parse_qs(query, strict_parsing=bool(query)).items()}
        synchronous, mode = options.pop("synchronous", "full"), options.pop("mode", "rw")
        if not url.startswith("sqlite:") or not path or options or mode not in ("rw", "ro"):
            raise ValueError("a SQLite URL reads sqlite:PATH[?synchronous=full|normal][&mode=rw|ro]")
        if synchronous not in SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(SYNCHRONOUS)}")
        return cls(Path(path), synchronous, mode == "ro")


@dataclass(slots=True)
class _Job:
    statements: Statements
    done: asyncio.Future[Any]
    then: Callable[[], None]  # called once it is durable, also when nobody waits any more


class SqliteStore:
    """One file, one process that writes it; with `mode=ro` a tool reads beside it."""

    server = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._jobs: deque[_Job] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._tables: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._lock: int | None = None
        self._writer: sqlite3.Connection | None = None
        self._outbox = Outbox()
        refuse_network_file_system(place.path)
        if not place.read_only:
            place.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = own(place.path)
        try:
            if not place.read_only:
                os.close(os.open(place.path, os.O_CREAT | os.O_RDWR, 0o600))  # the log beside it takes the same mode
                self._writer = self._connect()
                for statement in rows.SCHEMA:
                    self._writer.execute(statement)
                self._outbox.last = rows.last_number(self._writer)
            self._reader = self._connect(read_only=True)
        except BaseException:
            self._unlock()
            raise
        self._commits = asyncio.create_task(self._commit_groups(), name="sqlite.commit")

    @classmethod
    async def open(cls, url: str) -> SqliteStore:
        """ValueError: not such a URL. FileRefused: network file system, or another process owns the file."""
        place = Place.of(url)
        try:
            return cls(place)
        except (sqlite3.Error, OSError) as why:
            raise StoreUnavailable(f"{place.path}: {why}") from None

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._place.path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
            uri=True,
            timeout=LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # used by one thread at a time: the loop's, or the one that commits
            cached_statements=512,
        )
        if not read_only:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
                raise FileRefused(f"{self._place.path}: no write-ahead log is possible there")
            connection.execute(f"PRAGMA synchronous={self._place.synchronous}")
            connection.execute("PRAGMA secure_delete=FAST")
            connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        return connection

    # --- reading ---

    async def get(self, collection: str, id: str) -> Document | None:
        return (await self.get_many(collection, [id])).get(id)

    async def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            marks = ", ".join("?" * len(some))
            statement = f"SELECT {rows.DOCUMENT} FROM {sql.quoted(collection)} WHERE id IN ({marks})"
            found |= {row[0]: rows.document(row) for row in await self._read(collection, statement, some)}
        return found

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        order: Sequence[str] = ("id",),
        limit: int = 100,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        statement, values = sql.find(collection, where, order, limit, after)
        return [rows.document(row) for row in await self._read(collection, statement, values)]

    async def count(self, collection: str, where: Where) -> int:
        found = await self._read(collection, *sql.count(collection, where))
        return int(found[0][0]) if found else 0

    async def _read(self, collection: str, statement: str, values: Sequence[Any]) -> list[Any]:
        """The rows; none from a collection that nobody has made."""
        await asyncio.sleep(0)  # as with a server, others have their turn; a loop of reads would starve them
        try:
            if not self._known(collection):
                return []
            return self._reader.execute(statement, values).fetchall()
        except sqlite3.Error as why:
            raise _unavailable(why) from None

    def _known(self, table: str) -> bool:
        if table not in self._tables and _exists(self._reader, table):
            self._tables.add(table)
        return table in self._tables

    async def dump(self) -> AsyncIterator[bytes]:
        try:
            connection = self._connect(read_only=True)
            try:
                schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
                for row in schema:
                    yield rows.text(row)
                for table in [name for kind, name, _, _ in schema if kind == "table"]:
                    for row in connection.execute(f"SELECT * FROM {sql.quoted(table)}"):
                        yield rows.text(row)
            finally:
                connection.close()
        except sqlite3.Error as why:
            raise _unavailable(why) from None

    # --- writing ---

    async def setup(self, collections: Sequence[str], indexes: Sequence[Index]) -> None:
        def statements(connection: sqlite3.Connection) -> None:
            for collection in collections:
                rows.create_table(connection, collection)
            for index in indexes:
                connection.execute(sql.create_index(index))

        await self._in_transaction(statements)
        for collection in collections:
            self._known(collection)

    async def write(self, writes: Sequence[Write], *, ordered: bool = False) -> list[Outcome]:
        for write in writes:
            check(write)
        if not writes:
            return []
        told: list[Pending] = []

        def statements(connection: sqlite3.Connection) -> list[Outcome]:
            outcomes: list[Outcome] = []
            for write in writes:
                if write.collection not in self._tables and not _exists(connection, write.collection):
                    rows.create_table(connection, write.collection)
                outcome, news = self._outbox.apply(connection, write)
                outcomes.append(outcome)
                told.extend(news)
                if ordered and outcome is not Outcome.WRITTEN:
                    break
            return outcomes + [Outcome.SKIPPED] * (len(writes) - len(outcomes))

        outcomes: list[Outcome] = await self._in_transaction(statements, lambda: self._outbox.tell(told))
        return outcomes

    # --- events on their way ---

    def listen(self, hear: Hear) -> None:
        self._outbox.listen(hear)

    async def pending(self, limit: int, *, idle: float = 0.0) -> list[Pending]:
        return self._outbox.unsent(await self._read(rows.OUTBOX, *self._outbox.oldest(limit)))

    async def pending_of(self, documents: Sequence[tuple[str, str]]) -> list[Pending]:
        found = [row for each in documents for row in await self._read(rows.OUTBOX, *self._outbox.of(each))]
        return self._outbox.unsent(found)

    async def pending_depth(self, limit: int) -> int:
        found = await self._read(rows.OUTBOX, *self._outbox.depth(limit))
        return int(found[0][0]) if found else 0

    def note_sent(self, sent: Sequence[Pending]) -> None:
        self._outbox.note_sent(sent)

    async def mark_sent(self, *, leaving: bool = False) -> int:
        """One transaction, whatever it takes out."""
        gone = self._outbox.sent()
        if not gone:
            return 0
        statement = f"DELETE FROM {rows.OUTBOX} WHERE n = ?"
        await self._in_transaction(lambda connection: connection.executemany(statement, [(n,) for n in gone]))
        self._outbox.gone(gone)
        return 1

    async def _in_transaction(self, statements: Statements, then: Callable[[], None] = lambda: None) -> Any:
        """Runs with the next group. A caller that is cancelled meanwhile does not know whether it happened."""
        if self._place.read_only:
            raise StoreUnavailable("the store was opened for reading")
        if self._closing or self._commits.done():
            raise StoreUnavailable("the store is closed")
        job = _Job(statements, asyncio.get_running_loop().create_future(), then)
        self._jobs.append(job)
        self._work.set()
        return await job.done

    async def _commit_groups(self) -> None:
        """Until `close`, and then what is still waiting."""
        while self._jobs or not self._closing:
            await self._work.wait()
            self._work.clear()
            while self._jobs:
                await self._commit([self._jobs.popleft() for _ in range(min(GROUP, len(self._jobs)))])

    async def _commit(self, group: Sequence[_Job]) -> None:
        """One transaction. Every caller of the group gets its own result, or all get StoreUnavailable."""
        answers: list[Any] = [StoreUnavailable("interrupted")] * len(group)
        try:
            connection = self._writer = self._writer or self._connect()
            connection.execute("BEGIN IMMEDIATE")
            results = [_result(job, connection) for job in group]
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.execute, "COMMIT")
            answers = results
            for job in group:
                job.then()
        except (sqlite3.Error, FileRefused) as why:
            answers = [_unavailable(why) for _ in group]
            self._roll_back()
        except Exception as why:  # a mistake of ours: it must not end the writing of everybody
            answers = [StoreUnavailable(type(why).__name__)] * len(group)
            self._roll_back()
        finally:  # whatever happened, nobody waits for ever
            for job, result in zip(group, answers, strict=True):
                if not job.done.done():
                    _answer(job.done, result)

    def _roll_back(self) -> None:
        """After it the next group begins anew, with a new connection if this one cannot go on."""
        if self._writer is None:
            return
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None

    async def close(self) -> None:
        """Writes what is waiting, then closes. Repeatable."""
        if self._closing:
            return
        self._closing = True
        self._work.set()
        await asyncio.wait([self._commits])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    def _disconnect(self) -> None:
        self._reader.close()
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()  # the last to close empties the log
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [table]).fetchone()
    return found is not None


def _result(job: _Job, connection: sqlite3.Connection) -> Any:
    """A mistake in one job is its caller's alone; an error of the database is everybody's."""
    if job.done.cancelled():
        return None
    try:
        return job.statements(connection)
    except (ValueError, TypeError) as mistake:
        return mistake


def _answer(future: asyncio.Future[Any], result: Any) -> None:
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _unavailable(why: Exception) -> StoreUnavailable:
    """Names the kind of trouble ("SQLITE_FULL: database or disk is full"); SQLite's messages hold no values."""
    return StoreUnavailable(f"{getattr(why, 'sqlite_errorname', type(why).__name__)}: {why}")


_: type[Store] = SqliteStore
