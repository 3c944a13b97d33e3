"""One member of a consumer group."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError, KafkaError

from chassis.bus import BusUnavailable, Partition, Received
from chassis.bus_kafka.limits import Limits, limited, name_of
from chassis.bus_kafka.reading import received
from chassis.bus_kafka.topics import MAX_BATCH_BYTES
from chassis.waiting import happened

log = logging.getLogger(__name__)


def settings(limits: Limits) -> dict[str, Any]:
    return {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_poll_interval_ms": int(limits.poll_interval * 1000),
        "session_timeout_ms": int(limits.session * 1000),
        "heartbeat_interval_ms": int(min(limits.session * 300, 3000)),  # so soon a member hears of a rebalance
        "rebalance_timeout_ms": int((limits.session + limits.revoke) * 1000),
        "max_partition_fetch_bytes": 2 * MAX_BATCH_BYTES,
    }


class KafkaConsumer:
    """One member of a group. What it is about to lose stays its own until the batch in work is done."""

    def __init__(self, driver: AIOKafkaConsumer, limits: Limits, closed: Callable[[KafkaConsumer], None]) -> None:
        self._driver = driver
        self._limits = limits
        self._closed = closed
        self._revoked: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._commits: set[asyncio.Future[None]] = set()  # under way
        # Set in a poll: what was read last is done or will be read again, and so is what was held.
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        self._at_rest.set()
        try:
            async with asyncio.timeout(timeout + 0.1):  # in a rebalance it would wait for the new assignment
                found = await self._driver.getmany(timeout_ms=int(timeout * 1000), max_records=limit)
        except TimeoutError:
            self._fetch_is_over()
            found = {}
        except (KafkaError, ConsumerStoppedError, OSError) as error:
            raise BusUnavailable(f"records were not read: {name_of(error)}") from error
        self._at_rest.clear()
        return [received(record) for records in found.values() for record in records]

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        ours = self._ours(offsets)
        if not ours:
            return
        commit = asyncio.ensure_future(self._driver.commit(ours))
        self._commits.add(commit)
        await asyncio.wait({commit}, timeout=self._limits.commit)
        if not commit.done():  # not cancelled: that left consumers dead; it ends with the consumer
            raise BusUnavailable("offsets were not committed in time")
        self._commits.discard(commit)
        error = asyncio.CancelledError() if commit.cancelled() else commit.exception()
        if isinstance(error, CommitFailedError | IllegalStateError):
            log.info("offsets not committed, the group moves", extra={"action": "bus.commit-ignored"})
        elif error is not None:
            raise BusUnavailable(f"offsets were not committed: {name_of(error)}") from error

    def assigned(self) -> set[Partition]:
        return {Partition(part.topic, part.partition) for part in self._assigned()}

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        for part, offset in self._ours(offsets).items():
            self._driver.seek(part, offset)

    def pause(self, partitions: set[Partition]) -> None:
        ours = self._ours(dict.fromkeys(partitions, 0)).keys()
        self._paused |= ours
        self._driver.pause(*ours)

    def resume(self, partitions: set[Partition]) -> None:
        ours = self._ours(dict.fromkeys(partitions, 0)).keys()
        self._paused -= ours
        self._driver.resume(*ours)

    async def lag(self) -> int:
        parts = list(self._assigned())
        try:
            async with asyncio.timeout(self._limits.ask):
                ends = await self._driver.end_offsets(parts) if parts else {}
                return sum([max(0, ends[part] - await self._driver.position(part)) for part in parts])
        except (KafkaError, TimeoutError, OSError) as error:
            raise BusUnavailable(f"the lag is not known: {name_of(error)}") from error

    async def close(self) -> None:
        self._closed(self)
        self._at_rest.set()
        await end_consumer(self._driver, self._limits.stop)
        for commit in self._commits:
            await limited(commit, self._limits.stop)

    async def lose(self, parts: set[TopicPartition]) -> None:
        """A rebalance begins. The batch in work has a few seconds to be committed; what is late is repeated."""
        await happened(self._at_rest, self._limits.revoke)
        self._revoked |= parts

    def gain(self, parts: set[TopicPartition]) -> None:
        """A rebalance is over. What was paused and came back stays paused."""
        self._revoked.clear()
        self._paused &= parts
        self._driver.pause(*self._paused)

    def _assigned(self) -> set[TopicPartition]:
        return set(self._driver.assignment()) - self._revoked

    def _ours(self, offsets: Mapping[Partition, int]) -> dict[TopicPartition, int]:
        ours = self._assigned()
        named = {TopicPartition(part.topic, part.number): offset for part, offset in offsets.items()}
        return {part: offset for part, offset in named.items() if part in ours}

    def _fetch_is_over(self) -> None:
        """aiokafka counts a getmany() that was cut off as running, and would never find this member idle again."""
        subscription = self._driver._subscription
        subscription._fetch_count = 0
        with subscription.fetch_context():
            pass


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._consumer.lose(revoked)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._consumer.gain(assigned)


async def end_consumer(driver: AIOKafkaConsumer, seconds: float) -> None:
    """stop() waits for answers of a broker that is gone; they fail once the connections are closed."""
    stop = asyncio.ensure_future(driver.stop())
    await asyncio.wait({stop}, timeout=seconds)
    await limited(driver._client.close(), seconds)
    await limited(stop, seconds)
