"""A group on Kafka whose members come and go while a batch is in work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition

from chassis.bus import Consumer, Partition
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.consumer import KafkaConsumer
from chassis.bus_kafka.limits import Limits
from tests.conformance.buses import KafkaBench, after, no_task_left, nothing_comes, numbers, read
from tests.servers.kafka import KafkaServer
from tests.waiting import until

LONGEST = 90.0
PATIENT = Limits(start=LONGEST, publish=60, commit=60, ask=60, session=45, poll_interval=LONGEST, revoke=LONGEST)
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
async def bench(kafka_server: KafkaServer) -> AsyncIterator[KafkaBench]:
    async with no_task_left():
        bench = KafkaBench(kafka_server.url, KafkaBus(kafka_server.url, PATIENT))
        yield bench
        await bench.clear()


def told(consumer: KafkaConsumer) -> asyncio.Event:
    """Set when the consumer is told that a rebalance begins."""
    begins, lose = asyncio.Event(), consumer.lose

    async def noted(parts: Any) -> None:
        begins.set()
        await lose(parts)

    consumer.lose = noted  # type: ignore[method-assign]
    return begins


async def polled(consumer: Consumer) -> None:
    while True:
        await consumer.poll(10, 0.2)


async def test_a_rebalance_waits_until_the_batch_in_work_is_committed(bench: KafkaBench) -> None:
    topic, group = await bench.topic(1), bench.free_name()
    await bench.put(topic, *range(1, 11))
    first: Any = await bench.bus.consumer(group, [topic])
    found = await read(first, 10, seconds=LONGEST)
    begins = told(first)

    joining = asyncio.create_task(bench.bus.consumer(group, [topic]))
    await asyncio.wait_for(begins.wait(), LONGEST)
    assert not joining.done()
    assert first.assigned() == {Partition(topic, 0)}
    await first.commit(after(found))
    polling = asyncio.create_task(nothing_comes(first))  # the batch is done
    second = await joining

    assert await polling
    assert await nothing_comes(first)
    assert await nothing_comes(second)
    await bench.put(topic, 11)
    assert numbers(await read_from_either(first, second)) == [11]


async def test_a_rebalance_waits_for_work_after_an_empty_poll_too(bench: KafkaBench) -> None:
    """What was held or released is worked on then. It ends with the next poll."""
    topic, group = await bench.topic(1), bench.free_name()
    consumer: Any = await bench.bus.consumer(group, [topic])
    assert await nothing_comes(consumer)
    losing = asyncio.create_task(consumer.lose({TopicPartition(topic, 0)}))
    await asyncio.wait({losing}, timeout=0.5)
    assert consumer.assigned() == {Partition(topic, 0)}
    assert await nothing_comes(consumer)
    await asyncio.wait_for(losing, LONGEST)
    assert consumer.assigned() == set()


async def read_from_either(*consumers: Consumer) -> list[Any]:
    found: list[Any] = []

    async def came() -> bool:
        for consumer in consumers:
            found.extend(await consumer.poll(10, 0.2))
        return bool(found)

    await until(came, seconds=LONGEST)
    return found


async def test_a_batch_that_takes_longer_than_others_wait_is_repeated_and_its_commit_does_not_count(
    bench: KafkaBench,
) -> None:
    topic, group = await bench.topic(2), bench.free_name()
    hasty = KafkaBus(bench.url, replace(PATIENT, revoke=0.2))
    bench.others.append(hasty)
    first: Any = await hasty.consumer(group, [topic])
    for key in "abcdefgh":
        await bench.put(topic, 1, key=key)
    found = await read(first, 8, seconds=LONGEST)

    second = await bench.bus.consumer(group, [topic])  # the first does not poll meanwhile
    await first.commit(after(found))

    async def shared() -> bool:
        return len(first.assigned()) == len(second.assigned()) == 1

    await until(shared, seconds=LONGEST)
    again = await read(second, 1, seconds=LONGEST)
    assert {record.partition for record in again} == second.assigned()
    assert again[0].offset == 0


async def test_a_static_member_that_is_quickly_back_keeps_its_partitions_and_disturbs_nobody(
    bench: KafkaBench,
) -> None:
    topic, group = await bench.topic(4), bench.free_name()
    one = await bench.bus.consumer(group, [topic], member="one")
    polling = asyncio.create_task(polled(one))
    two: Any = await bench.bus.consumer(group, [topic], member="two")

    async def shared() -> bool:
        return len(one.assigned()) == len(two.assigned()) == 2

    await until(shared, seconds=LONGEST)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    before, begins = one.assigned(), told(two)

    await one.close()
    one = await bench.bus.consumer(group, [topic], member="one")

    assert one.assigned() == before
    await bench.put(topic, *range(1, 20), key="k")
    assert await read_from_either(one, two)
    assert not begins.is_set()
