"""A MongoDB server for tests: `TEST_MONGODB` (a mongodb:// URL), else a container, else none.

Each test gets a database with a fresh name, which is dropped afterwards; nothing else on the server is touched.
"""

import os
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pymongo
import pytest

from tests.servers import CONTAINER_LABELS, absent
from tests.servers.docker import docker_answers, image_is_there

IMAGE = "mongo:8.0"
NONE = f"MongoDB: none (set TEST_MONGODB=mongodb://host:port, or give a Docker engine with {IMAGE})"
START_SECONDS = 60
RUN = secrets.token_hex(3)


@dataclass(frozen=True)
class MongoServer:
    address: str  # mongodb://host:port, with login and options where it has them
    name: str  # product and version that answered, for reports
    container: Any = None  # docker's own object, for tests that stop a server of their own

    def url(self, database: str) -> str:
        """The same server with this database."""
        parts = urlsplit(self.address)
        query = parts.query
        if parts.username and "authSource" not in parse_qs(query):
            query = f"authSource={parts.path.strip('/') or 'admin'}" + (f"&{query}" if query else "")
        return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


def plan() -> str:
    """One line for the report header; starts nothing."""
    if os.environ.get("TEST_MONGODB"):
        return "MongoDB: the server of TEST_MONGODB"
    return f"MongoDB: {IMAGE} in a container" if docker_answers() else NONE


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[MongoServer]:
    """The server of the whole run."""
    if address := os.environ.get("TEST_MONGODB"):
        yield MongoServer(address, product(address))
        return
    with container() as server:
        yield server


@pytest.fixture
def own_mongo() -> Iterator[MongoServer]:
    """A server for one test alone, to be stopped or killed. It keeps its port and its data over a restart."""
    with container() as server:
        yield server


@pytest.fixture
def mongo_url(mongo_server: MongoServer) -> Iterator[str]:
    """A database of its own, dropped afterwards."""
    database = f"zhicheng_{RUN}_{secrets.token_hex(4)}"
    yield mongo_server.url(database)
    with _client(mongo_server.address, 5) as client:
        client.drop_database(database)


@contextmanager
def container(environment: Mapping[str, str] | None = None) -> Iterator[MongoServer]:
    """A server of its own with these variables, gone afterwards."""
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    own = DockerContainer(IMAGE).with_bind_ports(27017, port).with_kwargs(labels=CONTAINER_LABELS)
    for name, value in (environment or {}).items():
        own.with_env(name, value)
    own.waiting_for(
        LogMessageWaitStrategy(re.compile("waiting for connections", re.IGNORECASE)).with_startup_timeout(START_SECONDS)
    )
    with own:
        address = f"mongodb://127.0.0.1:{port}"
        yield MongoServer(address, f"{product(address)}, image {IMAGE}", own.get_wrapped_container())


def product(address: str) -> str:
    """Who answers. SecantusDB speaks MongoDB's protocol and is named for what it is."""
    with _client(address, START_SECONDS) as client:
        build = client.admin.command("buildInfo")
    other = build.get("secantusVersion")
    return f"SecantusDB {other} (protocol of MongoDB {build['version']})" if other else f"MongoDB {build['version']}"


def _client(address: str, seconds: int) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(address, serverSelectionTimeoutMS=seconds * 1000, socketTimeoutMS=10_000)
