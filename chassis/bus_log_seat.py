"""The seat of a consumer group at a local log: one process sits on it, and is woken by a datagram.

The seat is a file lock, which the kernel gives back when its process dies. Whoever sits on it listens at a Unix
socket, whose name says which topics its group hears; after an append writers ring where these topics are heard. A ring
may get lost: listeners also look by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 104 to 108
SOCKET_NAME = 28  # characters, at most
MOST_TOPICS = 4  # in the name of a socket; a group that hears more is rung for all
LIST_SECONDS = 0.25  # how long a writer may take the listeners for those that it has found


@dataclass(frozen=True, slots=True)
class _Listener:
    path: str
    topics: frozenset[str]  # as their marks; empty: all

    def hears(self, marks: Collection[str]) -> bool:
        return not self.topics or not self.topics.isdisjoint(marks)


def seats_folder(log: Path) -> Path:
    """Where the locks of a log lie: beside it, so that every process that has the log finds the same."""
    return log.with_name(log.name + ".groups")


def bells_folder(log: Path) -> Path:
    """Where the sockets of a log lie: with the locks, or in the temporary folder when that path is too long."""
    beside = seats_folder(log)
    if len(os.fsencode(beside)) + 1 + SOCKET_NAME <= LONGEST_SOCKET_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(log)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bus-{os.getuid()}-{name}"


def _group_name(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()[:16]


@cache
def _mark(topic: str) -> str:
    """Short, so that a path has room for some. Two topics that share one are rung for in vain, no more."""
    return hashlib.sha256(topic.encode()).hexdigest()[:3]


def _socket_name(group: str, topics: Collection[str]) -> str:
    marks = sorted({_mark(topic) for topic in topics}) if len(topics) <= MOST_TOPICS else []
    return f"{_group_name(group)[:10]}-{''.join(marks)}.sock"


def _listener(entry: os.DirEntry[str]) -> _Listener:
    marks = entry.name.removesuffix(".sock").partition("-")[2]
    return _Listener(entry.path, frozenset(marks[place : place + 3] for place in range(0, len(marks), 3)))


class Bells:
    """Rings at those who listen to a log."""

    def __init__(self, log: Path) -> None:
        self._folder = bells_folder(log)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._listeners: list[_Listener] = []
        self._listed = float("-inf")

    def ring(self, topics: Collection[str]) -> None:
        """Never blocks, never fails: who is not there, or already has unread rings, needs none."""
        marks = {_mark(topic) for topic in topics}
        if time.monotonic() - self._listed > LIST_SECONDS:
            self._list()
        for listener in self._listeners:
            if listener.hears(marks):
                with contextlib.suppress(OSError):
                    self._socket.sendto(b"1", listener.path)

    def _list(self) -> None:
        self._listed = time.monotonic()
        self._listeners = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            self._listeners = [_listener(entry) for entry in entries if entry.name.endswith(".sock")]

    def close(self) -> None:
        self._socket.close()


class Seat:
    """One consumer's claim on the seat of its group. `log` is a resolved path."""

    def __init__(self, log: Path, group: str, topics: Collection[str] = ()) -> None:
        self.group = group
        self._lock_path = seats_folder(log) / f"{_group_name(group)}.lock"
        self._socket_path = bells_folder(log) / _socket_name(group, topics)
        self._lock: int | None = None
        self._socket: socket.socket | None = None
        self._rung = False
        self._waiting: asyncio.Future[bool] | None = None  # is answered by the next ring

    @property
    def taken(self) -> bool:
        """Do we sit on it?"""
        return self._lock is not None

    @property
    def hears(self) -> bool:
        """Can anybody ring here?"""
        return self._socket is not None

    def take(self) -> bool:
        """Sits down if nobody else does. Raises OSError when the folder cannot be written."""
        if self.taken:
            return True
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # per open file: two consumers of one process differ too
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self._listen()
        return True

    def clear(self) -> None:
        """Forgets rings. Call it before looking at the log: what is appended after the look rings again."""
        self._rung = False

    async def wait(self, seconds: float) -> bool:
        """Until a ring, or so many seconds. Was there a ring?"""
        if self._rung:
            return True
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()  # not asyncio.timeout around an event: this waits after every batch
        timer = loop.call_later(seconds, _answer, self._waiting, False)
        try:
            return await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def leave(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
            self._socket_path.unlink(missing_ok=True)  # while we still hold the lock: it is ours
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _listen(self) -> None:
        """Without a socket the group is served all the same, by looking."""
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        bell.setblocking(False)
        try:
            self._socket_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            for old in self._socket_path.parent.glob(f"{self._socket_path.name.partition('-')[0]}*.sock"):
                old.unlink(missing_ok=True)  # of one that was killed, whatever it heard
            bell.bind(str(self._socket_path))
        except OSError:
            bell.close()
            return
        self._socket = bell
        asyncio.get_running_loop().add_reader(bell.fileno(), self._heard, bell)

    def _heard(self, bell: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while bell.recv(16):
                pass
        self._rung = True
        if self._waiting is not None:
            _answer(self._waiting, True)


def _answer(waiting: asyncio.Future[bool], rung: bool) -> None:
    if not waiting.done():
        waiting.set_result(rung)
