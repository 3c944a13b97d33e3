"""Keeps the four processes of a stack alive: starts, restarts, stops them, and leaves no orphan."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from chassis.owned_file import FileRefused, own
from local.stack import SERVICES, Stack, StackRefused, write_private

ROOT = Path(__file__).resolve().parent.parent
LARGEST_LOG = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, and how many quick deaths in a row a service may have before it is given up."""

    ready: float = 60.0
    grace: float = 25.0  # to finish the work in hand when asked to stop
    quick: float = 10.0  # a process that lived shorter died quickly
    deaths: int = 6
    longest_pause: float = 5.0


class GivenUp(Exception):
    """A service dies again and again, or never becomes ready; the message says where to look."""


class Supervisor:
    """`async with Supervisor(stack) as running`: inside, all services are ready; after it, all have ended.

    Raises StackRefused (another supervisor has the folder, no keys) and GivenUp. `say`: hears what happens, in words.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        services: Sequence[str] = SERVICES,
        say: Callable[[str], None] = lambda words: None,
        patience: Patience | None = None,
    ) -> None:
        self.stack = stack
        self.say = say
        self.patience = patience or Patience()
        self._keepers = {name: Keeper(name, stack, say, self.patience) for name in services}
        self._lock: int | None = None

    async def __aenter__(self) -> Self:
        self._lock = take(self.stack.folder)
        try:
            self.stack.prepare()
            for keeper in self._keepers.values():
                keeper.begin()
            await self.until_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def until_ready(self, *names: str) -> None:
        """Until these services (none named: all) take work. Raises GivenUp."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ready(name)) for name in names or self._keepers]
        if given_up := [words for task in tasks if (words := task.result())]:
            raise GivenUp("\n".join(given_up))

    async def _ready(self, name: str) -> str | None:
        """None, or why there is no hope. A value, so that one service's trouble is not told as a group of errors."""
        keeper = self._keepers[name]
        end = time.monotonic() + self.patience.ready
        async with httpx.AsyncClient(base_url=self.stack.url(name), timeout=2.0, trust_env=False) as client:
            while time.monotonic() < end:
                if keeper.given_up:
                    return keeper.given_up
                with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                    answer = (await client.get("/readyz")).json()
                    if answer["service"] == name and answer["ready"]:
                        self.say(f"{name} is ready at {self.stack.url(name)}")
                        return None
                await asyncio.sleep(0.05)
        return f"{name} was not ready within {self.patience.ready:.0f} s. {keeper.where_to_look()}"

    async def wait(self) -> None:
        """Until a service is given up: GivenUp. It does not return otherwise."""
        tasks = [keeper.task for keeper in self._keepers.values() if keeper.task is not None]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        raise GivenUp("\n".join(keeper.given_up for keeper in self._keepers.values() if keeper.given_up))

    async def restart(self, name: str, **changes: Any) -> None:
        """Stops one service as operators do, and starts it with another calendar (`business_date`) or release (`code`).

        Returns when it is ready.
        """
        await self._keepers[name].replace(replace(self.stack, **changes))
        await self.until_ready(name)

    def kill(self, name: str) -> int:
        """kill -9, as a test of what survives it. The process id; it is started again like anything that dies."""
        return self._keepers[name].kill()

    def pid(self, name: str) -> int | None:
        """Of the process that runs now; None between two."""
        return self._keepers[name].pid

    async def stop(self) -> None:
        """Asks all to finish, waits for them, ends what is late, and gives the folder back."""
        await asyncio.gather(*(keeper.end() for keeper in self._keepers.values()))
        if self._lock is not None:
            self.stack.state.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def write_state(self, words: str, **more: Any) -> None:
        """For whoever looks at this stack from outside: mode 600."""
        state = {"pid": os.getpid(), "port_base": self.stack.port_base, "state": words, **more}
        write_private(self.stack.state, json.dumps(state) + "\n")


class Keeper:
    """One service and the task that starts it again whenever it ends."""

    def __init__(self, name: str, stack: Stack, say: Callable[[str], None], patience: Patience) -> None:
        self.name = name
        self.task: asyncio.Task[None] | None = None
        self.given_up = ""
        self._stack = stack
        self._say = say
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()
        self._asked_to_end = False  # this one process, to be followed by another

    def begin(self) -> None:
        self.task = asyncio.create_task(self._keep(), name=f"keeps-{self.name}")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def kill(self) -> int:
        if self._process is None or self._process.returncode is not None:
            raise ProcessLookupError(f"{self.name} does not run at this moment")
        self._process.kill()
        return self._process.pid

    async def end(self) -> None:
        self._ending.set()
        if self.task is None:
            return
        await self._stop_process()
        await self.task

    async def replace(self, stack: Stack) -> None:
        """The next process, which starts at once, gets the environment of this stack."""
        self._stack = stack
        self._asked_to_end = True
        await self._stop_process()

    def where_to_look(self) -> str:
        path = self._stack.log(self.name)
        lines = "\n  ".join(last_lines(path)) or "(empty)"
        return f"The last lines of {path}:\n  {lines}"

    async def _keep(self) -> None:
        deaths = 0
        while not self._ending.is_set():
            began = time.monotonic()
            self._process = await self._start()
            if self._ending.is_set() or self._asked_to_end:  # asked while it was being started
                await self._stop_process()
            code = await self._process.wait()
            if self._ending.is_set():
                return
            if self._asked_to_end:
                self._asked_to_end, deaths = False, 0
                continue
            deaths = deaths + 1 if time.monotonic() - began < self._patience.quick else 1
            if deaths >= self._patience.deaths:
                self.given_up = (
                    f"{self.name} died {deaths} times in a row (last: {_ended(code)}). {self.where_to_look()}"
                )
                self._say(self.given_up)
                return
            pause = 0.0 if deaths == 1 else min(0.2 * 2**deaths, self._patience.longest_pause)
            self._say(f"{self.name} ended ({_ended(code)}) and is started again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _start(self) -> asyncio.subprocess.Process:
        path = self._stack.log(self.name)
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".1.jsonl"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "local.child",
                self.name,
                stdin=asyncio.subprocess.PIPE,  # held open: its end tells the child that the supervisor is gone
                stdout=descriptor,
                stderr=descriptor,
                cwd=self._stack.code or ROOT,
                env=self._stack.environment(self.name),
                start_new_session=True,  # Ctrl-C at the terminal is ours to pass on
            )
        finally:
            os.close(descriptor)

    async def _stop_process(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._patience.grace)
        except TimeoutError:
            self._say(f"{self.name} did not end within {self._patience.grace:.0f} s and is killed")
            _signal(process, signal.SIGKILL)
            await process.wait()


def take(folder: Path) -> int:
    """The lock that one supervisor holds on a data folder while it lives. Raises StackRefused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return own(folder / "supervisor")
    except FileRefused:
        raise StackRefused(
            f"A stack runs in {folder} already. Stop it with: python -m local.down --data {folder}"
        ) from None


def last_lines(path: Path, count: int = 3) -> list[str]:
    """The last lines of a log, in short: level, action, message and error of a JSON line."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 20_000))
            raw = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [_short(line) for line in raw if line.strip()][-count:]


def _short(line: str) -> str:
    try:
        entry = json.loads(line)
        parts = [entry["level"], entry["action"], entry["message"], *entry.get("error", [])[:1]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return line[:300]
    return " · ".join(str(part) for part in parts)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _ended(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
