"""A small disk for a store in a container: it can be filled up, and a server can be started that may only read it."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pymongo

from tests.servers import CONTAINER_LABELS, absent, used
from tests.servers.control import Container, Control, Given
from tests.servers.docker import docker_answers, image_is_there
from tests.servers.folder import free_port
from tests.servers.mongo import IMAGE, NONE, START_SECONDS, product

DISK = "512m"  # a server makes its journal of 200 MB beforehand
DATA = "/data/db"
PIECE = b"\0" * (4 << 20)
MOST_PIECES = 200


class StoreOnDisk:
    """A MongoDB server whose data lie on a disk of their own. Another container holds the disk while none uses it."""

    def __init__(self, client: Any, volume: str, holder: Any) -> None:
        self._client = client
        self._volume = volume
        self._holder = holder
        self._own: Any = None
        self.port = free_port()
        self.address = f"mongodb://127.0.0.1:{self.port}"
        self.control: Control = Given()
        self.name = ""

    def url(self, database: str) -> str:
        return f"{self.address}/{database}"

    def power_on(self, *, read_only: bool = False) -> None:
        """A new container on the same port. It does not wait: a server may refuse to live on what it cannot write."""
        self._own = self._client.containers.run(
            IMAGE, detach=True, labels=CONTAINER_LABELS, ports={"27017/tcp": ("127.0.0.1", self.port)},
            volumes={self._volume: {"bind": DATA, "mode": "ro" if read_only else "rw"}},
        )  # fmt: skip
        self.control = Container(self._own)

    def power_off(self) -> None:
        """Ends the server as a power cut does; the disk keeps what it holds."""
        if self._own is not None:
            own, self._own = self._own, None
            own.remove(force=True, v=True)

    def fill(self) -> None:
        """No byte is free afterwards, and the room that the server had set aside for its journal is used up."""
        self._holder.exec_run(["sh", "-c", f"cat /dev/zero > {DATA}/ballast"])
        with pymongo.MongoClient[dict[str, Any]](self.address, socketTimeoutMS=10_000) as client:
            for _ in range(MOST_PIECES):
                try:
                    client.ballast.pieces.insert_one({"bytes": PIECE})
                except pymongo.errors.PyMongoError:
                    return
        raise AssertionError(f"{MOST_PIECES} pieces of {len(PIECE)} bytes went onto a full disk")

    def make_room(self) -> None:
        """What a server does that has seen its disk full is its own affair: it may need a power cut."""
        self._holder.exec_run(["rm", "-f", f"{DATA}/ballast"])


@contextmanager
def store_on_disk() -> Iterator[StoreOnDisk]:
    """Started and ready; gone afterwards."""
    if not docker_answers() or not image_is_there(IMAGE):
        absent(f"A small disk needs containers. {NONE}")
    import docker  # type: ignore[import-untyped,unused-ignore]

    with ExitStack() as owned:
        client = docker.from_env(timeout=START_SECONDS)
        owned.callback(client.close)
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={DISK}"}
        name = f"zhicheng-tests-{secrets.token_hex(4)}"
        volume = client.volumes.create(name, driver="local", driver_opts=options, labels=CONTAINER_LABELS)
        owned.callback(_removed, volume)
        holder = client.containers.run(
            IMAGE, ["infinity"], entrypoint="sleep", detach=True, labels=CONTAINER_LABELS,
            volumes={name: {"bind": DATA, "mode": "rw"}},
        )  # fmt: skip
        owned.callback(holder.remove, force=True, v=True)
        store = StoreOnDisk(client, name, holder)
        owned.callback(store.power_off)
        store.power_on()
        store.name = f"{product(store.address)}, image {IMAGE}"
        used["MongoDB"] = store.name
        yield store


def _removed(volume: Any) -> None:
    import docker

    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(docker.errors.APIError):
            volume.remove(force=True)
            return
        time.sleep(0.2)
