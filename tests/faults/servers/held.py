"""Load at a rate that is offered whatever the answers take, and how much a stack can do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from benchmarks.client import Answer, Client
from chassis.store import StoreUnavailable
from tests.faults.observed import Accepted
from tests.faults.reading import Stores
from tests.faults.world import World

CLIENTS = 16  # that measure what a stack holds, as in `make bench`
AT_ONCE = 128  # requests of an offered load; more wait their turn
LONGEST_WAIT = 2.0  # seconds; Retry-After may ask for more
PAGE = 100


class NotTold(AssertionError):
    """Accepted applications without a determination that is told; the message says how many."""


class Load:
    """Every application is sent until it is accepted, with one key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._places = asyncio.Semaphore(AT_ONCE)
        self.accepted: list[str] = []
        self.asked_again = 0  # times that the answer was 503 or none

    async def holds(self, seconds: float) -> float:
        """Complete applications per second, of as many as the clients can file in so many seconds."""
        begun = time.monotonic()

        async def client() -> None:
            while time.monotonic() < begun + seconds:
                await self.file()

        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client())
        await self.until_told(begun + 10 * seconds + 60)
        return len(self.accepted) / (time.monotonic() - begun)

    @asynccontextmanager
    async def offered(self, per_second: float) -> AsyncIterator[None]:
        """Inside, applications come at this rate; at the end all of them are accepted."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._offer(per_second, stop, group))
            try:
                yield
            finally:
                stop.set()

    async def _offer(self, per_second: float, stop: asyncio.Event, group: asyncio.TaskGroup) -> None:
        begun, count = time.monotonic(), 0
        while not stop.is_set():
            while count < (time.monotonic() - begun) * per_second:
                count += 1
                group.create_task(self.file())
            await asyncio.sleep(min(1 / per_second, 0.1))

    async def file(self) -> None:
        key, filing = self._world.filer.another()
        body = orjson.dumps(filing)
        while True:
            async with self._places:
                answer = await self._post(key, body)
            if answer is not None and answer.status == 202:
                case_id = answer.json()["case_id"]
                self._world.filer.accepted[case_id] = Accepted()
                self.accepted.append(case_id)
                return
            assert answer is None or answer.status == 503, answer.body
            self.asked_again += 1
            await asyncio.sleep(0.2 if answer is None else min(answer.retry_after, LONGEST_WAIT))

    async def _post(self, key: str, body: bytes) -> Answer | None:
        """None: no answer, and nobody knows what became of it."""
        stack = self._world.stack
        try:
            async with Client(stack.port("intake"), stack.credential()) as client:
                return await client.post("/v1/applications", body, key=key)
        except (OSError, EOFError, TimeoutError):
            return None

    async def until_told(self, end: float) -> None:
        """Until all that was accepted is determined and has its message record. NotTold when that is not so at `end`,
        a time of `time.monotonic`.
        """
        left = [*self.accepted]
        async with Stores(self._world.store_urls) as stores:
            while left:
                try:
                    told = await stores.told(left[:PAGE])
                except StoreUnavailable:
                    told = set()
                left = [case_id for case_id in left[:PAGE] if case_id not in told] + left[PAGE:]
                if left and time.monotonic() > end:
                    raise NotTold(f"{len(left)} of {len(self.accepted)} accepted applications are not told in time")
                if len(told) < PAGE / 2:
                    await asyncio.sleep(0.05)
