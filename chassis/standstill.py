"""A consumer that must not go on: it reads nothing, polls on so that it stays a member, and looks again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from chassis import metrics, parked
from chassis.bus import Consumer, Partition, Received
from chassis.halting import Halting
from chassis.health import Health
from chassis.holding import Limits
from chassis.lag import Lag
from chassis.releasing import Releasing
from chassis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)


async def while_store_is_away(
    consumer: Consumer,
    store: Store,
    again: Mapping[Partition, int],
    stop: asyncio.Event,
    lag: Lag,
    *,
    service: str,
    limits: Limits,
) -> dict[Partition, int]:
    """`again`: per partition the first event that is not done. Where to read on; the caller rewinds and resumes."""
    metrics.STORE_TROUBLE.labels(service=service, where="consumer").inc()
    log.warning("store does not answer, partitions paused", extra={"action": "consumer.paused"})
    first = dict(again)
    consumer.pause(consumer.assigned())
    pause = limits.retry_pause
    while not stop.is_set():
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0 and not stop.is_set():
            came = await consumer.poll(1, min(left, 0.5))  # only of a partition that was assigned meanwhile
            first = earliest(first, came)
            consumer.pause(consumer.assigned())
        await lag.measure(consumer)
        try:
            await store.count(parked.COLLECTION, {"head": True})
            break
        except StoreUnavailable:
            pause = min(pause * 2, 5.0)
    return first


async def while_too_much_is_parked(
    consumer: Consumer,
    halting: Halting,
    releasing: Releasing,
    stop: asyncio.Event,
    lag: Lag,
    *,
    service: str,
    limits: Limits,
    health: Health,
) -> None:
    """Until operators have released or discarded enough; it does what they release."""
    log.error("too many events parked, consumer halted", extra={"action": "consumer.halted"})
    health.halted[service] = "too many events parked"
    metrics.CONSUMER_HALTED.labels(service=service).set(1)
    try:
        consumer.pause(consumer.assigned())
        looked = time.monotonic()
        while not stop.is_set():
            if came := await consumer.poll(1, limits.poll_seconds):  # of a partition that was assigned meanwhile
                consumer.rewind(earliest({}, came))
                consumer.pause(consumer.assigned())
            await lag.measure(consumer)
            try:
                await releasing.step(consumer.assigned())
            except StoreUnavailable:
                metrics.STORE_TROUBLE.labels(service=service, where="consumer").inc()
                continue
            if time.monotonic() - looked < limits.halted_seconds:
                continue
            looked = time.monotonic()
            if not await halting.halts():
                log.warning("consumer goes on", extra={"action": "consumer.goes-on"})
                consumer.resume(consumer.assigned())
                return
    finally:
        health.halted.pop(service, None)
        metrics.CONSUMER_HALTED.labels(service=service).set(0)


def earliest(offsets: Mapping[Partition, int], batch: Sequence[Received]) -> dict[Partition, int]:
    """Per partition the lower of the offset and the first of the batch."""
    lowest = dict(offsets)
    for received in batch:
        lowest[received.partition] = min(lowest.get(received.partition, received.offset), received.offset)
    return lowest
