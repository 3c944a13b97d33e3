"""What one application costs at the ports, in two runs of the four services in one process on the embedded adapters.

`as_it_comes`: one client, one application after the other, as time has it. `step_by_step`: one event at a time, the
next when nothing moves any more. Nothing is saved by working on two events at once, so it is the most that an
application can cost without a failure, and it is the same on every machine: the baseline of a test.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.client import Client
from benchmarks.counting import Call, Ledger
from benchmarks.filings import filings
from benchmarks.one_process import OneProcess
from benchmarks.places import Servers, new_stack
from benchmarks.stepping import Stepper
from benchmarks.watching import Watch
from chassis.holding import Limits
from chassis.service import Service

EMBEDDED = Servers("embedded")
BASELINE = Path(__file__).with_name("baseline.json")
EXACT = ("documents_read", "messages")
WARM_UP = 3  # the first application of a process also reads what is read once


@dataclass(frozen=True)
class Counted:
    """`per_application`: see `counting.Counts`. `kinds`: documents written per application, by collection and kind."""

    applications: int
    per_application: Mapping[str, float]
    kinds: Mapping[str, float]
    calls: Sequence[Call]
    collections: Mapping[str, Sequence[str]]  # of each service

    def exact(self) -> dict[str, Any]:
        """What is the same on every machine when events come one by one. Marks of what was sent go by time."""
        written = round(sum(self.kinds.values()), 2)
        exact = {"documents_written": written} | {name: self.per_application[name] for name in EXACT}
        return exact | {"by_kind": dict(self.kinds)}


async def as_it_comes(applications: int) -> Counted:
    return await _count(applications, None)


async def step_by_step(applications: int) -> Counted:
    return await _count(applications, Stepper())


async def _count(applications: int, stepper: Stepper | None) -> Counted:
    ledger = Ledger()
    bodies = filings()
    async with AsyncExitStack() as owned:
        folder = Path(owned.enter_context(tempfile.TemporaryDirectory(prefix="bench-counts-")))
        stack = new_stack(folder / "data", EMBEDDED)
        limits = Limits(batch=500 if stepper is None else 1, poll_seconds=0.01)
        town = await owned.enter_async_context(OneProcess(stack, ledger, stepper, measures=False, limits=limits))
        client = await owned.enter_async_context(Client(stack.port("intake"), stack.credential()))
        watch = await owned.enter_async_context(Watch(stack.store_url("notify")))

        async def file_one(number: int) -> None:
            answer = await client.post("/v1/applications", next(bodies), key=f"counted-{number}")
            await watch.one(answer.json()["case_id"])
            await watch.until_delivered(pause=0.002)
            await _quiet(town)

        for number in range(WARM_UP):
            await file_one(number)
        ledger.clear()
        ledger.keeps_calls = True
        for number in range(WARM_UP, WARM_UP + applications):
            await file_one(number)
        return Counted(
            applications,
            ledger.counts.per(applications),
            {kind: round(count / applications, 2) for kind, count in sorted(ledger.collections.items())},
            ledger.calls,
            {name: _collections(running.service) for name, running in town.services.items()},
        )


async def _quiet(town: OneProcess) -> None:
    """Until nothing waits to be sent or handled: two rounds in which every consumer found nothing."""
    for _ in range(2):
        for store in town.stores.values():
            while await store.pending(1):  # noqa: ASYNC110 - the store has no event for it
                await asyncio.sleep(0.002)
        for running in town.services.values():
            if running.runner is not None:
                running.runner.idle.clear()
                await asyncio.wait_for(running.runner.idle.wait(), 30.0)


def _collections(service: Service) -> list[str]:
    return [*dict.fromkeys([service.collection, *service.collections])]
