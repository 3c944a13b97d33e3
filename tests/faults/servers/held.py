"""Load at a rate that is offered whatever the answers take, and how much a stack can do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.faults.observed import Accepted
from tests.faults.world import World

AT_ONCE = 48
LONGEST_WAIT = 2.0  # seconds; Retry-After may ask for more


async def complete_per_second(world: World, *, count: int = 60) -> float:
    """Applications that a stack determines and tells per second when it gets `count`, a few at once."""
    begun = time.monotonic()
    load = Load(world, at_once=8)
    async with load.client() as client, asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(load.file(client))
    await world.idle()
    return count / (time.monotonic() - begun)


class Load:
    """Every application is sent until it is accepted, with one key; no more than `at_once` requests at a time."""

    def __init__(self, world: World, *, at_once: int = AT_ONCE) -> None:
        self._world = world
        self._places = asyncio.Semaphore(at_once)
        self.asked_again = 0  # times that the answer was 503 or none

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        stack = self._world.stack
        login = stack.credential()
        async with httpx.AsyncClient(
            base_url=stack.url("intake"), auth=(login.client, login.secret), timeout=60.0, trust_env=False
        ) as client:
            yield client

    @asynccontextmanager
    async def offered(self, per_second: float) -> AsyncIterator[None]:
        """Inside, applications come at this rate; at the end all of them are accepted."""
        stop = asyncio.Event()
        async with self.client() as client, asyncio.TaskGroup() as group:
            group.create_task(self._offer(client, per_second, stop, group))
            try:
                yield
            finally:
                stop.set()

    async def _offer(
        self, client: httpx.AsyncClient, per_second: float, stop: asyncio.Event, group: asyncio.TaskGroup
    ) -> None:
        begun, count = time.monotonic(), 0
        while not stop.is_set():
            while count < (time.monotonic() - begun) * per_second:
                count += 1
                group.create_task(self.file(client))
            await asyncio.sleep(min(1 / per_second, 0.1))

    async def file(self, client: httpx.AsyncClient) -> None:
        key, filing = self._world.filer.another()
        while True:
            wait = 0.2
            async with self._places:
                try:
                    answer = await client.post("/v1/applications", json=filing, headers={"Idempotency-Key": key})
                except httpx.TransportError:
                    answer = None
            if answer is not None and answer.status_code == 202:
                self._world.filer.accepted[answer.json()["case_id"]] = Accepted()
                return
            if answer is not None:
                assert answer.status_code == 503, answer.text
                wait = min(float(answer.headers["Retry-After"]), LONGEST_WAIT)
            self.asked_again += 1
            await asyncio.sleep(wait)
