"""A MongoDB server for tests: `TEST_MONGODB` (a mongodb:// URL), else a container, else a plain process, else none.

Each test gets a database with a fresh name, which is dropped afterwards; nothing else on the server is touched.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pymongo
import pytest

from tests.servers import CONTAINER_LABELS, absent, mongo_process, used
from tests.servers.control import Container, Control, Given, NotStarted
from tests.servers.docker import PATIENT, docker_answers, image_is_there
from tests.servers.folder import NotFetched, free_port

IMAGE = "mongo:8.0"
WAYS = f"set TEST_MONGODB=mongodb://host:port, or give a Docker engine with {IMAGE}"
NONE = f"MongoDB: none ({WAYS})"
START_SECONDS = 180
RUN = secrets.token_hex(3)


@dataclass(frozen=True)
class MongoServer:
    address: str  # mongodb://host:port, with login and options where it has them
    name: str  # product and version that answered, for reports
    control: Control = field(default_factory=Given)  # for tests that stop a server of their own

    def url(self, database: str) -> str:
        """The same server with this database."""
        parts = urlsplit(self.address)
        query = parts.query
        if parts.username and "authSource" not in parse_qs(query):
            query = f"authSource={parts.path.strip('/') or 'admin'}" + (f"&{query}" if query else "")
        return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


def plan() -> str:
    """One line for the report; starts nothing."""
    if "MongoDB" in used:
        return f"MongoDB: {used['MongoDB']}"
    if os.environ.get("TEST_MONGODB"):
        return "MongoDB: the server of TEST_MONGODB"
    if docker_answers():
        return f"MongoDB: {IMAGE} in a container"
    return f"MongoDB: {mongo_process.planned()} in its place, a plain process"


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[MongoServer]:
    """The server of the whole run."""
    with first_found() as server:
        yield server


@contextmanager
def first_found() -> Iterator[MongoServer]:
    """Raises pytest's Skipped where there is none (Failed where servers are required)."""
    if address := os.environ.get("TEST_MONGODB"):
        server = MongoServer(address, product(address))
        used["MongoDB"] = f"{server.name} (TEST_MONGODB)"
        yield server
        return
    with _own() as server:
        yield server


@pytest.fixture
def own_mongo() -> Iterator[MongoServer]:
    """A server for one test alone, to be stopped or killed. It keeps its port and its data over a restart."""
    with _own() as server:
        yield server


@pytest.fixture
def mongo_url(mongo_server: MongoServer) -> Iterator[str]:
    """A database of its own, dropped afterwards."""
    with another_database(mongo_server) as url:
        yield url


@contextmanager
def another_database(server: MongoServer) -> Iterator[str]:
    """With a fresh name, dropped afterwards."""
    database = f"zhicheng_{RUN}_{secrets.token_hex(4)}"
    yield server.url(database)
    with _client(server.address, START_SECONDS) as client:
        client.drop_database(database)


@contextmanager
def _own() -> Iterator[MongoServer]:
    with _container_or_process() as server:
        used["MongoDB"] = server.name
        yield server


def _container_or_process() -> AbstractContextManager[MongoServer]:
    return container() if docker_answers() and image_is_there(IMAGE) else process()


@contextmanager
def process() -> Iterator[MongoServer]:
    """A server of its own as a plain process, gone afterwards."""
    with ExitStack() as running:
        try:
            port, control = running.enter_context(mongo_process.process())
        except (NotFetched, NotStarted) as error:
            used["MongoDB"] = f"none ({error}; {WAYS})"
            absent(f"MongoDB: {used['MongoDB']}")
        address = f"mongodb://127.0.0.1:{port}"
        yield MongoServer(address, f"{product(address)}, a plain process", control)


@contextmanager
def container(environment: Mapping[str, str] | None = None) -> Iterator[MongoServer]:
    """A server of its own with these variables, gone afterwards."""
    if not docker_answers() or not image_is_there(IMAGE):
        absent(NONE)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port()
    own = (
        DockerContainer(IMAGE, docker_client_kw=PATIENT)
        .with_bind_ports(27017, port)
        .with_kwargs(labels=CONTAINER_LABELS)
    )
    for name, value in (environment or {}).items():
        own.with_env(name, value)
    own.waiting_for(
        LogMessageWaitStrategy(re.compile("waiting for connections", re.IGNORECASE)).with_startup_timeout(START_SECONDS)
    )
    with own:
        address = f"mongodb://127.0.0.1:{port}"
        yield MongoServer(address, f"{product(address)}, image {IMAGE}", Container(own.get_wrapped_container()))


def product(address: str) -> str:
    """Who answers. SecantusDB speaks MongoDB's protocol and is named for what it is."""
    with _client(address, START_SECONDS) as client:
        build = client.admin.command("buildInfo")
    other = build.get("secantusVersion")
    return f"SecantusDB {other} (protocol of MongoDB {build['version']})" if other else f"MongoDB {build['version']}"


def _client(address: str, seconds: int) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(address, serverSelectionTimeoutMS=seconds * 1000, socketTimeoutMS=START_SECONDS * 1000)
