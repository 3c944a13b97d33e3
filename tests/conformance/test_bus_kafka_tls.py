"""Kafka behind TLS and a login, as a city runs it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from chassis.bus import BusUnavailable, Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits
from tests.conformance.buses import a_record, after, no_task_left, numbers, read
from tests.servers.kafka_secure import PASSWORD, USER, SecureKafka, secure_kafka
from tests.waiting import until

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"
PATIENT = Limits(start=90, ask=60, publish=60, commit=60)
BRIEF = Limits(start=3, ask=3, publish=3, stop=1)
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with secure_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


def scram(kafka: SecureKafka) -> str:
    return f"kafka+tls://{LOGIN}@{kafka.secure}?tlsCAFile={kafka.made.authority}"


def plain(kafka: SecureKafka) -> str:
    return f"{scram(kafka)}&saslMechanism=PLAIN"


def mutual(kafka: SecureKafka) -> str:
    made = kafka.made
    files = f"tlsCAFile={made.authority}&tlsCertificateFile={made.client}&tlsKeyFile={made.client_key}"
    return f"kafka+tls://{kafka.mutual}?{files}"


@pytest.mark.parametrize("url", [scram, plain, mutual])
async def test_events_travel_over_tls_for_whoever_may_log_in(
    kafka: SecureKafka, url: Callable[[SecureKafka], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    topic = f"topic.{uuid.uuid4().hex[:8]}"
    async with no_task_left():
        bus = KafkaBus(url(kafka), PATIENT)
        await bus.setup([Topic(topic, 3, 30)])

        async def stored() -> bool:
            return await bus.publish([a_record(topic, value="1")]) == [True]

        await until(stored, seconds=180)
        consumer = await bus.consumer(f"group.{topic}", [topic], member="one")
        found = await read(consumer, 1, seconds=180)
        await consumer.commit(after(found))
        assert numbers(found)[0] == 1
        assert await bus.read_all(topic)
        assert await consumer.lag() == 0
        await bus.close()
    assert PASSWORD not in bus.server + caplog.text
    assert quote(PASSWORD, safe="") not in bus.server + caplog.text


def wrong_password(kafka: SecureKafka) -> str:
    return scram(kafka).replace(LOGIN, f"{USER}:wrong")


def no_login(kafka: SecureKafka) -> str:
    return scram(kafka).replace(f"{LOGIN}@", "")


def no_tls(kafka: SecureKafka) -> str:
    return f"kafka://{LOGIN}@{kafka.secure}"


def no_certificate(kafka: SecureKafka) -> str:
    return mutual(kafka).partition("&tlsCert")[0]


def another_authority(kafka: SecureKafka) -> str:
    return scram(kafka).replace(str(kafka.made.authority), str(kafka.made.other_authority))


def another_name(kafka: SecureKafka) -> str:
    """The certificate is for 127.0.0.1 and localhost."""
    return scram(kafka).replace("127.0.0.1", "127.0.0.2")


@pytest.mark.parametrize("url", [wrong_password, no_login, no_tls, no_certificate, another_authority, another_name])
async def test_whoever_is_not_let_in_or_meets_a_stranger_gets_nothing(
    kafka: SecureKafka, url: Callable[[SecureKafka], str]
) -> None:
    async with no_task_left():
        bus = KafkaBus(url(kafka), BRIEF)
        with pytest.raises(BusUnavailable):
            await bus.setup([Topic("never", 3, 30)])
        published, joined = await asyncio.gather(
            bus.publish([a_record("never")]), bus.consumer("group", ["never"]), return_exceptions=True
        )
        assert published == [False]
        assert isinstance(joined, BusUnavailable)
        await bus.close()
