"""The question of a container's health check."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from chassis.is_ready import is_ready

ROOT = Path(__file__).parents[2]


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server with this answer to /readyz and 404 to anything else."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_only_200_means_ready(status: int, ready: bool) -> None:
    with answering(status) as port:
        assert is_ready(port) is ready


def test_nobody_there_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not is_ready(port)


def test_the_command_needs_no_package_and_says_it_by_its_exit_code() -> None:
    with answering(200) as port:
        command = [sys.executable, "-S", "-m", "chassis.is_ready", str(port)]
        assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 0
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 1
