"""The bus on Kafka, by aiokafka. TLS and SASL are not offered yet: the broker is reached in a trusted network.

Kafka transactions are not used: handlers are idempotent, and a mark of what was handled is saved with their effect.
What aiokafka 0.14 does when a broker is gone shapes this file: calls that wait for ever have limits here, a producer
is replaced after any failure (an idempotent one can stay stuck), and what cannot be stopped is taken apart.
"""

# mypy: allow-untyped-calls
# (aiokafka has no types of its own)

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    ProducerClosed,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.structs import ConsumerRecord

from chassis.bus import BusUnavailable, Partition, Received, Record, Topic, storable
from chassis.calm import calm

log = logging.getLogger(__name__)
calm("aiokafka")

DAY_MS = 24 * 3600 * 1000
MAX_BATCH_BYTES = 2 << 20  # of a topic: a record of MAX_RECORD_BYTES and what Kafka adds
REQUEST_MS = 40_000  # longer than any rebalance: a shorter one left consumers dead after a broker froze
PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 0, "max_batch_size": 131_072}
CONSUMER = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "max_poll_interval_ms": 30_000,
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 3_000,
    "max_partition_fetch_bytes": 2 * MAX_BATCH_BYTES,
}


class TopicDiffers(Exception):
    """A topic is there with another number of partitions. Partitions are never changed in place: make a new topic."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a call is given up."""

    start: float = 30.0  # of a consumer: more than a rebalance takes
    publish: float = 10.0
    commit: float = 10.0
    ask: float = 15.0  # offsets, topics
    stop: float = 5.0


