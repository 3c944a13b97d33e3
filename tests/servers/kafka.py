"""Apache Kafka for tests: `TEST_KAFKA` (host:port[,host:port]), else a container, else none."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers import CONTAINER_LABELS, absent
from tests.servers.docker import docker_answers, image_is_there

IMAGE = "apache/kafka:4.3.1"
NONE = f"Kafka: none (set TEST_KAFKA=host:port, or give a Docker engine with {IMAGE})"


@dataclass(frozen=True)
class KafkaServer:
    bootstrap: str  # host:port[,host:port]
    name: str  # server and version, for reports
    container: Any = None  # docker's own object, for tests that stop or freeze a broker of their own

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"


def plan() -> str:
    """One line for the report header; starts nothing."""
    if address := os.environ.get("TEST_KAFKA"):
        return f"Kafka: {address} (TEST_KAFKA)"
    return f"Kafka: {IMAGE} in a container" if docker_answers() else NONE


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """The broker of the whole run. Topics and groups in it have fresh names per test."""
    if address := os.environ.get("TEST_KAFKA"):
        yield KafkaServer(address, f"Kafka at {address}")
        return
    with container() as server:
        yield server


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A broker for one test alone, to be stopped or frozen. It keeps its port and its data over a restart."""
    with container() as server:
        yield server


@contextmanager
def container() -> Iterator[KafkaServer]:
    """A broker of its own, gone afterwards."""
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port()
    environment = {
        "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_LOG_DIRS": "/tmp/kafka-logs",  # noqa: S108
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
    }
    own = DockerContainer(IMAGE).with_bind_ports(9092, port).with_kwargs(labels=CONTAINER_LABELS)
    for name, value in environment.items():
        own.with_env(name, value)
    own.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(90))
    with own:
        yield KafkaServer(f"127.0.0.1:{port}", f"Apache Kafka, image {IMAGE}", own.get_wrapped_container())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
