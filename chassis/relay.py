"""The relay: the only place that publishes. It sends what this process has written, per key strictly in order.

Events come from memory: the store says what is durable, and they leave without being read again. What memory does not
know (a write whose outcome is unknown, a process that is gone) a sweep finds in the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice

from chassis import metrics
from chassis.bus import Bus
from chassis.health import Health
from chassis.store import Pending, Store, StoreUnavailable
from chassis.waiting import happened

log = logging.getLogger(__name__)

BATCH = 256
SWEEP_SECONDS = 1.0
MARK_SECONDS = 0.5  # a crash sends again what was sent since the last mark
TAKE_OVER_SECONDS = 3.0  # a process that has unsent events and says nothing for so long: others send them
MOST_IN_MEMORY = 10_000  # documents whose events wait here; of more the store tells when their turn comes
SHORTEST_PAUSE = 0.1  # one event that is never acknowledged must not slow down the others
LONGEST_PAUSE = 5.0

Place = tuple[str, str]  # collection, id


class Relay:
    """Hears what the store writes. Nothing later of a key is sent before the earlier is acknowledged or known as sent.

    A repeat is possible, a gap is not: what is not acknowledged stays in its document.
    """

    def __init__(
        self, service: str, store: Store, bus: Bus, health: Health, *, take_over: float = TAKE_OVER_SECONDS
    ) -> None:
        self._service = service
        self._store = store
        self._bus = bus
        self._health = health
        self._take_over = take_over
        self._queues: dict[Place, deque[Pending]] = {}  # per document in order; the documents take turns
        self._look_up: dict[Place, None] = {}  # documents whose outbox must be read before one of its events is sent
        self._wake = asyncio.Event()
        self._trouble = metrics.BUS_TROUBLE.labels(service=service, where="publish")
        store.listen(self.hear)

    def hear(self, entries: Sequence[Pending]) -> None:
        for entry in entries:
            place = (entry.collection, entry.document_id)
            if place in self._look_up:
                continue
            if entry.after or (place not in self._queues and len(self._queues) >= MOST_IN_MEMORY):
                self._queues.pop(place, None)
                self._look_up[place] = None
            else:
                queue = self._queues.setdefault(place, deque())
                if all(_number(entry) != _number(known) for known in queue):  # a sweep may have found it before us
                    queue.append(entry)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is left is tried once more."""
        await self._send_until(stop)
        await self.send_all()
        await self._mark(leaving=True)

    async def keep_marks(self, stop: asyncio.Event) -> None:
        """Beside `run`: makes durable what is sent, and says that this process lives."""
        while not stop.is_set():
            await happened(stop, MARK_SECONDS)
            await self._mark()

    async def send_all(self) -> None:
        """Looks for everything that waits, and sends until nothing is left or something is not acknowledged."""
        while True:
            more = await self._sweep()
            if not await self.send_heard() or not more:
                return

    async def send_heard(self) -> bool:
        """Sends what memory knows of until nothing is left (True) or something is not acknowledged."""
        tried, sent = await self._pass()
        while tried and sent == tried:
            tried, sent = await self._pass()
        return sent == tried

    async def _send_until(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(_set_after(stop, self._wake), name=f"{self._service}.relay-stop")
        try:
            await self._send(stop)
        finally:
            stopping.cancel()
            await asyncio.wait({stopping})

    async def _send(self, stop: asyncio.Event) -> None:
        """`stop` sets `_wake` too."""
        pause, swept = 0.0, float("-inf")
        while not stop.is_set():
            self._wake.clear()  # before looking: what is heard later sets it again
            if time.monotonic() - swept >= SWEEP_SECONDS:
                more = await self._sweep()
                swept = float("-inf") if more else time.monotonic()
            tried, sent = await self._pass()
            if sent < tried:  # the bus or the store has trouble: wait longer each time, whatever wakes us
                pause = SHORTEST_PAUSE if sent else min(max(pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
                await happened(stop, pause)
                continue
            pause = 0.0
            if not tried:
                await happened(self._wake, swept + SWEEP_SECONDS - time.monotonic())

    # --- what waits ---

    async def _sweep(self) -> bool:
        """Is there more than one look brings?"""
        try:
            found = await self._store.pending(BATCH, idle=self._take_over)
        except StoreUnavailable:
            self._store_trouble()
            return False
        return self._add(found) >= BATCH

    async def _read_outboxes(self) -> bool:
        """Reads the documents of which memory does not know all. False: the store does not answer."""
        room = max(MOST_IN_MEMORY - len(self._queues), 0)
        places = list(islice(self._look_up, min(BATCH, room)))
        for place in places:
            del self._look_up[place]  # what is heard from here on belongs behind what is read
        try:
            self._add(await self._store.pending_of(places) if places else [])
        except StoreUnavailable:
            for place in places:
                self._queues.pop(place, None)
                self._look_up[place] = None
            self._store_trouble()
            return False
        return True

    def _add(self, found: Sequence[Pending]) -> int:
        """Puts what was found in the store among what was heard; how many events are new."""
        new = 0
        documents: dict[Place, list[Pending]] = {}
        for entry in found:
            documents.setdefault((entry.collection, entry.document_id), []).append(entry)
        for place, entries in documents.items():
            if place in self._look_up:
                continue
            heard = self._queues.get(place, ())
            known = {_number(entry): entry for entry in (*entries, *heard)}
            new += len(known) - len(heard)
            self._queues[place] = deque(sorted(known.values(), key=lambda entry: entry.sequence))
        return new

    # --- sending and marking ---

    async def _pass(self) -> tuple[int, int]:
        """Publishes the first event of each document; (tried, acknowledged)."""
        if not await self._read_outboxes():
            return 1, 0
        ready = [(place, queue[0]) for place, queue in islice(self._queues.items(), BATCH)]
        if not ready:
            return len(self._look_up), len(self._look_up)  # go on reading
        answers = await self._bus.publish([entry.record for _, entry in ready])
        acknowledged = []
        for (place, entry), sent in zip(ready, answers, strict=True):
            queue = self._queues.pop(place, None)
            if sent:
                acknowledged.append(entry)
            if queue and sent and queue[0] is entry:
                queue.popleft()
            if queue:
                self._queues[place] = queue  # behind the others
        self._store.note_sent(acknowledged)
        self._tell(len(ready), len(acknowledged))
        return len(ready), len(acknowledged)

    async def _mark(self, *, leaving: bool = False) -> None:
        try:
            await self._store.mark_sent(leaving=leaving)
        except StoreUnavailable:
            self._store_trouble()

    def _store_trouble(self) -> None:
        metrics.STORE_TROUBLE.labels(service=self._service, where="relay").inc()

    def _tell(self, tried: int, sent: int) -> None:
        if sent < tried:
            metrics.PUBLISH_FAILURES.labels(service=self._service).inc(tried - sent)
            if "publish" not in self._health.bus_trouble:
                log.warning(
                    "events not acknowledged by the bus", extra={"action": "relay.stuck", "unsent": tried - sent}
                )
            self._health.bus_trouble["publish"] = "events not acknowledged"
            self._trouble.set(1)
        else:
            self._trouble.set(0)
            self._health.bus_trouble.pop("publish", None)


def _number(entry: Pending) -> tuple[str, int]:
    return entry.writer, entry.number


async def _set_after(event: asyncio.Event, other: asyncio.Event) -> None:
    await event.wait()
    other.set()
