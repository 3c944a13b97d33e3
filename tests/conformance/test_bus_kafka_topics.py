"""Topics that an operator changes while services run: made again, or with a lower limit. Nobody has to tell them."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chassis.bus import BusUnavailable, Consumer, Received, Record, Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits
from tests.conformance.buses import KafkaBench, a_record, after, no_task_left, numbers
from tests.servers.kafka import KafkaServer
from tests.waiting import until

LONGEST = 180.0
# A slow machine shall not lose its membership.
PATIENT = Limits(start=60, publish=60, commit=60, ask=60, session=45, poll_interval=60)
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
async def bench(kafka_server: KafkaServer) -> AsyncIterator[KafkaBench]:
    async with no_task_left():
        bench = KafkaBench(kafka_server.url, KafkaBus(kafka_server.url, PATIENT))
        yield bench
        await bench.clear()


async def stored(bench: KafkaBench, record: Record) -> None:
    """Once the producer has learned where the topic is."""

    async def acknowledged() -> bool:
        return await bench.bus.publish([record]) == [True]

    await until(acknowledged, seconds=LONGEST)


async def put(bench: KafkaBench, topic: str, *numbers: int) -> None:
    for number in numbers:
        await stored(bench, a_record(topic, value=str(number)))


async def read_up_to(consumer: Consumer, number: int) -> list[Received]:
    """Until this one came; all are committed."""
    found: list[Received] = []

    async def came() -> bool:
        batch = await consumer.poll(100, 0.5)
        found.extend(batch)
        return number in numbers(batch)

    await until(came, seconds=LONGEST)
    await consumer.commit(after(found))
    return found


async def make_again(bench: KafkaBench, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.url.removeprefix("kafka://"))
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone, seconds=LONGEST)
    finally:
        await admin.close()

    async def there() -> bool:
        try:
            await bench.bus.setup([Topic(topic, bench.partitions, 30)])
        except BusUnavailable:
            return False
        return True

    await until(there, seconds=LONGEST)


async def limit(bench: KafkaBench, topic: str, bytes: int) -> None:
    """Of a record, from now on."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.url.removeprefix("kafka://"))
    await admin.start()
    try:
        configs = {"max.message.bytes": str(bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    finally:
        await admin.close()


def offsets(records: Sequence[Received]) -> list[int]:
    return [record.offset for record in records]


@pytest.mark.parametrize("member", ["", "one"], ids=["member", "static-member"])
async def test_a_running_consumer_goes_on_at_the_start_of_a_topic_that_was_made_again(
    bench: KafkaBench, member: str
) -> None:
    topic, group = await bench.topic(), bench.free_name()
    consumer = await bench.bus.consumer(group, [topic], member=member)
    await put(bench, topic, *range(1, 9))
    assert offsets(await read_up_to(consumer, 8))[-1] == 7

    await make_again(bench, topic)

    await put(bench, topic, 9, 10)
    found = await read_up_to(consumer, 10)
    assert numbers(found)[0] == 9
    assert offsets(found)[0] == 0
    await put(bench, topic, 11)
    await read_up_to(consumer, 11)


@pytest.mark.parametrize("member", ["", "one"], ids=["member", "static-member"])
async def test_a_consumer_that_comes_back_goes_on_at_the_start_of_a_topic_that_was_made_again(
    bench: KafkaBench, member: str
) -> None:
    topic, group = await bench.topic(), bench.free_name()
    consumer = await bench.bus.consumer(group, [topic], member=member)
    await put(bench, topic, *range(1, 9))
    old = await read_up_to(consumer, 8)
    await make_again(bench, topic)
    await consumer.commit(after(old))  # as late as can be: above the end of the new topic
    await consumer.close()

    consumer = await bench.bus.consumer(group, [topic], member=member)
    await put(bench, topic, 9, 10)
    assert numbers(await read_up_to(consumer, 10))[0] == 9


async def test_a_record_that_the_broker_refuses_for_ever_stops_its_key_alone(bench: KafkaBench) -> None:
    """After such an error an idempotent producer of this driver can stay stuck; ours is a new one."""
    topic = await bench.topic()
    await put(bench, topic, 1)
    await limit(bench, topic, 2000)
    large = a_record(topic, "large", b"x" * 3000)

    async def refused() -> bool:  # once the broker has heard of it
        return await bench.bus.publish([large]) == [False]

    await until(refused, seconds=LONGEST)
    first, later, other = (
        a_record(topic, key, value) for key, value in (("large", "0"), ("large", "2"), ("small", "3"))
    )
    assert (await bench.bus.publish([first, large, later, other]))[1:3] == [False, False]
    for record in (first, other):
        await stored(bench, record)

    values = [record.value for record in await bench.bus.read_all(topic)]
    assert {b"0", b"3"} <= set(values)
    assert b"2" not in values
