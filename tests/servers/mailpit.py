"""Mailpit, a mail server with an inbox that tests can read: `TEST_MAILPIT`, else a container, else none.

`TEST_MAILPIT` = host:smtp_port:http_port. Tests use recipients of their own and look for those only. It must keep
10,000 mails (MP_MAX_MESSAGES).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.servers import CONTAINER_LABELS, absent, used
from tests.servers.docker import PATIENT, docker_answers, image_is_there

IMAGE = "axllent/mailpit:v1.27"
NONE = f"Mailpit: none (set TEST_MAILPIT=host:smtp_port:http_port, or give a Docker engine with {IMAGE})"


@dataclass(frozen=True)
class MailServer:
    host: str
    smtp_port: int
    http_port: int
    name: str  # server and version, for reports

    @property
    def api(self) -> str:
        """Base URL of the HTTP API, e.g. GET {api}/search?query=to:a@example.test"""
        return f"http://{self.host}:{self.http_port}/api/v1"


def plan() -> str:
    """One line for the report; starts nothing."""
    if "Mailpit" in used:
        return f"Mailpit: {used['Mailpit']}"
    if address := os.environ.get("TEST_MAILPIT"):
        return f"Mailpit: {address} (TEST_MAILPIT)"
    return f"Mailpit: {IMAGE} in a container" if docker_answers() else NONE


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    """The mail server of the whole run."""
    if address := os.environ.get("TEST_MAILPIT"):
        host, smtp, http = address.rsplit(":", 2)
        yield _named(host, int(smtp), int(http), f"at {address}")
        return
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy

    container = (
        DockerContainer(IMAGE, docker_client_kw=PATIENT)
        .with_exposed_ports(1025, 8025)
        .with_kwargs(labels=CONTAINER_LABELS)
    )
    container.with_env("MP_DISABLE_VERSION_CHECK", "true")  # it would ask the Internet before it tells its own
    container.with_env("MP_MAX_MESSAGES", "0")  # it would forget all but the last 500
    container.waiting_for(HttpWaitStrategy(8025, "/livez").with_startup_timeout(180))
    with container:
        host = "127.0.0.1"
        smtp, http = int(container.get_exposed_port(1025)), int(container.get_exposed_port(8025))
        yield _named(host, smtp, http, f"image {IMAGE}")


def _named(host: str, smtp: int, http: int, where: str) -> MailServer:
    """With the version that it tells."""
    told = httpx.get(f"http://{host}:{http}/api/v1/info", timeout=90, trust_env=False).json()
    server = MailServer(host, smtp, http, f"Mailpit {told['Version']}, {where}")
    used["Mailpit"] = server.name
    return server
