"""The consumer runner: reads batches, keeps order per key, saves before it commits, parks what cannot be handled.

A key that cannot go on is held here while the others pass; its partition's offset stays at its first held event, so a
crash loses nothing. Trouble of the store or the bus parks nothing: the batch is read again once they answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from chassis import metrics
from chassis.bus import Bus, BusUnavailable, Consumer, Partition, Received
from chassis.clock import Clock
from chassis.envelope import Unreadable, decode
from chassis.fold import Fold
from chassis.handlers import Delivery, Subscription, by_type
from chassis.health import Health
from chassis.holding import Holding, Limits
from chassis.lag import Lag
from chassis.outbox import Author
from chassis.pace import Pace
from chassis.portions import Portions
from chassis.releasing import Releasing
from chassis.rounds import Rounds
from chassis.standstill import earliest, while_store_is_away, while_too_much_is_parked
from chassis.store import Document, Store, StoreUnavailable, Write
from chassis.waiting import happened

log = logging.getLogger(__name__)

DEFAULT_LIMITS = Limits()


class Runner:
    """One member of the service's consumer group."""

    def __init__(
        self,
        service: str,
        store: Store,
        bus: Bus,
        *,
        collection: str,
        subscriptions: Sequence[Subscription],
        topics: Sequence[str],
        author: Author,
        clock: Clock,
        health: Health,
        member: str = "",
        limits: Limits = DEFAULT_LIMITS,
        saved: Callable[[Sequence[Document]], None] | None = None,
    ) -> None:
        self._service = service
        self._store = store
        self._bus = bus
        self._topics = topics
        self._health = health
        self._member = member
        self._limits = limits
        self._table = by_type(subscriptions)
        self._known = {event.TYPE: event for line in subscriptions for event in line.types}
        self._fold = Fold(service, collection, author, self._table, handler_seconds=limits.handler_seconds)
        self.held = Holding(service, store, clock, limits)
        self._portions = Portions(self._reads)
        handlers_saved = saved or (lambda documents: None)

        def weighed_and_told(documents: Sequence[Document]) -> None:
            self._portions.weigh(documents)
            handlers_saved(documents)

        self._rounds = Rounds(
            service,
            store,
            collection=collection,
            table=self._table,
            fold=self._fold,
            held=self.held,
            saved=weighed_and_told,
            handler_seconds=limits.handler_seconds,
        )
        self._releasing = Releasing(
            service, collection, store, clock, limits, self._fold, self._table, self._known, handlers_saved
        )
        self._next: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._full = False  # so much is held that nothing new is read
        self._pace = Pace(limits.batch, limits.batch_seconds)
        self._in_work = 0  # events of the batch, with those that were held
        self._batches = metrics.BATCHES.labels(service=service)
        self._held_keys = metrics.HELD_KEYS.labels(service=service)
        self._progress = time.monotonic()
        self.idle = asyncio.Event()  # the last poll of our partitions was empty and nothing is held

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A consumer that fails or makes no progress is closed and made anew."""
        pause = self._limits.retry_pause
        while not stop.is_set():
            consumer = None
            try:
                consumer = await self._bus.consumer(f"zhicheng.{self._service}", self._topics, member=self._member)
                self._forget_positions()
                self._trouble(None)
                pause = self._limits.retry_pause
                await self._read(consumer, stop)
            except BusUnavailable as why:
                self._trouble(type(why).__name__)
            finally:
                if consumer is not None:
                    await consumer.close()
            if not stop.is_set() and await happened(stop, pause):
                return
            pause = min(pause * 2, 5.0)

    async def _read(self, consumer: Consumer, stop: asyncio.Event) -> None:
        self._progress = time.monotonic()
        lag = Lag(self._service)
        while not stop.is_set():
            if (unread := await lag.measure(consumer)) is not None:
                self._health.unread = unread if consumer.assigned() else None  # without a partition nobody knows
            if await self.held.halting.halts():
                await self._stand_still(consumer, lag, stop)
            self._keep_room(consumer)
            batch = await consumer.poll(self._pace.events, self._patience())
            not_done = earliest(self.held.not_done(self._next), batch)
            began = time.monotonic()
            try:
                await self._take_in_time(consumer, batch)
                not_done = self.held.not_done(self._next)
                if time.monotonic() - began < self._limits.batch_seconds / 2:  # both within one poll interval
                    await self._releasing.step(consumer.assigned())
            except (StoreUnavailable, TimeoutError):
                await self._wait_for_store(consumer, not_done, lag, stop)
                continue
            if batch:
                self._progress = time.monotonic()
                self.idle.clear()
                continue
            if not self.held and consumer.assigned():
                self.idle.set()
            if not self._full and await self._stalled(consumer):
                log.warning("no progress, consumer is made anew", extra={"action": "consumer.stalled"})
                return

    async def _take_in_time(self, consumer: Consumer, batch: Sequence[Received]) -> None:
        """TimeoutError where a batch would take so long that the membership is at risk; the next one is smaller."""
        began = time.monotonic()
        self._in_work, self._rounds.handled_for = 0, 0.0
        try:
            async with asyncio.timeout(self._limits.batch_seconds):
                await self._take(consumer, batch)
        finally:
            events = max(len(batch), self._in_work)  # also those that are passed over, and those that were held
            self._pace.took(events, time.monotonic() - began, handlers=self._rounds.handled_for)

    def _keep_room(self, consumer: Consumer) -> None:
        """With too much held or put off nothing new is read; polling goes on, because it keeps the membership."""
        full = len(self.held) >= self._limits.held_keys or self.held.due >= self._limits.batch
        if full:
            self._progress = time.monotonic()  # nobody expects any
            consumer.pause(consumer.assigned())
        elif self._full:
            consumer.resume(consumer.assigned())
        self._full = full

    async def _take(self, consumer: Consumer, batch: Sequence[Received]) -> None:
        """Handles a batch with what is due of the held keys, saves, then commits."""
        self._drop_revoked(consumer)
        self.held.halting.count_read(len(batch))
        worked = False
        for part in self._portions.of(batch):
            worked |= await self._portion(*self._sort(part), most_held=0)
        if self._rounds.handled_for < self._limits.handler_seconds:  # else what was put off would be put off again
            worked |= await self._portion({}, [], most_held=min(self._portions.keys, self._pace.events))
        if worked:
            self._batches.inc()
        self._held_keys.set(len(self.held))
        for received in batch:
            self._next[received.partition] = received.offset + 1
            if received.offset < self._committed.get(received.partition, 0):
                del self._committed[received.partition]  # the group went back: a commit of ours did not count
        offsets = self.held.not_done(self._next)
        moved = {partition: offset for partition, offset in offsets.items() if self._committed.get(partition) != offset}
        if moved:
            await consumer.commit(moved)
            self._committed |= moved

    async def _portion(self, work: dict[str, list[Delivery]], parks: list[Write], *, most_held: int) -> bool:
        """With what is held of its keys, and about so many events of other keys that are due. Was there anything?"""
        before = self.held.join(work, most_held)
        self._in_work += len(parks) + sum(len(events) for events in work.values())
        if not work and not parks:
            return False
        await self._rounds.handle(work, parks, before)
        return True

    def _reads(self, received: Received) -> bool:
        """Is the document read for this event? A line is added without it."""
        subscription = self._table.get(received.header("ce_type") or "")
        return subscription is None or subscription.line is None

    def _sort(self, batch: Sequence[Received]) -> tuple[dict[str, list[Delivery]], list[Write]]:
        work: dict[str, list[Delivery]] = {}
        parks: list[Write] = []
        for received in batch:
            read = decode(received, self._known)
            if isinstance(read, Unreadable):
                parks.append(self.held.park(received, read.reason, head=True))
            elif self._fold.passes_over(read):
                metrics.events(self._service, "unknown", "skipped").inc()
            else:
                work.setdefault(read.key, []).append(read)
        return work, parks

    def _drop_revoked(self, consumer: Consumer) -> None:
        ours = consumer.assigned()
        self.held.keep(ours)
        for partition in set(self._next) - ours:
            self._next.pop(partition)
            self._committed.pop(partition, None)

    async def _wait_for_store(
        self, consumer: Consumer, again: dict[Partition, int], lag: Lag, stop: asyncio.Event
    ) -> None:
        """Until the store answers; then everything from `again` on is read once more."""
        self.held.clear()
        again = await while_store_is_away(
            consumer, self._store, again, stop, lag, service=self._service, limits=self._limits
        )
        consumer.rewind(again)
        self._next |= again  # a commit before these are read again must not pass them
        consumer.resume(consumer.assigned())

    async def _stand_still(self, consumer: Consumer, lag: Lag, stop: asyncio.Event) -> None:
        self._health.unread = None  # what comes meanwhile is not counted
        await while_too_much_is_parked(
            consumer,
            self.held.halting,
            self._releasing,
            stop,
            lag,
            service=self._service,
            limits=self._limits,
            health=self._health,
        )
        self._progress = time.monotonic()

    async def _stalled(self, consumer: Consumer) -> bool:
        if time.monotonic() - self._progress < self._limits.stalled_seconds:
            return False
        lag = await consumer.lag()
        if lag == 0:
            self._progress = time.monotonic()
        return lag > 0

    def _patience(self) -> float:
        """Seconds to wait for records: until the first held key is due at most."""
        due = self.held.due_in()
        longest = self._limits.poll_seconds
        return longest if due is None else min(max(due, 0.01), longest)

    def _forget_positions(self) -> None:
        self._full = False
        self.held.clear()
        self._next.clear()
        self._committed.clear()

    def _trouble(self, what: str | None) -> None:
        metrics.BUS_TROUBLE.labels(service=self._service, where="consume").set(0 if what is None else 1)
        if what is None:
            self._health.bus_trouble.pop("consume", None)
            return
        if "consume" not in self._health.bus_trouble:
            log.warning("bus does not answer", extra={"action": "consumer.bus-away", "reason": what})
        self._health.bus_trouble["consume"] = "bus does not answer"
        self._health.unread = None
