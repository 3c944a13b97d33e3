"""Publishing: a driver that is replaced after any failure, because an idempotent one can stay stuck."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from chassis.bus import Record, storable
from chassis.bus_kafka.limits import Limits, limited, name_of
from chassis.bus_kafka.topics import MAX_BATCH_BYTES

log = logging.getLogger(__name__)

SETTINGS = {"acks": "all", "enable_idempotence": True, "linger_ms": 0, "max_batch_size": 131_072}
IN_FLIGHT = 500  # records that wait for their acknowledgement at once


class KafkaProducer:
    """Starts with the first publish."""

    def __init__(self, options: dict[str, Any], limits: Limits) -> None:
        self._options = options
        self._limits = limits
        self._driver: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()  # of drivers that are being taken apart
        self._unanswered: set[asyncio.Future[Any]] = set()  # what the driver still has to store

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
            log.info("records not acknowledged", extra={"action": "bus.publish-failed", "reason": name_of(error)})
            if producer is not None:
                self._replace(producer)
        return answers

    async def close(self) -> None:
        if self._driver is not None:
            self._replace(self._driver)
        while self._endings:
            await asyncio.wait(self._endings)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._driver is None:
                producer = AIOKafkaProducer(**self._options, **SETTINGS, max_request_size=MAX_BATCH_BYTES)
                try:
                    await producer.start()
                except BaseException:
                    self._replace(producer)
                    raise
                self._driver = producer
            return self._driver

    def _replace(self, producer: AIOKafkaProducer) -> None:
        """The next publish starts a new one; what this one still holds is given up."""
        if self._driver is producer:
            self._driver = None
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
    """Places of the wanted records: the first of each key, then the second of each, and so on; IN_FLIGHT at most."""
    lines: dict[tuple[str, str], list[int]] = {}
    for place, record in enumerate(records):
        if wanted[place]:
            lines.setdefault((record.topic, record.key), []).append(place)
    step = 0
    while wave := [line[step] for line in lines.values() if step < len(line)]:
        for start in range(0, len(wave), IN_FLIGHT):
            yield wave[start : start + IN_FLIGHT]
        step += 1


async def _send(producer: AIOKafkaProducer, record: Record) -> asyncio.Future[Any]:
    headers = [(name, value.encode()) for name, value in record.headers]
    future: asyncio.Future[Any] = await producer.send(record.topic, record.value, record.key.encode(), headers=headers)
    return future


def _stored(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


async def _end_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """What stop() does, but it would first wait for what cannot be delivered, and its sender would go on trying."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await limited(producer.client.close(), seconds)
    if sender is not None:
        await limited(sender, seconds)
    producer._closed = True
