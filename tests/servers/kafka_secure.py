"""A Kafka that asks for TLS and a login, in a container; made for one module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import CONTAINER_LABELS, absent, kafka_process, used
from tests.servers.certificates import Certificates, certificates
from tests.servers.docker import PATIENT, docker_answers, image_is_there
from tests.servers.folder import free_port
from tests.servers.kafka import IMAGE, NONE, PROPERTIES, version

USER, PASSWORD = "intake", "geheim@/:"  # the same for SCRAM and PLAIN
START_SECONDS = 240
LOGIN = f'required username="{USER}" password="{PASSWORD}"'
FILES = "/own"  # of the folder, inside


@dataclass(frozen=True)
class SecureKafka:
    """host:port of its listeners. `secure`: TLS, then SCRAM or PLAIN; `mutual`: TLS and the client's certificate."""

    secure: str
    mutual: str
    made: Certificates


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    made = certificates(folder)
    secure, mutual = free_port(), free_port()
    (folder / "server.properties").write_text(
        "".join(f"{name}={value}\n" for name, value in _properties(made, secure, mutual).items())
    )
    for path in [folder, *folder.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the public image runs as a user of its own
    own = DockerContainer(IMAGE, docker_client_kw=PATIENT).with_volume_mapping(str(folder), FILES, "ro")
    own.with_bind_ports(9092, secure).with_bind_ports(9094, mutual)
    own.with_env("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m")
    bin, config = "/opt/kafka/bin", f"{FILES}/server.properties"
    script = (
        f"{bin}/kafka-storage.sh format --cluster-id {kafka_process.CLUSTER} --config {config} "
        f"--add-scram 'SCRAM-SHA-512=[name={USER},password={PASSWORD}]' "
        f"&& KAFKA_LOG_LEVEL=info exec {bin}/kafka-server-start.sh {config}"
    )
    own.with_kwargs(labels=CONTAINER_LABELS, entrypoint=["sh", "-c", script])
    own.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_SECONDS))
    with own:
        used["Kafka"] = f"Apache Kafka {version(own.get_wrapped_container())}, image {IMAGE}"
        yield SecureKafka(f"127.0.0.1:{secure}", f"127.0.0.1:{mutual}", made)


def _properties(made: Certificates, secure: int, mutual: int) -> dict[str, str]:
    security = "org.apache.kafka.common.security"
    return PROPERTIES | {
        "listeners": "SECURE://:9092,CONTROLLER://:9093,MUTUAL://:9094",
        "advertised.listeners": f"SECURE://127.0.0.1:{secure},MUTUAL://127.0.0.1:{mutual}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL",
        "inter.broker.listener.name": "MUTUAL",
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": "/tmp/kafka-logs",  # noqa: S108
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{FILES}/{made.server.name}",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": f"{FILES}/{made.authority.name}",
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{security}.scram.ScramLoginModule required;",
        "listener.name.secure.plain.sasl.jaas.config": (
            f'{security}.plain.PlainLoginModule {LOGIN} user_{USER}="{PASSWORD}";'
        ),
    }
