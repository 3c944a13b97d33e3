"""Real servers for a run: those of TEST_KAFKA and TEST_MONGODB, else containers of the run's own, else none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo

from benchmarks.places import Servers
from tests.servers import kafka, mongo
from tests.servers.docker import docker_answers, image_is_there

UNSYNCED = {"MONGO_SYNC_ON_COMMIT": "off"}  # only images of SecantusDB know it


def available() -> str | None:
    """None, or why there are none."""
    if os.environ.get("TEST_KAFKA") and os.environ.get("TEST_MONGODB"):
        return None
    if not docker_answers():
        return "real servers: set TEST_KAFKA and TEST_MONGODB, or give a Docker engine"
    if missing := [image for image in (kafka.IMAGE, mongo.IMAGE) if not image_is_there(image)]:
        return f"real servers: no image {', '.join(missing)}"
    return None


@contextmanager
def real(*, synced: bool) -> Iterator[Servers | None]:
    """Kafka and MongoDB's protocol. None where the journal cannot be left unsynced: a server that was given."""
    if os.environ.get("TEST_KAFKA") and os.environ.get("TEST_MONGODB"):
        address = os.environ["TEST_MONGODB"]
        given = mongo.MongoServer(address, mongo.product(address))
        servers = _servers("real servers", kafka.KafkaServer(os.environ["TEST_KAFKA"], "Kafka of TEST_KAFKA"), given)
        yield servers if synced else None
        _drop(servers)
        return
    with kafka.container() as broker, mongo.container({} if synced else UNSYNCED) as server:
        servers = _servers(f"real servers, journal {'synced' if synced else 'not synced'}", broker, server)
        yield servers if synced or "SecantusDB" in server.name else None


def _servers(name: str, broker: kafka.KafkaServer, server: mongo.MongoServer) -> Servers:
    named = {"bus": broker.name, "store": server.name}
    return Servers(name, broker.bootstrap, server, named=named)


def _drop(servers: Servers) -> None:
    if servers.mongodb is None:
        return
    connected: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(servers.mongodb.address)
    with connected as client:
        for name in client.list_database_names():
            if name.startswith(servers.databases):
                client.drop_database(name)
