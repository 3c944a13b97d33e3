"""`python -m benchmarks`: measures the system and writes a table, JSON and charts."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import servers as real_servers
from benchmarks.counted import BASELINE, EMBEDDED, Counted, as_it_comes, step_by_step
from benchmarks.filings import filings
from benchmarks.floor import floor
from benchmarks.load import Load
from benchmarks.machine import machine
from benchmarks.places import Place, Servers, bare, four_processes, one_process
from benchmarks.report import Configuration, as_json, charts, table
from benchmarks.watching import Watch

ABOUT = """Measures complete applications per second at 1, 16 and 64 clients, the latency of one application on an idle
system and under load, CPU, and what an application costs at the ports; beside it the floor, the same writes and
messages with nothing else. On the embedded default (four processes, and four services in one process) and, where
there are real servers (TEST_KAFKA and TEST_MONGODB, else containers), on these. Figures are of this machine: compare
ratios."""

Opens = Callable[[Servers], AbstractAsyncContextManager[Place]]


@dataclass(frozen=True)
class Plan:
    """Seconds per load and how much is done at most."""

    clients: tuple[int, ...] = (1, 16, 64)
    seconds: float = 5.0
    most: int = 1500
    idle: int = 60
    counted: int = 200
    shares: tuple[float, ...] = (0.3, 0.6, 0.9)  # of the throughput that was reached: offered loads
    open_seconds: float = 4.0


QUICK = Plan(seconds=2.0, most=300, idle=20, counted=20, shares=(0.5,), open_seconds=2.0)


class Bench:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began = time.monotonic()
        self._filings = filings()

    def say(self, words: str) -> None:
        print(f"[{time.monotonic() - self._began:4.0f} s] {words}", file=sys.stderr, flush=True)

    async def counted(self) -> Counted:
        self.say(f"counting at the ports: {self._plan.counted} applications, one client")
        return await as_it_comes(self._plan.counted)

    async def configuration(self, name: str, servers: Servers, opens: Opens, counted: Counted) -> Configuration:
        plan = self._plan
        found = Configuration(name, servers.named)
        self.say(f"{name}: starting")
        async with opens(servers) as place, Watch(place.store_urls["notify"]) as watch:
            load = Load(place.stack, watch, self._filings, place.cpu)
            await load.idle(5)  # warms up
            found.idle = [round(latency, 2) for latency in await load.idle(plan.idle)]
            self.say(f"{name}: idle p50 {found.idle_p50} ms, p95 {found.idle_p95} ms")
            for clients in plan.clients:
                measured = await load.closed(clients, plan.seconds, plan.most)
                found.closed.append(measured)
                self.say(f"{name}: {clients} clients: {measured.complete_per_second}/s, p50 {measured.p50} ms")
            most = max(measured.complete_per_second for measured in found.closed)
            for share in plan.shares:
                measured = await load.open(share * most, plan.open_seconds)
                found.open.append(measured)
                self.say(f"{name}: {measured.wanted}/s offered: p50 {measured.p50} ms, p95 {measured.p95} ms")
        for clients in plan.clients:
            async with bare(servers) as (stores, bus):
                per_second = await floor(
                    counted.calls,
                    stores,
                    bus,
                    applications=counted.applications,
                    at_once=clients,
                    collections=counted.collections,
                )
            found.floor[clients] = round(per_second, 1)
            self.say(f"{name}: floor, {clients} at once: {per_second:.0f}/s")
        return found

    async def all(self, only: str | None) -> AsyncIterator[Configuration | Counted]:
        counted = await self.counted()
        yield counted
        if only in (None, "embedded"):
            yield await self.configuration("embedded, four processes", EMBEDDED, four_processes, counted)
            yield await self.configuration("embedded, one process", EMBEDDED, one_process, counted)
        if only in (None, "real"):
            if missing := real_servers.available():
                self.say(f"left out: {missing}")
                return
            for synced in (True, False):
                with real_servers.real(synced=synced) as servers:
                    if servers is not None:
                        yield await self.configuration(servers.name, servers, four_processes, counted)


async def main(plan: Plan, only: str | None, folder: Path) -> None:
    bench = Bench(plan)
    about = machine() | {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": plan is QUICK}
    if about["load_before"] > 0.5 * about["cores"]:
        bench.say(f"this machine is busy (load {about['load_before']}): figures will be noisy")
    configurations: list[Configuration] = []
    counted: Counted | None = None
    async for found in bench.all(only):
        if isinstance(found, Counted):
            counted = found
        else:
            configurations.append(found)
    if counted is not None:
        write(folder, configurations, counted, about)
        bench.say(f"written to {folder}: report.md, report.json, throughput.svg, latency.svg")


def write(folder: Path, configurations: list[Configuration], counted: Counted, about: dict[str, Any]) -> None:
    """The report, into the folder and the table also to standard output."""
    shown = table(configurations, counted)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(shown, "utf-8")
    (folder / "report.json").write_text(json.dumps(as_json(configurations, counted, about), indent=1) + "\n", "utf-8")
    for name, svg in charts(configurations).items():
        (folder / name).write_text(svg, "utf-8")
    print(shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=ABOUT)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; figures are rough")
    parser.add_argument("--only", choices=("embedded", "real"), help="leave the other servers out")
    parser.add_argument("--out", type=Path, default=Path(".local/bench"), help="folder of the report (.local/bench)")
    parser.add_argument("--baseline", action="store_true", help="write benchmarks/baseline.json anew, and nothing else")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if given.baseline:
            exact = runner.run(step_by_step(5)).exact()
            BASELINE.write_text(json.dumps(exact, indent=1) + "\n", "utf-8")
        else:
            runner.run(main(QUICK if given.quick else Plan(), given.only, given.out))
