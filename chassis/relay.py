"""The relay: the only place that publishes. It sends what documents still have to send, per key strictly in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from chassis import metrics
from chassis.bus import Bus
from chassis.health import Health
from chassis.store import Pending, Store, StoreUnavailable

log = logging.getLogger(__name__)

BATCH = 256
SWEEP_SECONDS = 1.0
SHORTEST_PAUSE = 0.1  # one event that is never acknowledged must not slow down the others
LONGEST_PAUSE = 5.0


async def relay_once(store: Store, bus: Bus, *, limit: int = BATCH) -> tuple[int, int]:
    """Publishes what is pending; (found, acknowledged). After a failure nothing later of that key is sent.

    A repeat is possible, a gap is not: what is not acknowledged stays in its document.
    """
    pending = await store.pending(limit)
    acknowledged: list[Pending] = []
    stuck: set[str] = set()
    for wave in _waves(pending):
        ready = [entry for entry in wave if entry.document_id not in stuck]
        if not ready:
            continue
        sent = await bus.publish([entry.record for entry in ready])
        for entry, ok in zip(ready, sent, strict=True):
            if ok:
                acknowledged.append(entry)
            else:
                stuck.add(entry.document_id)
    if acknowledged:
        await store.mark_sent(acknowledged)
    return len(pending), len(acknowledged)


def _waves(pending: Sequence[Pending]) -> Iterator[list[Pending]]:
    """The first pending event of each document, then the second of each, and so on; mostly one wave."""
    queues: dict[tuple[str, str], list[Pending]] = {}
    for entry in pending:
        queues.setdefault((entry.collection, entry.document_id), []).append(entry)
    place = 0
    while wave := [queue[place] for queue in queues.values() if place < len(queue)]:
        yield wave
        place += 1


class Relay:
    """Runs `relay_once`, woken by each write that has events and by a sweep underneath."""

    def __init__(self, service: str, store: Store, bus: Bus, health: Health) -> None:
        self._service = service
        self._store = store
        self._bus = bus
        self._health = health
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then one last pass."""
        pause = 0.0
        while not stop.is_set():
            self._wake.clear()  # before reading: a later write sets it again
            found, sent = await self._pass()
            if found and sent == found:
                pause = 0.0
                continue
            if sent < found:  # the bus or the store has trouble: wait longer each time, whatever wakes us
                pause = SHORTEST_PAUSE if sent else min(max(pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
                await _wait(stop, pause)
            else:
                pause = 0.0
                await _first(stop, self._wake, SWEEP_SECONDS)
        await self._pass()

    async def _pass(self) -> tuple[int, int]:
        try:
            found, sent = await relay_once(self._store, self._bus)
        except StoreUnavailable:
            metrics.STORE_TROUBLE.labels(service=self._service, where="relay").inc()
            return 1, 0
        if sent < found:
            metrics.PUBLISH_FAILURES.labels(service=self._service).inc(found - sent)
            if "publish" not in self._health.bus_trouble:
                log.warning(
                    "events not acknowledged by the bus", extra={"action": "relay.stuck", "unsent": found - sent}
                )
            self._health.bus_trouble["publish"] = "events not acknowledged"
            metrics.BUS_TROUBLE.labels(service=self._service, where="publish").set(1)
        else:
            metrics.BUS_TROUBLE.labels(service=self._service, where="publish").set(0)
            self._health.bus_trouble.pop("publish", None)
        return found, sent


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _first(stop: asyncio.Event, wake: asyncio.Event, seconds: float) -> None:
    waiters = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
