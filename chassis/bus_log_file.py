"""The SQLite file of the local log: records in order, and how far each group is. Several processes share it.

Writes that wait at the same time go into one transaction (group commit). Its statements run on the event loop, its
COMMIT with the sync of the disk in a thread; both waits for other processes' writes leave the loop free.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.bus import BusUnavailable
from chassis.bus_log_seat import Bells
from chassis.owned_file import refuse_network_file_system

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, retention_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    place INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, at INTEGER NOT NULL,
    key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB
);
CREATE INDEX IF NOT EXISTS records_of_topic ON records (topic, place);
CREATE TABLE IF NOT EXISTS offsets (
    reader TEXT NOT NULL, topic TEXT NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (reader, topic)
) WITHOUT ROWID;
"""
INSERT = "INSERT INTO records (topic, at, key, headers, value) VALUES (?, ?, ?, ?, ?)"
SELECT = "SELECT place, topic, at, key, headers, value FROM records WHERE topic = ? AND place >= ?"
SAVE_OFFSET = (
    "INSERT INTO offsets (reader, topic, next) VALUES (?, ?, ?) "
    "ON CONFLICT (reader, topic) DO UPDATE SET next = excluded.next"
)
ADD_TOPIC = "INSERT INTO topics (name, retention_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
TRIM = (
    "DELETE FROM records WHERE place IN (SELECT place FROM "
    "(SELECT place, at FROM records WHERE topic = ? ORDER BY place LIMIT ?) WHERE at < ?)"
)

ROWS_PER_COMMIT = 1000
BYTES_PER_READ = 32 << 20
TRIM_ROWS = 200  # at most, per topic and commit
TRIM_SECONDS = 1.0  # between looks for what is too old
WRITE_SECONDS = 10.0  # a write that does not get its turn in this time fails
OPEN_SECONDS = 10.0

Row = tuple[int, str, int, str, str, bytes | None]  # place, topic, at, key, headers, value


@dataclass(slots=True)
class _Job:
    """One statement with its rows; `done` is answered when it is on the disk."""

    sql: str
    rows: Sequence[tuple[object, ...]]
    done: asyncio.Future[None]


