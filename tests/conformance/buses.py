"""What the suite of the bus port runs on: each adapter, with fresh topics and groups and one way to look into it."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from chassis.adapters import open_bus
from chassis.bus import Bus, Consumer, Partition, Received, Record, Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits
from tests.servers.kafka import KafkaServer

ROOT = Path(__file__).parents[2]
PATIENT = Limits(start=90.0, commit=60.0, ask=60.0)  # with a broker that has much to do
RUN = os.environ.get("TEST_RUN_ID") or uuid.uuid4().hex[:8]  # in the names of all topics and groups of this run


@dataclass
class Bench(ABC):
    """One bus under test. `partitions`: how many a topic has when a test does not say."""

    url: str
    bus: Bus
    partitions: int = 3
    topics: list[str] = field(default_factory=list)
    others: list[Bus] = field(default_factory=list)

    async def topic(self, partitions: int | None = None) -> str:
        name = self.free_name("topic")
        await self.bus.setup([Topic(name, partitions or self.partitions, 30)])
        self.topics.append(name)
        return name

    def free_name(self, what: str = "group") -> str:
        return f"test.{RUN}.{what}.{uuid.uuid4().hex[:12]}"

    async def other(self) -> Bus:
        """A second bus on the same address, as another process has it."""
        bus = await open_bus(self.url)
        self.others.append(bus)
        return bus

    async def put(self, topic: str, *numbers: int, key: str = "k") -> None:
        """Records whose values are these numbers."""
        assert all(await self.bus.publish([a_record(topic, key=key, value=str(number)) for number in numbers]))

    @abstractmethod
    async def put_raw(self, topic: str, key: str, value: bytes | None) -> None:
        """A record without headers, as somebody else could have written it."""

    async def clear(self) -> None:
        for bus in [*self.others, self.bus]:
            await bus.close()


class LogBench(Bench):
    def path(self) -> Path:
        return Path(self.url.removeprefix("local:"))

    async def put_raw(self, topic: str, key: str, value: bytes | None) -> None:
        with sqlite3.connect(self.path()) as connection:
            connection.execute(
                "INSERT INTO records (topic, at, key, headers, value) VALUES (?, 0, ?, '[]', ?)", (topic, key, value)
            )
        connection.close()


class KafkaBench(Bench):
    async def other(self) -> Bus:
        self.others.append(KafkaBus(self.url, PATIENT))
        return self.others[-1]

    async def put_raw(self, topic: str, key: str, value: bytes | None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.url.removeprefix("kafka://")) as producer:
            await producer.send_and_wait(topic, value, key.encode())

    async def clear(self) -> None:
        await super().clear()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.url.removeprefix("kafka://"))
        await admin.start()
        if self.topics:
            await admin.delete_topics(self.topics)
        await admin.close()


@asynccontextmanager
async def a_log(folder: Path) -> AsyncIterator[LogBench]:
    url = f"local:{folder / 'bus.db'}"
    bench = LogBench(url, await open_bus(url))
    try:
        yield bench
    finally:
        await bench.clear()


@asynccontextmanager
async def a_kafka(server: KafkaServer) -> AsyncIterator[KafkaBench]:
    bench = KafkaBench(server.url, KafkaBus(server.url, PATIENT))
    try:
        yield bench
    finally:
        await bench.clear()


@asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    """Every background task is owned: none outlives its bus."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=30)
    assert not left, f"tasks outlive the bus: {left}"


def a_record(
    topic: str, key: str = "k", value: str | bytes = "v", headers: Sequence[tuple[str, str]] = (("ce_id", "1"),)
) -> Record:
    return Record(topic, key, tuple(headers), value.encode() if isinstance(value, str) else value)


def numbers(records: Sequence[Received]) -> list[int]:
    return [int(record.value or b"-1") for record in records]


def after(records: Sequence[Received]) -> dict[Partition, int]:
    """What to commit when these records are done."""
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = max(offsets.get(record.partition, 0), record.offset + 1)
    return offsets


async def read(consumer: Consumer, count: int, *, seconds: float = 90.0) -> list[Received]:
    """At least so many records; AssertionError when they do not come."""
    found: list[Received] = []
    end = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < end, f"{len(found)} of {count} records came in {seconds} s"
        found += await consumer.poll(100, 0.5)
    return found


async def nothing_comes(consumer: Consumer) -> bool:
    return await consumer.poll(10, 0.7) == []


async def child(*arguments: str) -> asyncio.subprocess.Process:
    """A process of tests/conformance/bus_process.py; its lines are read from `stdout`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.bus_process", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def lines(process: asyncio.subprocess.Process, count: int | None = None) -> list[str]:
    """So many lines, or all until the process ends."""
    assert process.stdout is not None
    found: list[str] = []
    async with asyncio.timeout(180):
        while count is None or len(found) < count:
            line = await process.stdout.readline()
            if not line:
                break
            found.append(line.decode().strip())
    return found


on_both = pytest.mark.parametrize("bench", ["log", "kafka"], indirect=True)


def gap(adapter: str, reason: str) -> pytest.MarkDecorator:
    """On both adapters, where one is known not to do it."""
    marks = pytest.mark.xfail(strict=True, reason=reason)
    names = [pytest.param(name, marks=marks) if name == adapter else name for name in ("log", "kafka")]
    return pytest.mark.parametrize("bench", names, indirect=True)
