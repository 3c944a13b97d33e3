"""A topic that is lost and made again while services run: nobody has to tell them."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from chassis.bus import BusUnavailable, Consumer, Received, Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits
from tests.conformance.buses import KafkaBench, a_record, after, no_task_left, numbers
from tests.servers.kafka import KafkaServer
from tests.waiting import until

LONGEST = 60.0
PATIENT = Limits(start=60, ask=60, session=45, poll_interval=60)  # a slow machine shall not lose its membership
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def bench(kafka_server: KafkaServer) -> AsyncIterator[KafkaBench]:
    async with no_task_left():
        bench = KafkaBench(kafka_server.url, KafkaBus(kafka_server.url, PATIENT))
        yield bench
        await bench.clear()


async def put(bench: KafkaBench, topic: str, *numbers: int) -> None:
    """Once the producer has learned where the topic is."""

    async def stored() -> bool:
        return await bench.bus.publish([a_record(topic, value=str(numbers[0]))]) == [True]

    await until(stored, seconds=LONGEST)
    if numbers[1:]:
        await put(bench, topic, *numbers[1:])


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
