"""Apache Kafka for tests: `TEST_KAFKA` (host:port[,host:port]), else a container, else a plain process, else none."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.servers import CONTAINER_LABELS, absent, kafka_process, used
from tests.servers.control import Container, Control, Given, NotStarted
from tests.servers.docker import PATIENT, docker_answers, image_is_there
from tests.servers.folder import NotFetched, free_port

IMAGE = "apache/kafka:4.3.1"
WAYS = f"set TEST_KAFKA=host:port, or give a Docker engine with {IMAGE}, or install Java 17 and Maven"
NONE = f"Kafka: none ({WAYS})"
PLAIN = f"Apache Kafka {kafka_process.VERSION}, a plain process"
PROPERTIES = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
}


@dataclass(frozen=True)
class KafkaServer:
    bootstrap: str  # host:port[,host:port]
    name: str  # server and version, for reports
    control: Control = field(default_factory=Given)  # for tests that stop or freeze a broker of their own

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"


def plan() -> str:
    """One line for the report; starts nothing."""
    if address := os.environ.get("TEST_KAFKA"):
        return f"Kafka: {address} (TEST_KAFKA)"
    if "Kafka" in used:
        return f"Kafka: {used['Kafka']}"
    if docker_answers():
        return f"Kafka: {IMAGE} in a container"
    return NONE if kafka_process.lacks() else f"Kafka: {PLAIN}"


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """The broker of the whole run. Topics and groups in it have fresh names per test."""
    if address := os.environ.get("TEST_KAFKA"):
        yield KafkaServer(address, f"Kafka at {address}")
        return
    with _own() as server:
        yield server


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A broker for one test alone, to be stopped or frozen. It keeps its port and its data over a restart."""
    with _own() as server:
        yield server


@contextmanager
def behind(port: int) -> Iterator[KafkaServer]:
    """A broker of its own that sends its clients to another port of 127.0.0.1, where a proxy listens."""
    with _own(port) as server:
        yield server


@contextmanager
def _own(advertised: int | None = None) -> Iterator[KafkaServer]:
    with _container_or_process(advertised) as server:
        used["Kafka"] = server.name
        yield server


def _container_or_process(advertised: int | None) -> AbstractContextManager[KafkaServer]:
    if (docker_answers() and image_is_there(IMAGE)) or kafka_process.lacks():
        return container(advertised)
    return process(advertised)


@contextmanager
def process(advertised: int | None = None) -> Iterator[KafkaServer]:
    """A broker of its own from the published jars, gone afterwards."""
    properties = PROPERTIES | ({} if advertised is None else {"advertised.listeners": _plaintext(advertised)})
    with ExitStack() as running:
        try:
            port, control = running.enter_context(kafka_process.process(properties))
        except (NotFetched, NotStarted) as error:
            used["Kafka"] = f"none ({error}; {WAYS})"
            absent(f"Kafka: {used['Kafka']}")
        yield KafkaServer(f"127.0.0.1:{port}", PLAIN, control)


@contextmanager
def container(advertised: int | None = None) -> Iterator[KafkaServer]:
    """A broker of its own in a container, gone afterwards."""
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port()
    properties = PROPERTIES | {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": _plaintext(advertised or port),
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": "/tmp/kafka-logs",  # noqa: S108
    }
    environment = {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in properties.items()}
    environment |= {"CLUSTER_ID": kafka_process.CLUSTER, "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m"}
    own = (
        DockerContainer(IMAGE, docker_client_kw=PATIENT)
        .with_bind_ports(9092, port)
        .with_kwargs(labels=CONTAINER_LABELS)
    )
    for name, value in environment.items():
        own.with_env(name, value)
    own.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(240))
    with own:
        running = own.get_wrapped_container()
        name = f"Apache Kafka {version(running)}, image {IMAGE}"
        yield KafkaServer(f"127.0.0.1:{port}", name, Container(running))


def version(running: Any) -> str:
    """Of the jars that it runs; its protocol does not tell. `running`: a container of the Docker client."""
    code, output = running.exec_run(["ls", "/opt/kafka/libs"])
    found = re.search(r"^kafka-clients-([0-9][\w.]*)\.jar$", output.decode(), re.MULTILINE) if code == 0 else None
    return found[1] if found else "of unknown version"


def _plaintext(port: int) -> str:
    return f"PLAINTEXT://127.0.0.1:{port}"
