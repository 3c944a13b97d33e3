"""A world for fault tests: the four services as real processes on a pair of servers, partners, and the checker."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chassis.bus import Record
from chassis.store import StoreUnavailable
from local.partner import Partner
from local.stack import SERVICES, Stack, free_ports
from local.supervisor import Patience, Supervisor
from tests.faults import odd_events
from tests.faults.checker import check
from tests.faults.filer import DAY, PATIENCE, Filer
from tests.faults.observed import Kept, Observed, Parked
from tests.faults.reading import Stores, observe
from tests.servers.kafka import KafkaServer
from tests.servers.kafka_cluster import KafkaCluster
from tests.servers.mailpit import MailServer
from tests.servers.mongo import MongoServer

# Asking again after a time could hide a loss, so it is put off. A message may be tried as often as its process dies.
SETTINGS = {
    "INTAKE_ANSWER_SECONDS": "3600",
    "NOTIFY_SMTP_SECONDS": "4",
    "NOTIFY_LEASE_SECONDS": "8",
    "NOTIFY_ATTEMPTS": "100",
    "NOTIFY_RETRY_SECONDS": "0.5",
    "NOTIFY_RETRY_FACTOR": "1",
}

MEASURED = "measured"  # the property of a test that says what it has measured, for the end of the report


class NotIdle(AssertionError):
    """The world did not come to rest; the message says what it was waiting for."""


@dataclass(frozen=True)
class Servers:
    """Where the services keep, carry and send. Empty: the embedded adapters, and mail into a folder."""

    name: str = "embedded (SQLite, local log)"
    bus_url: str = ""
    store_urls: Mapping[str, str] = field(default_factory=dict)  # by service
    mail: MailServer | None = None

    @classmethod
    def real(cls, kafka: KafkaServer | KafkaCluster, mongo: MongoServer, mail: MailServer | None = None) -> Servers:
        """`kafka`: a broker of the test's own, because topics have fixed names. Databases get fresh names."""
        run = secrets.token_hex(4)
        urls = {service: mongo.url(f"zhicheng_{run}_{service}") for service in SERVICES}
        return cls(f"{kafka.name}; {mongo.name}", kafka.url, urls, mail)

    def settings(self) -> dict[str, str]:
        found = {f"{service.upper()}_STORE_URL": url for service, url in self.store_urls.items()}
        if self.bus_url:
            found |= {f"{service.upper()}_BUS_URL": self.bus_url for service in SERVICES}
            # A static member: after a restart it has its partitions at once.
            found |= {f"{service.upper()}_MEMBER": f"{service}-0" for service in SERVICES}
        if self.mail is not None:
            found |= {"NOTIFY_SMTP_URL": f"smtp://{self.mail.host}:{self.mail.smtp_port}", "NOTIFY_SMTP_TLS": "none"}
        return found


@dataclass(frozen=True)
class World:
    """`running.kill(service)` is kill -9; whatever dies is started again. `filer` files; `check` ends a test."""

    servers: Servers
    stack: Stack
    running: Supervisor
    api: Partner
    filer: Filer
    deaths: Counter[str]  # by service: processes that died of SIGKILL
    said: list[str]  # what the supervisor has said, in words
    injected: set[str] = field(default_factory=set)  # keys of records that came from the test

    async def idle(self, *, seconds: float = PATIENCE) -> None:
        """Until every outbox is empty, every event is heard, every message has ended and no case waits for a service.

        Raises NotIdle.
        """
        await self.running.until_ready()
        end = time.monotonic() + seconds
        async with Stores(self.store_urls, without=self.injected) as stores:
            while (moving := await _under_way(stores)) is not None:
                if time.monotonic() > end:
                    raise NotIdle(f"not at rest after {seconds:.0f} s: {moving}")
                await asyncio.sleep(0.1)

    async def observe(self) -> Observed:
        mail = self.servers.mail.api if self.servers.mail is not None else None
        return await observe(
            self.filer.accepted, self.api, self.store_urls, self.bus_url, mail_url=mail, without=self.injected
        )

    async def documents(self) -> dict[str, dict[str, Kept]]:
        """Of all services, those of injected events too."""
        async with Stores(self.store_urls) as stores:
            return await stores.documents()

    async def inject(self, records: Sequence[Record]) -> None:
        """Puts records of a test's own into the topics. Their keys must be of no case; the checker leaves them out."""
        self.injected.update(record.key for record in records)
        assert all(await odd_events.publish(self.bus_url, records))

    async def inject_tombstone(self, key: str) -> None:
        self.injected.add(key)
        await odd_events.publish_tombstone(self.bus_url, key)

    async def check(self, *, parked: Iterable[Parked] = ()) -> Observed:
        """Waits until nothing moves, then proves every promise. Raises NotIdle and Broken."""
        await self.idle()
        seen = await self.observe()
        check(seen, parked=parked)
        return seen

    @property
    def store_urls(self) -> dict[str, str]:
        return {service: self.servers.store_urls.get(service, self.stack.store_url(service)) for service in SERVICES}

    @property
    def bus_url(self) -> str:
        return self.servers.bus_url or f"local:{self.stack.folder / 'bus.db'}"


async def _under_way(stores: Stores) -> str | None:
    try:
        return await stores.under_way()
    except StoreUnavailable as why:
        return f"a store does not answer: {why}"


@asynccontextmanager
async def a_world(
    folder: Path, servers: Servers | None = None, *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[World]:
    """Inside, all services are ready. `settings`: more variables of the services, such as EQUIVALENCE_GAP_SECONDS."""
    servers = servers or Servers()
    given = SETTINGS | servers.settings() | dict(settings or {})
    stack = Stack(folder / "world", port_base=free_ports(), business_date=DAY, settings=given)
    print(f"\nfaults on {servers.name}")
    # A service that is killed again and again is never given up.
    deaths: Counter[str] = Counter()

    said: list[str] = []

    def hears(words: str) -> None:
        said.append(words)
        service, _, rest = words.partition(" ")
        deaths[service] += rest.startswith("ended (signal SIGKILL)")

    async with (
        Supervisor(stack, say=hears, patience=Patience(ready=PATIENCE, quick=0.0)) as running,
        Partner(stack, seconds=PATIENCE) as api,
    ):
        yield World(servers, stack, running, api, Filer(api), deaths, said)
