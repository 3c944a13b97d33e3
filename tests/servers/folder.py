"""The folder of plain servers: what was fetched once, the data of running ones, and their logs.

`TEST_SERVERS_FOLDER`, else `~/.cache/zhicheng-test-servers`. It may be removed at any time between two runs.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

FETCH_SECONDS = 180  # one command; a test has 600 s with all that it starts
LOGS_KEPT = 20
_PORTS = range(10_000, 15_000)  # embedded stacks take theirs above
_given: set[int] = set()


class NotFetched(Exception):
    """A server could not be brought here; the message is one line."""


def folder() -> Path:
    given = os.environ.get("TEST_SERVERS_FOLDER")
    return Path(given).expanduser().absolute() if given else Path.home() / ".cache" / "zhicheng-test-servers"


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """The path of something that is fetched once, while no other run fetches it."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder() / name


def fetch(command: Sequence[str]) -> None:
    """Raises NotFetched with the last line that the command said."""
    try:
        done = subprocess.run(
            command, cwd=folder(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=FETCH_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{Path(command[0]).name} took longer than {FETCH_SECONDS} s") from None
    except OSError as error:
        raise NotFetched(f"{Path(command[0]).name}: {error.strerror}") from None
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if "ERROR" in line] or done.stdout.splitlines() or [""]
        raise NotFetched(f"{Path(command[0]).name} failed: {said[0].strip()[:200]}")


@contextmanager
def place(kind: str) -> Iterator[tuple[Path, Path]]:
    """A data folder of one server, gone afterwards, and the file for its log, which stays."""
    logs = folder() / "logs"
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(logs.iterdir(), key=lambda path: path.stat().st_mtime)[:-LOGS_KEPT]:
        old.unlink(missing_ok=True)
    for left in folder().glob(f"{kind}-*-*-data"):
        if not _lives(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    data = Path(tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-", suffix="-data", dir=folder()))
    try:
        yield data, logs / f"{data.name}.log"
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones, each free at this moment and never given twice in this run.

    They lie below the range from which systems take ports for outgoing connections: a server that is stopped for a
    while would else lose its port to a client, or a client that looks for it would connect to itself.
    """
    with ExitStack() as bound:
        found: list[int] = []
        for port in random.sample(_PORTS, len(_PORTS)):
            if len(found) == count:
                break
            if port not in _given and _binds(bound, port):
                found.append(port)
    if len(found) < count:
        raise NotFetched(f"no {count} free ports between {_PORTS[0]} and {_PORTS[-1]}")
    _given.update(found)
    return found


def _binds(bound: ExitStack, port: int) -> bool:
    probe = bound.enter_context(socket.socket())
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
