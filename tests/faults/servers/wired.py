"""A world whose servers can be stopped and whose lines to them can be spoiled: one for all tests of this folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.stack import SERVICES
from tests.faults.observed import Accepted
from tests.faults.world import Servers, World, a_world
from tests.servers import toxiproxy
from tests.servers.control import Control
from tests.servers.disk import StoreOnDisk, store_on_disk
from tests.servers.docker import docker_answers
from tests.servers.folder import free_ports
from tests.servers.kafka import behind
from tests.servers.mongo import process
from tests.servers.toxiproxy import Line
from tests.waiting import until

PATIENCE = 180.0
MOST_UNSENT = 300
SETTINGS = {"INTAKE_MAX_UNSENT": str(MOST_UNSENT)}


@dataclass
class Wired:
    """`stores`: the line of each service to its store; `bus`: the line of all to the broker."""

    world: World
    broker: Control
    bus: Line
    stores: Mapping[str, Line]
    own_store: StoreOnDisk | None  # None: the store is a plain process
    store_process: Control | None
    unanswered: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def store(self) -> Control:
        control = self.own_store.control if self.own_store is not None else self.store_process
        assert control is not None
        return control

    @property
    def lines(self) -> list[Line]:
        return [self.bus, *self.stores.values()]

    @contextmanager
    def spoiled(self, lines: Sequence[Line], kind: str, *, towards: str = "client", **more: int) -> Iterator[None]:
        """The same toxic on all of them."""
        with ExitStack() as toxics:
            for line in lines:
                toxics.enter_context(line.toxic(kind, towards=towards, **more))
            yield

    async def refused(self, *, seconds: float = PATIENCE) -> httpx.Response:
        """Files until intake says 503. What was asked is asked again by `ask_again`: nobody knows what it did."""
        found: list[httpx.Response] = []

        async def says_so() -> bool:
            answer = await self.asked()
            found[:] = [answer] if answer is not None and answer.status_code == 503 else []
            return bool(found)

        await until(says_so, seconds=seconds)
        return found[0]

    async def asked(self) -> httpx.Response | None:
        """One POST of a new application; None when there was no answer at all."""
        key, filing = self.world.filer.another()
        stack = self.world.stack
        login = stack.credential()
        async with httpx.AsyncClient(base_url=stack.url("intake"), timeout=60.0, trust_env=False) as client:
            try:
                answer = await client.post(
                    "/v1/applications",
                    json=filing,
                    headers={"Idempotency-Key": key},
                    auth=(login.client, login.secret),
                )
            except httpx.TransportError:
                answer = None
        if answer is not None and answer.status_code == 202:
            self.world.filer.accepted[answer.json()["case_id"]] = Accepted()
        else:
            assert answer is None or answer.status_code == 503, answer.text
            self.unanswered.append((key, filing))
        return answer

    async def ask_again(self) -> None:
        """What was refused or cut off, with the same keys, until it is accepted."""
        while self.unanswered:
            key, filing = self.unanswered[-1]
            receipt = await self.world.api.submit(filing, key=key)
            self.world.filer.accepted[receipt["case_id"]] = Accepted()
            self.unanswered.pop()

    async def check(self) -> None:
        await self.ask_again()
        await self.world.check()

    async def measured(self, service: str, metric: str, **labels: str) -> float:
        """A value of /metrics; 0 where it was never set."""
        async with httpx.AsyncClient(base_url=self.world.stack.url(service), timeout=60.0, trust_env=False) as client:
            text = (await client.get("/metrics")).text
        for line in text.splitlines():
            if re.match(rf"{metric}(\{{|\s)", line) and all(
                f'{name}="{value}"' in line for name, value in labels.items()
            ):
                return float(line.rpartition(" ")[2])
        return 0.0


async def in_thread(act: Callable[[], object]) -> None:
    """Docker's calls block."""
    await asyncio.to_thread(act)


@asynccontextmanager
async def a_wired_world(folder: Path) -> AsyncIterator[Wired]:
    """On Apache Kafka and a MongoDB server of its own, each behind Toxiproxy."""
    with ExitStack() as owned:
        ports = dict(zip(["bus", *SERVICES], free_ports(1 + len(SERVICES)), strict=True))
        proxy = owned.enter_context(toxiproxy.running())
        kafka = owned.enter_context(behind(ports["bus"]))
        bus = proxy.line("bus", ports["bus"], kafka.bootstrap)
        disk: StoreOnDisk | None = None
        control: Control | None = None
        if docker_answers():
            disk = owned.enter_context(store_on_disk())
            address, name = disk.address, disk.name
        else:
            server = owned.enter_context(process())
            address, name, control = server.address, server.name, server.control
        stores = {
            service: proxy.line(service, ports[service], address.removeprefix("mongodb://")) for service in SERVICES
        }
        urls = {
            service: f"mongodb://127.0.0.1:{line.port}/zhicheng_{service}?directConnection=true"
            for service, line in stores.items()
        }
        servers = Servers(f"{kafka.name}; {name}; lines by Toxiproxy", f"kafka://127.0.0.1:{bus.port}", urls)
        async with a_world(folder, servers, settings=SETTINGS) as world:
            yield Wired(world, kafka.control, bus, stores, disk, control)


class Worlds:
    """One at a time; after a test that failed the next one gets another, so that it does not fail for its sake."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._open = AsyncExitStack()
        self._now: Wired | None = None

    async def now(self) -> Wired:
        if self._now is None:
            self._now = await self._open.enter_async_context(a_wired_world(self._folder()))
        return self._now

    async def close(self) -> None:
        self._now = None
        await self._open.aclose()
