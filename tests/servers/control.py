"""A server of a test's own that can be stopped, frozen, killed and started again, in a container or as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

GRACE_SECONDS = 10  # then a server that was asked to stop is killed
END_SECONDS = 120  # of a process that is killed or begins: of no cost when all goes well
KEPT = Path(__file__).with_name("kept.py")


class NotStarted(Exception):
    """A server of the tests' own did not come up; the message is one line."""


class Control(Protocol):
    """`stop` and `kill` return when the server has ended; `start` does not wait until it answers."""

    def stop(self) -> None: ...
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def kill(self) -> None: ...


class Given:
    """Somebody else's server: it is not ours to stop."""

    def _refuse(self) -> None:
        pytest.skip("the server of this run is not ours to stop")

    stop = start = pause = unpause = kill = _refuse


class Container:
    """`own`: docker's own object of a container."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def stop(self) -> None:
        self._own.stop(timeout=GRACE_SECONDS)

    def start(self) -> None:
        self._own.start()

    def pause(self) -> None:
        self._own.pause()

    def unpause(self) -> None:
        self._own.unpause()

    def kill(self) -> None:
        self._own.kill()
        self._own.wait(timeout=END_SECONDS)


class Process:
    """A command with `log` behind its output; it ends when this process is gone. One at a time in a `folder`."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._pid_file = folder / "pid"
        self._command = [sys.executable, str(KEPT), str(self._pid_file), *command]
        self._folder = folder
        self._environment = {**os.environ, **(environment or {})}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._pid_file.unlink(missing_ok=True)
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, start_new_session=True,
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if trouble := self.until(self._pid_file.exists, seconds=END_SECONDS):
            raise NotStarted(trouble)

    def until(self, ready: Callable[[], bool], *, seconds: float) -> str | None:
        """None once it is ready, else why it never will be."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._running is None or self._running.poll() is not None:
                return f"it ended at its start, see {self.log}"
            if ready():
                return None
            time.sleep(0.05)
        return f"it was not ready within {seconds:.0f} s, see {self.log}"

    def stop(self) -> None:
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def unpause(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait(END_SECONDS)

    def _signal(self, number: int) -> None:
        if self._running is not None and self._running.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self._pid_file.read_text()), number)

    def _wait(self, seconds: float) -> None:
        if self._running is not None:
            self._running.wait(seconds)
            if self._running.stdin is not None:
                self._running.stdin.close()
