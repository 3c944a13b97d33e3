"""The four services in one process and one event loop, over HTTP, on the adapters that a stack names.

`python -m benchmarks.one_process FOLDER PORT_BASE [--setting NAME=VALUE ...]` runs it until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

from benchmarks.counting import CountingBus, CountingStore, Ledger
from benchmarks.stepping import Stepper, SteppingBus
from chassis import logs
from chassis.adapters import open_bus, open_store
from chassis.bus import Bus
from chassis.holding import Limits
from chassis.running import Running
from chassis.service import Build, Infra, Service
from chassis.settings import ServiceSettings
from chassis.store import Store
from local.stack import HOST, SERVICES, Stack
from services.competition import main as competition
from services.competition.settings import Settings as CompetitionSettings
from services.equivalence import main as equivalence
from services.equivalence.settings import Settings as EquivalenceSettings
from services.intake import main as intake
from services.intake.settings import Settings as IntakeSettings
from services.notify import main as notify
from services.notify.settings import Settings as NotifySettings

BUILDS: dict[str, tuple[type[ServiceSettings], Build]] = {
    "intake": (IntakeSettings, intake.build),
    "equivalence": (EquivalenceSettings, equivalence.build),
    "competition": (CompetitionSettings, competition.build),
    "notify": (NotifySettings, notify.build),
}


# What they read, and how often, says the clock alone: nothing of a case follows from it here.
BY_THE_CLOCK = ("count", "ask-again", "reassess")


class OneProcess:
    """`async with OneProcess(stack, ledger)`: inside, all four answer. `ledger` None: nothing is counted.

    `stepper`: events are given out one by one. `measures` False: without the loops that only measure, whose reads
    depend on the moment.
    """

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger | None = None,
        stepper: Stepper | None = None,
        *,
        measures: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self.stack = stack
        self.stores: dict[str, Store] = {}
        self.services: dict[str, Running] = {}
        self._ledger = ledger
        self._stepper = stepper
        if stepper is not None:
            stepper.stores = self.stores
        self._measures = measures
        self._limits = limits
        self._owned = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.stack.prepare()
        for name in SERVICES:
            running = self._running(name)
            self._owned.push_async_callback(running.stop)
            await running.start()
            self.services[name] = running
            serving = asyncio.create_task(running.serve(), name=f"{name}.http")
            self._owned.push_async_callback(_ended, running, serving)
            await _listening(self.stack.port(name))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stepper is not None:
            self._stepper.stores = {}
        await self._owned.aclose()

    def _running(self, name: str) -> Running:
        kind, build = BUILDS[name]
        with _environment(self.stack.environment(name)):
            settings = kind()

        async def opens_store(url: str) -> Store:
            store = self.stores[name] = await open_store(url)
            return store if self._ledger is None else CountingStore(store, name, self._ledger)

        async def opens_bus(url: str) -> Bus:
            bus = await open_bus(url)
            if self._stepper is not None:
                bus = SteppingBus(bus, self._stepper)
            return bus if self._ledger is None else CountingBus(bus, self._ledger)

        def working(settings: Any, infra: Infra) -> Service:
            service = build(settings, infra)
            return replace(service, periodic=[loop for loop in service.periodic if loop.name not in BY_THE_CLOCK])

        return Running(
            settings,
            build if self._measures else working,
            name=name,
            limits=self._limits,
            opens_store=opens_store,
            opens_bus=opens_bus,
        )


async def _ended(running: Running, serving: asyncio.Task[None]) -> None:
    running.ask_to_stop()
    await serving


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                return
            await asyncio.sleep(0.01)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Settings come from the environment, as everywhere."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _main(stack: Stack) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with OneProcess(stack):
        await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_process", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port_base", type=int)
    parser.add_argument("--business-date")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    logs.setup("four-services", "INFO", sys.stderr)
    settings = dict(line.split("=", 1) for line in given.setting)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(Stack(given.folder, given.port_base, given.business_date, settings=settings)))