class KafkaBus:
    """`kafka://host:port[,host:port]`. The producer starts with the first publish."""

    def __init__(self, bootstrap: str, limits: Limits = Limits()) -> None:
        self.server = f"Kafka at {bootstrap}"
        self._address: dict[str, Any] = {"bootstrap_servers": bootstrap.split(","), "request_timeout_ms": REQUEST_MS}
        self._limits = limits
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()  # of producers that are being taken apart
        self._unanswered: set[asyncio.Future[Any]] = set()  # what the producer still has to store
        self._consumers: set[KafkaConsumer] = set()

    async def setup(self, topics: Sequence[Topic]) -> None:
        """Replication is the broker's default. Raises BusUnavailable, or TopicDiffers when partitions differ."""
        async with self._admin() as admin:
            there = await _partitions(admin)
            if missing := [topic for topic in topics if topic.name not in there]:
                await _create(admin, missing)
            while not {topic.name for topic in topics} <= there.keys():
                await asyncio.sleep(0.05)
                there = await _partitions(admin)
        for topic in topics:
            if there[topic.name] != topic.partitions:
                raise TopicDiffers(f"{topic.name} has {there[topic.name]} partitions, not {topic.partitions}")

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        answers = [False] * len(records)
        if not records:
            return answers
        producer: AIOKafkaProducer | None = None
        sent: dict[int, asyncio.Future[Any]] = {}
        try:
            async with asyncio.timeout(self._limits.publish):
                producer = await self._started()
                topics = await _known_topics(producer, {record.topic for record in records}, self._limits.publish / 3)
                for wave in _waves(records, storable(records, topics)):
                    sent = {}
                    for place in wave:
                        sent[place] = await _send(producer, records[place])
                        self._unanswered.add(sent[place])
                        sent[place].add_done_callback(self._answered)
                    await asyncio.wait(sent.values())
                    for place, future in sent.items():
                        answers[place] = _stored(future)
                    if not all(map(_stored, sent.values())):
                        raise ProducerClosed  # and nothing that comes after it is sent
        except (KafkaError, TimeoutError, OSError) as error:
            for place, future in sent.items():
                answers[place] = _stored(future)
            log.info("records not acknowledged", extra={"action": "bus.publish-failed", "reason": _name(error)})
            if producer is not None:
                self._replace(producer)
        return answers

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> KafkaConsumer:
        """With `member` the membership is static: a restart within the session time moves no partition."""
        driver = AIOKafkaConsumer(group_id=group, group_instance_id=member or None, **self._address, **CONSUMER)
        consumer = KafkaConsumer(driver, self._limits, self._consumers.discard)
        driver.subscribe(list(topics), listener=_Listener(consumer))
        try:
            async with asyncio.timeout(self._limits.start):
                await driver.start()
        except BaseException as error:
            await consumer.close()
            if isinstance(error, KafkaError | TimeoutError | OSError):
                raise BusUnavailable(f"the group was not joined: {_name(error)}") from error
            raise
        self._consumers.add(consumer)
        return consumer

    async def read_all(self, topic: str) -> list[Received]:
        async with self._admin() as admin:
            count = (await _partitions(admin)).get(topic, 0)
        parts = [TopicPartition(topic, number) for number in range(count)]
        driver = AIOKafkaConsumer(**self._address, **CONSUMER)
        try:
            async with asyncio.timeout(self._limits.ask):
                await driver.start()
                driver.assign(parts)
                starts, ends = await driver.beginning_offsets(parts), await driver.end_offsets(parts)
            wanted = {part: end for part, end in ends.items() if end > starts[part]}
            return sorted(await _read_until(driver, wanted, self._limits.ask), key=lambda r: (r.partition, r.offset))
        except (KafkaError, TimeoutError, OSError) as error:
            raise BusUnavailable(f"the topic was not read: {_name(error)}") from error
        finally:
            await _end_consumer(driver, self._limits.stop)

    async def close(self) -> None:
        for consumer in list(self._consumers):
            await consumer.close()
        if self._producer is not None:
            self._replace(self._producer)
        while self._endings:
            await asyncio.wait(self._endings)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._address)
        try:
            async with asyncio.timeout(self._limits.ask):
                await admin.start()
                yield admin
        except (KafkaError, TimeoutError, OSError) as error:
            raise BusUnavailable(f"topics are not known: {_name(error)}") from error
        finally:
            await _limited(admin._client.close(), self._limits.stop)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._address, **PRODUCER, max_request_size=MAX_BATCH_BYTES)
                try:
                    await producer.start()
                except BaseException:
                    self._replace(producer)
                    raise
                self._producer = producer
            return self._producer

    def _replace(self, producer: AIOKafkaProducer) -> None:
        """The next publish starts a new one; what this one still holds is given up."""
        if self._producer is producer:
            self._producer = None
            for future in list(self._unanswered):
                future.cancel()
        ending = asyncio.create_task(_end_producer(producer, self._limits.stop))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def _answered(self, future: asyncio.Future[Any]) -> None:
        """An error that nobody waits for any more is no news."""
        self._unanswered.discard(future)
        if not future.cancelled():
            future.exception()


class KafkaConsumer:
    """One member of a group. The partitions it is about to lose are no longer its own from the moment it is told."""

    def __init__(self, driver: AIOKafkaConsumer, limits: Limits, closed: Callable[[KafkaConsumer], None]) -> None:
        self._driver = driver
        self._limits = limits
        self._closed = closed
        self._revoked: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._commits: set[asyncio.Future[None]] = set()  # under way

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        try:
            async with asyncio.timeout(timeout + 0.1):  # in a rebalance it would wait for the new assignment
                found = await self._driver.getmany(timeout_ms=int(timeout * 1000), max_records=limit)
        except TimeoutError:
            self._fetch_is_over()
            return []
        except (KafkaError, ConsumerStoppedError, OSError) as error:
            raise BusUnavailable(f"records were not read: {_name(error)}") from error
        return [_received(record) for records in found.values() for record in records]

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
            raise BusUnavailable(f"offsets were not committed: {_name(error)}") from error

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
            raise BusUnavailable(f"the lag is not known: {_name(error)}") from error

    async def close(self) -> None:
        self._closed(self)
        await _end_consumer(self._driver, self._limits.stop)
        for commit in self._commits:
            await _limited(commit, self._limits.stop)

    def lose(self, parts: set[TopicPartition]) -> None:
        """A rebalance begins."""
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