class LogFile:
    """One process's hold on the file. All calls raise BusUnavailable when the file cannot be read or written."""

    version = sqlite3.sqlite_version

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-commit")
        self._bells = Bells(path)
        self._jobs: deque[_Job] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._topics: dict[str, int] = {}
        self._next_trim = 0.0

    @classmethod
    async def open(cls, path: Path) -> LogFile:
        """Makes the file if it is missing. Raises FileRefused on a network file system."""
        path = _local(path)
        deadline = time.monotonic() + OPEN_SECONDS
        while True:
            try:
                return cls(path, _connect(path, wait=0.0), _connect(path, wait=1.0))
            except sqlite3.Error as error:
                if not _busy(error) or time.monotonic() > deadline:
                    raise BusUnavailable(f"the local log cannot be opened: {error}") from error
                await asyncio.sleep(0.05)

    async def append(self, rows: Sequence[tuple[str, int, str, str, bytes | None]]) -> None:
        """Rows of topic, at, key, headers, value; all of them or none."""
        await self._write(INSERT, rows)

    async def save_offsets(self, reader: str, offsets: Mapping[str, int]) -> None:
        """Per topic the place of the next record to read."""
        await self._write(SAVE_OFFSET, [(reader, topic, place) for topic, place in offsets.items()])

    async def add_topics(self, retention_ms: Mapping[str, int]) -> None:
        await self._write(ADD_TOPIC, list(retention_ms.items()))

    def has_topic(self, name: str) -> bool:
        if name not in self._topics:
            self._topics = dict(self._query("SELECT name, retention_ms FROM topics"))
        return name in self._topics

    def offsets(self, reader: str) -> dict[str, int]:
        return dict(self._query("SELECT topic, next FROM offsets WHERE reader = ?", reader))

    def end(self, topic: str) -> int:
        """The place after the last record."""
        [(last,)] = self._query("SELECT coalesce(max(place), 0) FROM records WHERE topic = ?", topic)
        return int(last) + 1

    def count(self, topic: str, start: int) -> int:
        [(count,)] = self._query("SELECT count(*) FROM records WHERE topic = ? AND place >= ?", topic, start)
        return int(count)

    def read(self, positions: Mapping[str, int], limit: int) -> list[Row]:
        """Records of the topics from their positions on, oldest first; fewer than `limit` when they are large."""
        if not positions:
            return []
        query = " UNION ALL ".join([SELECT] * len(positions)) + " ORDER BY place LIMIT ?"
        values = [value for position in positions.items() for value in position]
        found: list[Row] = []
        size = 0
        try:
            for row in self._reader.execute(query, (*values, limit)):
                found.append(row)
                size += len(row[5] or b"")
                if size > BYTES_PER_READ:
                    break
        except sqlite3.Error as error:
            raise BusUnavailable(f"the local log cannot be read: {error}") from error
        return found

    async def close(self) -> None:
        if self._flushing is not None:
            await asyncio.wait({self._flushing})
        self._thread.shutdown(wait=False)
        self._bells.close()
        self._reader.close()
        self._writer.close()

    def _query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise BusUnavailable(f"the local log cannot be read: {error}") from error

    async def _write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        job = _Job(sql, rows, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await job.done  # cancelled with its caller: then it is not written, unless it is being written now

    async def _flush(self) -> None:
        """Writes what waits until nothing does."""
        while self._jobs:
            taken: list[_Job] = []
            try:
                await self._begin()
                taken = self._take()
                for job in taken:
                    self._writer.executemany(job.sql, job.rows)
                self._trim()
                await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.commit)
            except (sqlite3.Error, TimeoutError) as error:
                self._fail(taken or self._take(), error)
            except BaseException as error:
                self._fail(taken + self._take(), error)
                raise
            else:
                self._succeed(taken)

    async def _begin(self) -> None:
        """Waits for its turn among the processes."""
        deadline = time.monotonic() + WRITE_SECONDS
        pause = 0.0005
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _busy(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, 0.004)

    def _take(self) -> list[_Job]:
        taken: list[_Job] = []
        rows = 0
        while self._jobs and rows < ROWS_PER_COMMIT:
            job = self._jobs.popleft()
            if not job.done.done():
                taken.append(job)
                rows += len(job.rows)
        return taken

    def _succeed(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            if not job.done.done():
                job.done.set_result(None)
        if topics := {str(row[0]) for job in jobs if job.sql is INSERT for row in job.rows}:
            self._bells.ring(topics)

    def _fail(self, jobs: Sequence[_Job], error: BaseException) -> None:
        log.warning("local log not written", extra={"action": "log.write-failed", "reason": str(error)})
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(BusUnavailable(f"the local log was not written: {error}"))
                job.done.exception()  # seen: a caller that went away does not ask
        if self._writer.in_transaction:
            try:
                self._writer.rollback()
            except sqlite3.Error:
                log.exception("local log not rolled back", extra={"action": "log.rollback-failed"})

    def _trim(self) -> None:
        """Deletes a small step of what is older than its topic's retention."""
        if time.monotonic() < self._next_trim:
            return
        self._next_trim = time.monotonic() + TRIM_SECONDS
        now = time.time_ns() // 1_000_000
        for topic, retention_ms in self._topics.items():
            gone = self._writer.execute(TRIM, (topic, TRIM_ROWS, now - retention_ms)).rowcount
            if gone == TRIM_ROWS:
                self._next_trim = 0.0  # there is more: go on with the next write


def _local(path: Path) -> Path:
    """The resolved path, its folder made."""
    path = path.resolve()
    refuse_network_file_system(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BusUnavailable(f"the folder of the local log cannot be made: {error}") from error
    return path


def _connect(path: Path, *, wait: float) -> sqlite3.Connection:
    """`wait`: seconds that SQLite itself waits for another process's lock."""
    connection = sqlite3.connect(path, timeout=max(wait, 1.0), isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
