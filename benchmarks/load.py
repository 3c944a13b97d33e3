"""Load on a running system, and what came of it."""

from __future__ import annotations

import asyncio
import resource
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.client import Answer, Client
from benchmarks.watching import Watch
from local.stack import Stack

ACCEPTED, TOO_BUSY = 202, 503
MOST_CONNECTIONS = 128  # of an open load; more requests than this at once wait their turn

Say = Callable[[str], None]


class Refused(Exception):
    """An answer that no load may cause."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one load. Latencies in ms, from the first byte of the POST to the message record; CPU in ms per application.

    `wanted`: applications per second that were offered (0: as many as the clients could).
    """

    clients: int
    wanted: float
    applications: int
    refused: int
    accepted_per_second: float
    complete_per_second: float
    delivered_per_second: float
    p50: float
    p95: float
    post_p50: float
    services_cpu: float | None
    load_cpu: float


@dataclass
class _Run:
    begun: float
    posted: dict[str, float] = field(default_factory=dict)  # case id -> when its POST began
    answered: list[float] = field(default_factory=list)  # seconds per POST
    last: float = 0.0
    refused: int = 0


class Load:
    """`cpu`: seconds of CPU that the services have used so far, or None where the system does not say."""

    def __init__(self, stack: Stack, watch: Watch, filings: Iterator[bytes], cpu: Callable[[], float | None]) -> None:
        self._port = stack.port("intake")
        self._login = stack.credential()
        self._watch = watch
        self._filings = filings
        self._cpu = cpu

    async def idle(self, times: int) -> list[float]:
        """Latencies in ms of applications that come one by one, each when nothing else moves."""
        found = []
        async with Client(self._port, self._login) as client:
            for _ in range(times):
                begun = time.perf_counter()
                case_id = (await self._post(client)).json()["case_id"]
                found.append(1000 * (await self._watch.one(case_id) - begun))
                await self._watch.until_delivered(pause=0.005)
        return found

    async def closed(self, clients: int, seconds: float, most: int) -> Measured:
        """So many clients, each sending its next application when the one before was accepted."""
        run = _Run(time.perf_counter())
        end = run.begun + seconds

        async def client_at_work(client: Client) -> None:
            while time.perf_counter() < end and len(run.posted) < most:
                await self._submit(client, run)

        return await self._measure(run, clients, 0.0, client_at_work)

    async def open(self, per_second: float, seconds: float, posted: dict[str, float] | None = None) -> Measured:
        """Applications at their own pace, whatever the answers take.

        `posted`: takes, by case id, when the POST of each was due; for those who look while it goes on.
        """
        run = _Run(time.perf_counter(), {} if posted is None else posted)
        number = max(int(per_second * seconds), 1)
        waiting = iter(range(number))

        async def client_at_work(client: Client) -> None:
            for place in waiting:
                begin = run.begun + place / per_second
                await asyncio.sleep(max(begin - time.perf_counter(), 0))
                await self._submit(client, run, begin=begin)

        return await self._measure(run, min(number, MOST_CONNECTIONS), per_second, client_at_work)

    async def _measure(self, run: _Run, clients: int, wanted: float, work: Callable[[Client], object]) -> Measured:
        services_cpu, load_cpu = self._cpu(), _own_cpu()
        finished = asyncio.Event()
        watching = asyncio.create_task(self._watch.run(finished))
        try:
            async with AsyncExitStack() as owned:
                connected = [await owned.enter_async_context(Client(self._port, self._login)) for _ in range(clients)]
                run.begun = time.perf_counter()
                async with asyncio.TaskGroup() as group:
                    for client in connected:
                        group.create_task(work(client))  # type: ignore[arg-type]
            finished.set()
            await watching
        finally:
            watching.cancel()
        ids = list(run.posted)
        number = len(ids)
        delivered = await self._watch.until_delivered()
        completed = [self._watch.completed[id] for id in ids]
        latencies = [1000 * (done - run.posted[id]) for id, done in zip(ids, completed, strict=True)]
        after = self._cpu()
        used = None if after is None or services_cpu is None else 1000 * (after - services_cpu) / number
        return Measured(
            clients=0 if wanted else clients,
            wanted=round(wanted, 1),
            applications=number,
            refused=run.refused,
            accepted_per_second=round(number / (run.last - run.begun), 1),
            complete_per_second=round(number / (max(completed) - run.begun), 1),
            delivered_per_second=round(number / (delivered - run.begun), 1),
            p50=percentile(latencies, 50),
            p95=percentile(latencies, 95),
            post_p50=percentile([1000 * seconds for seconds in run.answered], 50),
            services_cpu=None if used is None else round(used, 2),
            load_cpu=round(1000 * (_own_cpu() - load_cpu) / number, 2),
        )

    async def _submit(self, client: Client, run: _Run, begin: float | None = None) -> None:
        begun = time.perf_counter()
        answer = await self._post(client)
        run.last = time.perf_counter()
        if answer.status == TOO_BUSY:
            run.refused += 1
            await asyncio.sleep(answer.retry_after)
            return
        case_id = answer.json()["case_id"]
        run.posted[case_id] = begun if begin is None else begin
        run.answered.append(run.last - begun)
        self._watch.accepted(case_id)

    async def _post(self, client: Client) -> Answer:
        answer = await client.post("/v1/applications", next(self._filings), key=secrets.token_hex(12))
        if answer.status not in (ACCEPTED, TOO_BUSY):
            raise Refused(f"intake answers {answer.status}: {answer.body[:300].decode(errors='replace')}")
        return answer


def percentile(values: Sequence[float], share: int) -> float:
    if len(values) < 2:
        return round(values[0], 1) if values else 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[share - 1], 1)


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