class _Listener(ConsumerRebalanceListener):
    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._consumer.lose(revoked)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._consumer.gain(assigned)


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions per topic that is ready for use. Asks for all topics: asking for one by name can create it."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])
    }


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Another process may be faster: that is no error."""
    new = [
        NewTopic(
            topic.name,
            topic.partitions,
            -1,
            replica_assignments={},  # else aiokafka refuses -1, the broker's default
            topic_configs={
                "retention.ms": str(topic.retention_days * DAY_MS),
                "max.message.bytes": str(MAX_BATCH_BYTES),
                "message.timestamp.type": "LogAppendTime",
            },
        )
        for topic in topics
    ]
    answer: Any = await admin.create_topics(new, timeout_ms=10_000)
    for name, code, *_ in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(name)


async def _known_topics(producer: AIOKafkaProducer, names: set[str], seconds: float) -> set[str]:
    """Those that the broker has; one that it does not have is waited for, because it may just be coming."""
    known = {name for name in names if producer.client.cluster.partitions_for_topic(name)}
    asked = {name: asyncio.ensure_future(producer.partitions_for(name)) for name in names - known}
    try:
        if asked:
            await asyncio.wait(asked.values(), timeout=seconds)
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)
    return known | {name for name, task in asked.items() if not task.cancelled() and task.exception() is None}


def _waves(records: Sequence[Record], wanted: Sequence[bool]) -> Iterator[list[int]]:
    """Places of the wanted records: the first of each key, then the second of each, and so on."""
    lines: dict[tuple[str, str], list[int]] = {}
    for place, record in enumerate(records):
        if wanted[place]:
            lines.setdefault((record.topic, record.key), []).append(place)
    step = 0
    while wave := [line[step] for line in lines.values() if step < len(line)]:
        yield wave
        step += 1


async def _send(producer: AIOKafkaProducer, record: Record) -> asyncio.Future[Any]:
    headers = [(name, value.encode()) for name, value in record.headers]
    future: asyncio.Future[Any] = await producer.send(record.topic, record.value, record.key.encode(), headers=headers)
    return future


def _stored(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


async def _read_until(driver: AIOKafkaConsumer, ends: dict[TopicPartition, int], patience: float) -> list[Received]:
    """All partitions up to their ends. Raises TimeoutError when nothing comes for `patience` seconds."""
    found: list[Received] = []
    while ends:
        async with asyncio.timeout(patience):
            batch = await driver.getmany(*ends, timeout_ms=500)
            while not batch:
                batch = await driver.getmany(*ends, timeout_ms=500)
            for part, records in batch.items():
                found += [_received(record) for record in records if record.offset < ends[part]]
                if await driver.position(part) >= ends[part]:
                    ends.pop(part)
    return found


def _received(record: ConsumerRecord[bytes | None, bytes | None]) -> Received:
    headers = tuple((name, _text(value)) for name, value in record.headers)
    part = Partition(record.topic, record.partition)
    return Received(part, record.offset, record.topic, _text(record.key), headers, record.value, record.timestamp)


def _text(raw: bytes | None) -> str:
    """Ours is UTF-8. What somebody else wrote must not stop the reader."""
    return (raw or b"").decode(errors="backslashreplace")


async def _end_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """What stop() does, but it would first wait for what cannot be delivered, and its sender would go on trying."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await _limited(producer.client.close(), seconds)
    if sender is not None:
        await _limited(sender, seconds)
    producer._closed = True


async def _end_consumer(driver: AIOKafkaConsumer, seconds: float) -> None:
    """stop() waits for answers of a broker that is gone; they fail once the connections are closed."""
    stop = asyncio.ensure_future(driver.stop())
    await asyncio.wait({stop}, timeout=seconds)
    await _limited(driver._client.close(), seconds)
    await _limited(stop, seconds)


async def _limited(work: Awaitable[Any], seconds: float) -> None:
    """Waits so many seconds, then cancels. aiokafka's stop() can raise CancelledError of its own: it ends here."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    await asyncio.wait({task}, timeout=1.0)
    if task.done() and not task.cancelled() and (error := task.exception()):
        log.info("not ended cleanly", extra={"action": "bus.end", "reason": _name(error)})


def _name(error: BaseException) -> str:
    return type(error).__name__
