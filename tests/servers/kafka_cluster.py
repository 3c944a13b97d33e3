"""Three brokers that keep each record three times: for what only a cluster can do, a change of leaders above all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.servers import CONTAINER_LABELS, absent, kafka_process, used
from tests.servers.control import Container, Control, NotStarted
from tests.servers.docker import PATIENT, docker_answers, image_is_there
from tests.servers.folder import NotFetched, free_ports, listens
from tests.servers.kafka import IMAGE, NONE, PROPERTIES

BROKERS = (1, 2, 3)
START_SECONDS = 300
SAFE = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "offsets.topic.num.partitions": "6",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}


@dataclass(frozen=True)
class KafkaCluster:
    bootstrap: str  # host:port of all, with commas
    name: str  # for reports
    ports: Mapping[int, int]  # by broker
    brokers: Mapping[int, Control]

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    def wait(self, *numbers: int) -> None:
        """Until these brokers (none named: all) listen."""
        end = time.monotonic() + START_SECONDS
        while not all(listens(self.ports[number]) for number in numbers or BROKERS):
            if time.monotonic() > end:
                raise NotStarted(f"the brokers did not listen within {START_SECONDS} s")
            time.sleep(0.1)


@pytest.fixture
def kafka_cluster() -> Iterator[KafkaCluster]:
    """Of the test's own, gone afterwards."""
    with three_brokers() as cluster:
        used["Kafka, three brokers"] = cluster.bootstrap
        yield cluster


@contextmanager
def three_brokers() -> Iterator[KafkaCluster]:
    """Each in a container on the host's network (Linux), else as a plain process."""
    given = free_ports(2 * len(BROKERS))
    ports = dict(zip(BROKERS, given[: len(BROKERS)], strict=True))
    voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in zip(BROKERS, given[len(BROKERS) :], strict=True))
    controllers = dict(zip(BROKERS, given[len(BROKERS) :], strict=True))
    with ExitStack() as running:
        brokers: dict[int, Control] = {}
        for number in BROKERS:
            listener = f"PLAINTEXT://127.0.0.1:{ports[number]}"
            properties = {
                **PROPERTIES,
                **SAFE,
                "node.id": str(number),
                "listeners": f"{listener},CONTROLLER://127.0.0.1:{controllers[number]}",
                "advertised.listeners": listener,
                "controller.quorum.voters": voters,
            }
            brokers[number] = running.enter_context(_broker(properties))
        name = f"Apache Kafka {kafka_process.VERSION}, three brokers"
        cluster = KafkaCluster(",".join(f"127.0.0.1:{port}" for port in ports.values()), name, ports, brokers)
        cluster.wait()
        yield cluster


@contextmanager
def _broker(properties: Mapping[str, str]) -> Iterator[Control]:
    if docker_answers() and image_is_there(IMAGE):
        from testcontainers.core.container import DockerContainer

        own = DockerContainer(IMAGE, docker_client_kw=PATIENT).with_kwargs(network_mode="host", labels=CONTAINER_LABELS)
        own.with_env("CLUSTER_ID", kafka_process.CLUSTER).with_env("KAFKA_HEAP_OPTS", "-Xms192m -Xmx320m")
        for name, value in {**properties, "log.dirs": "/tmp/kafka-logs"}.items():  # noqa: S108
            own.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
        with own:
            yield Container(own.get_wrapped_container())
        return
    if kafka_process.lacks():
        absent(NONE)
    with ExitStack() as running:
        try:
            _, control = running.enter_context(kafka_process.process(properties, alone=False))
        except (NotFetched, NotStarted) as error:
            absent(f"Kafka: none ({error})")
        yield control
