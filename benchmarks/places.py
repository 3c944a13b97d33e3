"""Where the system runs while it is measured: which processes, and on which servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.filings import BUSINESS_DATE
from chassis.adapters import open_bus, open_store
from chassis.bus import Bus
from chassis.store import Store
from local.stack import SERVICES, Stack, free_ports
from local.supervisor import ROOT, Supervisor
from tests.servers.mongo import MongoServer

READY_SECONDS = 60.0
Cpu = Callable[[], float | None]


@dataclass(frozen=True)
class Servers:
    """What keeps and carries the data. Empty addresses: the embedded adapters."""

    name: str
    kafka: str = ""  # host:port
    mongodb: MongoServer | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))  # stands in the names of all databases
    named: Mapping[str, str] = field(default_factory=dict)  # what answered, for the report

    def settings(self) -> dict[str, str]:
        """Variables for the services, with databases that nobody has used; none for the embedded adapters."""
        if self.mongodb is None:
            return {}
        database = f"{self.databases}{secrets.token_hex(3)}"
        stores = {f"{name.upper()}_STORE_URL": self.mongodb.url(f"{database}_{name}") for name in SERVICES}
        return stores | {f"{name.upper()}_BUS_URL": f"kafka://{self.kafka}" for name in SERVICES}

    @property
    def databases(self) -> str:
        """How the names of this run's databases begin."""
        return f"zhicheng_bench_{self.run}_"


@dataclass(frozen=True)
class Place:
    """A running system: its stack, where its stores are, the CPU that its processes have used, and their memory."""

    stack: Stack
    store_urls: Mapping[str, str]
    cpu: Cpu
    memory: Callable[[], float | None]  # resident, in MB


def new_stack(folder: Path, servers: Servers) -> Stack:
    return Stack(folder, free_ports(), BUSINESS_DATE, settings=servers.settings())


@asynccontextmanager
async def four_processes(servers: Servers) -> AsyncIterator[Place]:
    """As `make up` runs it."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        stack = new_stack(Path(folder) / "data", servers)
        async with Supervisor(stack) as running:

            def pids() -> list[int | None]:
                return [running.pid(name) for name in SERVICES]

            yield Place(stack, _store_urls(stack), lambda: _cpu_of(pids()), lambda: _memory_of(pids()))


@asynccontextmanager
async def one_process(servers: Servers) -> AsyncIterator[Place]:
    """The same services in one process and one event loop."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        stack = new_stack(Path(folder) / "data", servers)
        stack.prepare()
        command = [sys.executable, "-m", "benchmarks.one_process", str(stack.folder), str(stack.port_base)]
        command += ["--business-date", BUSINESS_DATE]
        for name, value in stack.settings.items():
            command += ["--setting", f"{name}={value}"]
        with (stack.folder / "log" / "one-process.jsonl").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, cwd=ROOT)
            try:
                await _ready(stack, process)
                yield Place(
                    stack, _store_urls(stack), lambda: _cpu_of([process.pid]), lambda: _memory_of([process.pid])
                )
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()


@asynccontextmanager
async def bare(servers: Servers) -> AsyncIterator[tuple[dict[str, Store], Bus]]:
    """Empty stores and a bus on the same servers, with nothing that uses them."""
    with tempfile.TemporaryDirectory(prefix="bench-floor-", ignore_cleanup_errors=True) as folder:
        urls, bus_url = _urls(new_stack(Path(folder), servers))
        stores = {name: await open_store(url) for name, url in urls.items()}
        bus = await open_bus(bus_url)
        try:
            yield stores, bus
        finally:
            for store in stores.values():
                await store.close()
            await bus.close()


def _urls(stack: Stack) -> tuple[dict[str, str], str]:
    given = stack.settings
    return _store_urls(stack), given.get("INTAKE_BUS_URL", f"local:{stack.folder / 'bus.db'}")


def _store_urls(stack: Stack) -> dict[str, str]:
    return {name: stack.settings.get(f"{name.upper()}_STORE_URL", stack.store_url(name)) for name in SERVICES}


async def _ready(stack: Stack, process: asyncio.subprocess.Process) -> None:
    end = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        for name in SERVICES:
            while True:
                with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                    if (await client.get(f"{stack.url(name)}/readyz")).json()["ready"]:
                        break
                if process.returncode is not None or time.monotonic() > end:
                    log = stack.folder / "log" / "one-process.jsonl"
                    raise RuntimeError(f"the services are not ready:\n{log.read_text('utf-8')[-2000:]}")
                await asyncio.sleep(0.05)


def _cpu_of(pids: list[int | None]) -> float | None:
    """Seconds of user and system time so far; None where there is no /proc."""
    try:
        fields = [
            Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split() for pid in pids if pid
        ]
    except OSError:
        return None
    return sum(int(found[11]) + int(found[12]) for found in fields) / os.sysconf("SC_CLK_TCK")


def _memory_of(pids: list[int | None]) -> float | None:
    """MB that are resident; None where there is no /proc."""
    try:
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) for pid in pids if pid)
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
