"""Keys that cannot go on: they wait here, in order and with their reasons, until they can or are parked."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chassis import metrics, parked
from chassis.bus import Partition, Received
from chassis.clock import Clock
from chassis.fold import Folded, Trouble
from chassis.halting import Halting
from chassis.handlers import Delivery
from chassis.store import Store, Write

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    batch: int = 500
    batch_seconds: float = 15.0  # a batch that takes longer is cut off and read again in parts; half a poll interval
    handler_seconds: float = 5.0  # a handler that takes longer has failed; after so much time of handlers none begins
    poll_seconds: float = 1.0  # longest wait for records
    held_keys: int = 1000  # so many held keys, or a batch of held events that are due: nothing new is read
    tries: int = 5  # of an event whose handler fails
    gap_seconds: float = 10.0  # how long a missing event may come late
    retry_pause: float = 0.2  # first pause, doubled up to ten seconds
    stalled_seconds: float = 15.0  # no progress although there is something to read: a new consumer
    parked_keys: int = 100  # more: halt
    parked_share: float = 0.05  # of the last 1,000 events: halt
    halted_seconds: float = 3.0  # how often a halted consumer looks whether it may go on
    release_seconds: float = 1.0  # how often a consumer looks for parked events that were released


@dataclass(slots=True)
class Wait:
    """What holds up a producer's events of a key: the trouble of the first of them, since when and how often."""

    kind: str
    sequence: int
    since: float
    tries: int = 0


@dataclass(slots=True)
class Held:
    """The events of a key that wait, in order; `waits` by producer."""

    deliveries: list[Delivery]
    waits: dict[str, Wait] = field(default_factory=dict)
    due: float = 0.0


class Holding:
    """The held keys of one consumer, and the way from here to what is parked."""

    def __init__(self, service: str, store: Store, clock: Clock, limits: Limits) -> None:
        self._service = service
        self._store = store
        self._clock = clock
        self._limits = limits
        self._keys: dict[str, Held] = {}
        self.halting = Halting(store, most_keys=limits.parked_keys, most_share=limits.parked_share)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def due(self) -> int:
        """How many events could be handled at once, had anybody the time."""
        now = time.monotonic()
        return sum(len(held.deliveries) for held in self._keys.values() if held.due <= now)

    def of(self, key: str) -> Held | None:
        """What waits for a key."""
        return self._keys.get(key)

    def clear(self) -> None:
        self._keys.clear()

    def forget(self, key: str) -> None:
        self._keys.pop(key, None)

    def keep(self, ours: set[Partition]) -> None:
        """What belongs to a partition that went to another member is that member's to handle."""
        for key, held in list(self._keys.items()):
            held.deliveries = [event for event in held.deliveries if event.received.partition in ours]
            if not held.deliveries:
                del self._keys[key]

    def join(self, work: dict[str, list[Delivery]], most: int) -> dict[str, Held]:
        """Puts held events before the new ones of their keys, and of other keys those that are due: about `most` events
        of those that are due for the longest time. Returns how they waited.
        """
        now = time.monotonic()
        before = {key: self._keys[key] for key in work if key in self._keys}
        due = sorted((held.due, key) for key, held in self._keys.items() if held.due <= now and key not in work)
        for _, key in due:
            if most <= 0:
                break
            before[key] = self._keys[key]
            most -= len(before[key].deliveries)
        for key, held in before.items():
            del self._keys[key]
            work[key] = _each_once([*held.deliveries, *work.get(key, [])])
        return before

    def due_in(self) -> float | None:
        """Seconds until the first held key is due; None = nothing is held."""
        due = min((held.due for held in self._keys.values()), default=None)
        return None if due is None else max(due - time.monotonic(), 0.0)

    async def hold_or_park(self, key: str, folded: Folded, before: Held | None) -> list[Write]:
        """What is left of a key waits here, or is parked when waiting is over; the writes that park it.

        What was put off waits without a trouble of its own, and how it waited before goes on.
        """
        if not folded.left:
            return []
        now = time.monotonic()
        held = Held(list(folded.left))
        pauses = []
        writes: list[Write] = []
        for producer, trouble in folded.troubles.items():
            gone = [event for event in held.deliveries if event.producer == producer]
            wait = before.waits.get(producer) if before else None
            if wait is None or (wait.kind, wait.sequence) != (trouble.kind, gone[0].sequence):
                wait = Wait(trouble.kind, gone[0].sequence, now)
            wait = replace(wait, tries=wait.tries + 1)
            if await self._is_over(key, producer, wait, now):
                held.deliveries = [event for event in held.deliveries if event.producer != producer]
                writes += await self._park_all(key, producer, gone, trouble)
            else:
                held.waits[producer] = wait
                pauses.append(min(self._limits.retry_pause * 2 ** (wait.tries - 1), 10.0))
        for producer in {event.producer for event in held.deliveries} - folded.troubles.keys():  # put off
            if before and folded.write is None:  # it had no turn: it keeps its place among those that are due
                pauses.append(min(before.due - now, 0.0))
            else:
                pauses.append(0.0)
            if before and producer in before.waits:
                held.waits[producer] = before.waits[producer]
        if held.deliveries:
            held.due = now + min(pauses)
            self._keys[key] = held
        return writes

    async def _is_over(self, key: str, producer: str, wait: Wait, now: float) -> bool:
        match wait.kind:
            case "reject":
                return True
            case "failed":
                return wait.tries >= self._limits.tries
            case "gap":
                waited = now - wait.since
                return waited >= self._limits.gap_seconds or await parked.is_parked(self._store, key, producer)
            case _:
                return False

    async def _park_all(self, key: str, producer: str, events: Sequence[Delivery], trouble: Trouble) -> list[Write]:
        behind = await parked.has_head(self._store, key, producer)
        writes = []
        for place, event in enumerate(events):
            head = place == 0 and not behind
            reason = trouble.code if head or (place == 0 and trouble.kind != "gap") else "behind"
            writes.append(self.park(event.received, reason, head=head, delivery=event))
        return writes

    def park(self, received: Received, reason: str, *, head: bool, delivery: Delivery | None = None) -> Write:
        kind = "unreadable" if delivery is None else delivery.type if delivery.event is not None else "unknown"
        metrics.events(self._service, kind, "parked").inc()
        log.warning(
            "event parked",
            extra={
                "action": "consumer.parked",
                "key": received.key if delivery else None,  # a key that came without an envelope may be anything
                "topic": received.topic,
                "offset": received.offset,
                "reason": reason,
            },
        )
        write = parked.park(received, reason=reason, head=head, at=self._clock.now(), delivery=delivery)
        self.halting.count_parked(write.id)
        return write

    def not_done(self, next_to_read: Mapping[Partition, int]) -> dict[Partition, int]:
        """Per partition the first offset that is not done: that of its first held event, else the next to read."""
        offsets = dict(next_to_read)
        for held in self._keys.values():
            for event in held.deliveries:
                partition = event.received.partition
                offsets[partition] = min(offsets.get(partition, event.received.offset), event.received.offset)
        return offsets


def _each_once(events: Sequence[Delivery]) -> list[Delivery]:
    """In order, without those that were read twice: after a rebalance the group reads its held events again."""
    places = {(event.received.partition, event.received.offset): event for event in reversed(events)}
    return list(reversed(places.values()))
