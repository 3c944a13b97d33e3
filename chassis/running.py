"""A service at work: its parts wired together, its tasks owned from start to end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from chassis import metrics, parked, releases, schema
from chassis.adapters import open_bus, open_store
from chassis.bus import Bus, Topic
from chassis.callers import CallersFile
from chassis.clock import Clock, parse_instant
from chassis.handlers import by_type
from chassis.health import Health
from chassis.holding import Limits
from chassis.outbox import Author
from chassis.relay import Relay
from chassis.runner import Runner
from chassis.service import Build, Infra, Periodic
from chassis.settings import ServiceSettings
from chassis.store import Store, StoreUnavailable
from chassis.web import create_app
from contracts.topics import heard_by, topics

log = logging.getLogger(__name__)

# Seconds after the wish to stop at which a step is cut off: what it leaves is repeated later, by design. A bus or a
# store that is away must not keep a process longer than schedulers wait for it.
HTTP_UNTIL, WORK_UNTIL, RELAY_UNTIL, BUS_UNTIL, STORE_UNTIL = 4.0, 6.0, 8.0, 9.0, 10.0
LEAST_SECONDS = 0.5  # of each step, however late it is


class _Server(uvicorn.Server):
    """Signals belong to the process, not to its HTTP server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Running:
    """One process of a service. `start` returns when it can work; `stop` finishes what is in work and closes."""

    def __init__(
        self,
        settings: ServiceSettings,
        build: Build,
        *,
        name: str,
        role: str = "all",
        limits: Limits | None = None,
        ours: schema.Schema = schema.OURS,
        opens_store: Callable[[str], Awaitable[Store]] = open_store,
        opens_bus: Callable[[str], Awaitable[Bus]] = open_bus,
    ) -> None:
        self._settings = settings
        self._opens_store = opens_store
        self._opens_bus = opens_bus
        self._build = build
        self._name = name
        self._role = role
        self._schema = ours
        self._limits = limits or Limits(gap_seconds=settings.gap_seconds)
        self._stop = asyncio.Event()
        self._asked_at = 0.0  # when the wish to stop came
        self._stop_relay = asyncio.Event()  # later than the rest: it sends what they have written last
        self._opened: list[tuple[str, Callable[[], Coroutine[Any, Any, None]], float]] = []  # to be closed, last first
        self._tasks: list[asyncio.Task[None]] = []
        self._relay: list[asyncio.Task[None]] = []
        self._finish: Callable[[], Coroutine[Any, Any, None]] | None = None  # of a service that was put to work
        self._server: uvicorn.Server | None = None
        self.health = Health()
        self.runner: Runner | None = None

    async def start(self) -> bool:
        """False when it was asked to stop before it could work.

        Raises StoreUnavailable, BusUnavailable, SchemaRefused.
        """
        starting = asyncio.create_task(self._start(), name=f"{self._name}.start")
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting}, timeout=LEAST_SECONDS)
        if self._stop.is_set():
            return False
        starting.result()
        return True

    async def _start(self) -> None:
        settings = self._settings
        clock = Clock(settings.business_date)
        self.store = await self._opens_store(settings.store_url.get_secret_value())
        self._opened.append(("store", self.store.close, STORE_UNTIL))
        self.bus = await self._opens_bus(settings.bus_url.get_secret_value())
        self._opened.append(("bus", self.bus.close, BUS_UNTIL))
        callers = CallersFile(settings.callers_file, service=self._name)
        self.infra = Infra(self.store, self.bus, clock, callers, Author(f"/{self._name}", clock), self.health)
        self.service = self._build(settings, self.infra)
        by_type(self.service.subscriptions)
        at_start = settings.setup_at_start and not await schema.newer_is_there(self.store, self._schema)
        if self._role == "setup" or at_start:
            await self.setup()
        await schema.check(self.store, self._schema)
        await schema.after_restore(self.store, self.service.restored)  # by a setup: no probe waits for it there
        if self._role == "setup":
            return
        if self.service.check is not None:
            await self.service.check()
        self._start_tasks(clock)

    async def setup(self) -> None:
        """Collections, indexes, topics and the service's own versions of policy data. Repeatable.

        Raises SchemaRefused, before anything is done, when the setup of a newer release has run.
        """
        await schema.refuse_newer(self.store, self._schema)
        chassis = [parked.COLLECTION, releases.COLLECTION, releases.OUTCOMES, schema.COLLECTION]
        collections = [*dict.fromkeys([self.service.collection, *self.service.collections, *chassis])]
        indexes = [*self.service.indexes, *parked.INDEXES, *releases.INDEXES]
        await self.store.setup(collections, indexes)
        await self.bus.setup([Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()])
        if self.service.setup is not None:
            await self.service.setup()
        await schema.record(self.store, self.infra.clock, self._schema)

    def _start_tasks(self, clock: Clock) -> None:
        settings, service = self._settings, self.service
        self._finish = service.finish
        relay = Relay(service.name, self.store, self.bus, self.health)  # who writes sends; `relay` alone takes over
        self._relay = [
            self._own(relay.keep_marks(self._stop_relay), "marks"),
            self._own(relay.run(self._stop_relay), "relay"),
        ]
        if self._role in ("all", "consume"):
            if service.subscriptions:
                self.runner = Runner(
                    service.name,
                    self.store,
                    self.bus,
                    collection=service.collection,
                    subscriptions=service.subscriptions,
                    topics=heard_by(service.name),
                    author=self.infra.author,
                    clock=clock,
                    health=self.health,
                    member=settings.member,
                    limits=self._limits,
                    saved=service.saved,
                )
                self._own(self.runner.run(self._stop), "consumer")
            sweep = releases.Releases(self.store, clock).remove_old
            chassis = (Periodic("measure", 5.0, self._measure), Periodic("old-releases", 3600.0, sweep))
            for periodic in (*chassis, *service.periodic):
                self._own(self._repeat(periodic), periodic.name)
        self._own(self._repeat(Periodic("depth", 0.5, self._count_unsent)), "depth")
        self.app = create_app(service, self.infra, settings, self.health, api=self._role in ("all", "api"))

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{self._name}.{name}")
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A background task that ends before its time takes the process with it: the supervisor starts a whole one."""
        failure = None if task.cancelled() else task.exception()
        if self._stop.is_set() and failure is None:
            return
        log.error(
            "background task ended, the process stops",
            exc_info=failure,
            extra={"action": "service.task-ended", "task": task.get_name()},
        )
        self.failed = True
        self.ask_to_stop()

    failed = False

    async def _repeat(self, periodic: Periodic) -> None:
        while not self._stop.is_set():
            if periodic.wake is not None:
                periodic.wake.clear()
            try:
                did = await periodic.do()
            except StoreUnavailable:
                metrics.STORE_TROUBLE.labels(service=self._name, where=periodic.name).inc()
                did = 0
            except Exception:
                log.exception(
                    "periodic work failed", extra={"action": "service.periodic-failed", "task": periodic.name}
                )
                did = 0
            if did == 0:
                await self._pause(periodic.every, periodic.wake)

    async def _count_unsent(self) -> int:
        """How far publishing is behind: above the limit an API refuses new work."""
        self.health.unsent = await self.store.pending_depth(self._settings.max_unsent + 1)
        metrics.UNSENT.labels(service=self._name).set(self.health.unsent)
        return 0

    async def _measure(self) -> int:
        """What an operator must see although nothing happens."""
        metrics.PARKED_KEYS.labels(service=self._name).set(await parked.keys_parked(self.store))
        metrics.PARKED_EVENTS.labels(service=self._name).set(await self.store.count(parked.COLLECTION, {}))
        metrics.OLDEST_PARKED_SECONDS.labels(service=self._name).set(self._age(await parked.parked_since(self.store)))
        oldest = await self.store.pending(1)
        said = dict(oldest[0].record.headers).get("ce_time") if oldest else None
        metrics.OLDEST_UNSENT_SECONDS.labels(service=self._name).set(self._age(said))
        return 0

    def _age(self, since: str | None) -> float:
        """Seconds from an instant until now; 0 without one."""
        if not since:
            return 0.0
        return max((parse_instant(self.infra.clock.now()) - parse_instant(since)).total_seconds(), 0.0)

    async def _pause(self, seconds: float, wake: asyncio.Event | None) -> None:
        events = [self._stop, *([wake] if wake is not None else [])]
        waiters = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
            await asyncio.gather(*waiters, return_exceptions=True)

    async def serve(self) -> None:
        """Answers HTTP until `stop` is asked for."""
        config = uvicorn.Config(
            self.app,
            host=self._settings.host,
            port=self._settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=int(HTTP_UNTIL),
            timeout_keep_alive=30,
        )
        self._server = _Server(config)
        self._server.should_exit = self._stop.is_set()  # asked to stop before there was a server
        await self._server.serve()

    def ask_to_stop(self) -> None:
        self.health.shutting_down = True
        if not self._stop.is_set():
            self._asked_at = time.monotonic()
        self._stop.set()
        if self._server is not None:
            self._server.should_exit = True

    async def wait(self) -> None:
        """Serves HTTP (of a consumer or relay the probes alone) until somebody asks to stop."""
        await self.serve()
        self.ask_to_stop()

    async def stop(self) -> None:
        """Finishes the batch in work, lets the relay pass once more, closes. What is cut off is repeated later."""
        self.ask_to_stop()
        await _ended_within([task for task in self._tasks if task not in self._relay], self._left(WORK_UNTIL))
        if self._finish is not None:
            finishing = asyncio.create_task(self._finish(), name=f"{self._name}.finish")
            await _ended_within([finishing], self._left(WORK_UNTIL))
        self._stop_relay.set()
        await _ended_within(self._relay, self._left(RELAY_UNTIL))
        for name, close, until in reversed(self._opened):
            await _ended_within([asyncio.create_task(close(), name=f"{name}.close")], self._left(until))

    def _left(self, until: float) -> float:
        return max(self._asked_at + until - time.monotonic(), LEAST_SECONDS)


async def _ended_within(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Waits for tasks that were asked to stop; what is late is cancelled, and left alone if that does not end it."""
    if not tasks:
        return
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        log.warning(
            "cut off", extra={"action": "service.cut-off", "tasks": ", ".join(sorted(task.get_name() for task in late))}
        )
        ended, _ = await asyncio.wait(late, timeout=LEAST_SECONDS)
        done |= ended
    for task in done:
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.warning("not ended cleanly", exc_info=failure, extra={"action": "service.not-clean"})
