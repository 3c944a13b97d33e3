"""Toxiproxy: lines to a server that are slow, narrow, cut or half open. The program from the PATH, else a container.

`line.toxic(...)` holds while its `with` block runs; without one the line is clean.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.servers import CONTAINER_LABELS, absent
from tests.servers.control import NotStarted, Process
from tests.servers.docker import PATIENT, docker_answers, image_is_there
from tests.servers.folder import free_ports, place

IMAGE = "ghcr.io/shopify/toxiproxy:2.5.0"
PROGRAMS = ("toxiproxy-server", "toxiproxy")
NONE = f"Toxiproxy: none (put toxiproxy-server on the PATH, or give a Docker engine on Linux with {IMAGE})"
START_SECONDS = 180
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Line:
    """`port`: where a client connects; what it says goes on to the server behind the line."""

    name: str
    port: int
    api: httpx.Client

    @contextmanager
    def toxic(self, kind: str, *, towards: str = "client", **attributes: int) -> Iterator[None]:
        """`towards`: "client" spoils the answers, "server" the requests. Kinds and attributes are Toxiproxy's own:

        latency(latency, jitter: ms), bandwidth(rate: kB/s), timeout(timeout: ms; 0 = says nothing and stays open),
        reset_peer(timeout: ms), limit_data(bytes), slow_close(delay: ms).
        """
        stream = {"client": "downstream", "server": "upstream"}[towards]
        toxic = {"name": f"{kind}-{towards}", "type": kind, "stream": stream, "attributes": attributes}
        self._asks("POST", f"/proxies/{self.name}/toxics", json=toxic)
        try:
            yield
        finally:
            self._asks("DELETE", f"/proxies/{self.name}/toxics/{toxic['name']}")

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nobody listens; connections that are there end."""
        self._asks("POST", f"/proxies/{self.name}", json={"enabled": False})
        try:
            yield
        finally:
            self._asks("POST", f"/proxies/{self.name}", json={"enabled": True})

    def hang_up(self) -> None:
        """Ends the connections that are there, those too that a toxic has left half open."""
        with self.cut():
            pass

    def _asks(self, method: str, path: str, **more: Any) -> None:
        self.api.request(method, path, **more).raise_for_status()


class Toxiproxy:
    """Makes lines. Ports are reserved together with the others of a test, by `free_ports`."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def line(self, name: str, port: int, server: str) -> Line:
        """`server`: host:port."""
        proxy = {"name": name, "listen": f"{HOST}:{port}", "upstream": server, "enabled": True}
        self._api.post("/proxies", json=proxy).raise_for_status()
        return Line(name, port, self._api)


@contextmanager
def running() -> Iterator[Toxiproxy]:
    """One of the test's own, gone afterwards."""
    [port] = free_ports(1)
    with ExitStack() as owned:
        if program := next((found for name in PROGRAMS if (found := shutil.which(name))), None):
            data, log = owned.enter_context(place("toxiproxy"))
            server = Process([program, "-host", HOST, "-port", str(port)], folder=data, log=log)
            owned.callback(server.stop)
            server.start()
        elif docker_answers() and image_is_there(IMAGE):
            from testcontainers.core.container import DockerContainer

            container = DockerContainer(IMAGE, docker_client_kw=PATIENT).with_kwargs(
                network_mode="host", labels=CONTAINER_LABELS
            )
            owned.enter_context(container.with_command(f"-host {HOST} -port {port}"))
        else:
            absent(NONE)
        api = owned.enter_context(httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60.0, trust_env=False))
        _wait(api)
        yield Toxiproxy(api)


def _wait(api: httpx.Client) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if api.get("/version").status_code == 200:
                return
        time.sleep(0.05)
    raise NotStarted(f"Toxiproxy did not answer within {START_SECONDS} s")
