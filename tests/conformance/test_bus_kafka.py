"""A broker that stops, freezes and comes back. Each test has a broker of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from chassis.bus import BusUnavailable, Consumer, Received, Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits
from tests.conformance.buses import a_record, after, no_task_left, numbers, read
from tests.servers.kafka import KafkaServer
from tests.waiting import until

QUICK = Limits(start=20, publish=5, commit=2, ask=3, stop=1)
SLACK = 10.0  # seconds that a busy machine may add; the limits of the driver are far above
LONGEST = 180.0
TOPIC, GROUP = "topic", "group"
T = TypeVar("T")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
async def bus(own_kafka: KafkaServer) -> AsyncIterator[KafkaBus]:
    async with no_task_left():
        bus = KafkaBus(own_kafka.url, QUICK)
        await answered(lambda: bus.setup([Topic(TOPIC, 3, 30)]))
        yield bus
        await bus.close()


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Asked again until the broker is up to it: quick limits are for what it does while it is away."""
    found: list[T] = []

    async def comes() -> bool:
        with contextlib.suppress(BusUnavailable):
            found.append(await ask())
        return bool(found)

    await until(comes, seconds=LONGEST)
    return found[0]


async def commits(consumer: Consumer, records: Sequence[Received]) -> None:
    await answered(lambda: consumer.commit(after(records)))


async def caught_up(consumer: Consumer) -> None:
    """Nothing is left unread. What was published while the broker woke up may be there more than once."""

    async def all_read() -> bool:
        if found := await consumer.poll(100, 0.2):
            await commits(consumer, found)
        return await answered(consumer.lag) == 0

    await until(all_read, seconds=LONGEST)


async def put(bus: KafkaBus, number: int) -> list[bool]:
    return await bus.publish([a_record(TOPIC, value=str(number))])


async def publishes_again(bus: KafkaBus, number: int) -> None:
    async def acknowledged() -> bool:
        return await put(bus, number) == [True]

    await until(acknowledged, seconds=LONGEST)


async def test_a_broker_that_is_stopped_is_answered_with_false_and_used_again_after_its_start(
    bus: KafkaBus, own_kafka: KafkaServer
) -> None:
    consumer = await answered(lambda: bus.consumer(GROUP, [TOPIC]))
    assert await put(bus, 1) == [True]
    await commits(consumer, await read(consumer, 1))

    own_kafka.control.stop()
    for _ in range(3):
        began = time.monotonic()
        assert await put(bus, 2) == [False]
        assert time.monotonic() - began < QUICK.publish + SLACK
        assert await consumer.poll(10, 0.2) == []
    with pytest.raises(BusUnavailable):
        await bus.setup([Topic(TOPIC, 3, 30)])
    with pytest.raises(BusUnavailable):
        await bus.read_all(TOPIC)
    with pytest.raises(BusUnavailable):
        await bus.consumer("another", [TOPIC])
    with pytest.raises(BusUnavailable):
        await consumer.lag()

    own_kafka.control.start()
    await publishes_again(bus, 3)
    found = await read(consumer, 1, seconds=LONGEST)
    while numbers(found)[-1] != 3:
        found += await read(consumer, 1, seconds=LONGEST)
    await commits(consumer, found)


async def test_a_frozen_broker_is_left_in_time_and_a_new_consumer_goes_on_after_the_thaw(
    bus: KafkaBus, own_kafka: KafkaServer
) -> None:
    consumer = await answered(lambda: bus.consumer(GROUP, [TOPIC], member="one"))
    assert await put(bus, 1) == [True]
    found = await read(consumer, 1)

    own_kafka.control.pause()
    try:
        began = time.monotonic()
        assert await put(bus, 2) == [False]
        assert await asyncio.gather(*[put(bus, 2) for _ in range(5)]) == [[False]] * 5
        assert time.monotonic() - began < 2 * QUICK.publish + SLACK
        with pytest.raises(BusUnavailable):
            await consumer.commit(after(found))
        with pytest.raises(BusUnavailable):
            await consumer.lag()
        began = time.monotonic()
        await consumer.close()
        assert time.monotonic() - began < 6 * QUICK.stop + SLACK
    finally:
        own_kafka.control.unpause()

    await publishes_again(bus, 3)
    second = await answered(lambda: bus.consumer(GROUP, [TOPIC], member="one"))
    found = await read(second, 1)
    while 3 not in numbers(found):
        found += await read(second, 1)
    await commits(second, found)
    await caught_up(second)


async def test_a_consumer_survives_a_freeze_that_is_longer_than_its_session(
    bus: KafkaBus, own_kafka: KafkaServer
) -> None:
    consumer = await answered(lambda: bus.consumer(GROUP, [TOPIC]))
    assert await put(bus, 1) == [True]
    await commits(consumer, await read(consumer, 1))

    own_kafka.control.pause()
    try:
        thaw = time.monotonic() + 14
        while time.monotonic() < thaw:
            assert await consumer.poll(10, 0.5) == []
    finally:
        own_kafka.control.unpause()

    await publishes_again(bus, 2)
    assert 2 in numbers(await read(consumer, 1, seconds=LONGEST))
    await caught_up(consumer)


async def test_closing_a_bus_whose_broker_is_gone_ends_in_time(own_kafka: KafkaServer) -> None:
    async with no_task_left():
        bus = KafkaBus(own_kafka.url, QUICK)
        await answered(lambda: bus.setup([Topic(TOPIC, 3, 30)]))
        await publishes_again(bus, 1)
        await answered(lambda: bus.consumer(GROUP, [TOPIC]))
        publishing = asyncio.create_task(put(bus, 2))
        own_kafka.control.kill()
        answer = await publishing
        assert answer in ([True], [False])

        began = time.monotonic()
        await bus.close()
        assert time.monotonic() - began < 10 * QUICK.stop + SLACK
        await bus.close()


async def test_a_topic_that_is_not_there_cannot_be_consumed(own_kafka: KafkaServer) -> None:
    async with no_task_left():
        bus = KafkaBus(own_kafka.url, Limits(start=2, publish=2, commit=2, ask=3, stop=1))
        with pytest.raises(BusUnavailable):
            await bus.consumer(GROUP, ["none"])
        assert await bus.read_all("none") == []
        await bus.close()
