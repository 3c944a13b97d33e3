"""The seat of a consumer group at a local log: one process sits on it, and is woken by a datagram.

The seat is a file lock, which the kernel gives back when its process dies. Whoever sits on it listens at a Unix
socket; writers ring at every socket after an append. A ring may get lost: listeners also look by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import socket
import tempfile
from pathlib import Path

LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 104 to 108


def seats_folder(log: Path) -> Path:
    """Where the locks of a log lie: beside it, so that every process that has the log finds the same."""
    return log.with_name(log.name + ".groups")


def bells_folder(log: Path) -> Path:
    """Where the sockets of a log lie: with the locks, or in the temporary folder when that path is too long."""
    beside = seats_folder(log)
    if len(os.fsencode(beside / _socket_name(""))) <= LONGEST_SOCKET_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(log)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bus-{os.getuid()}-{name}"


def _socket_name(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()[:16] + ".sock"


class Bells:
    """Rings at everybody who listens to a log."""

    def __init__(self, log: Path) -> None:
        self._folder = bells_folder(log)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self) -> None:
        """Never blocks, never fails: who is not there, or already has unread rings, needs none."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".sock"):
                    with contextlib.suppress(OSError):
                        self._socket.sendto(b"1", entry.path)

    def close(self) -> None:
        self._socket.close()


class Seat:
    """One consumer's claim on the seat of its group. `log` is a resolved path."""

    def __init__(self, log: Path, group: str) -> None:
        self._lock_path = seats_folder(log) / _socket_name(group).replace(".sock", ".lock")
        self._socket_path = bells_folder(log) / _socket_name(group)
        self._lock: int | None = None
        self._socket: socket.socket | None = None
        self._rung = asyncio.Event()

    @property
    def taken(self) -> bool:
        """Do we sit on it?"""
        return self._lock is not None

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
        self._rung.clear()

    async def wait(self, seconds: float) -> bool:
        """Until a ring, or so many seconds. Was there a ring?"""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        return True

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
            self._socket_path.unlink(missing_ok=True)  # of one that was killed
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
        self._rung.set()
