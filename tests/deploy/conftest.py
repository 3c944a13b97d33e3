"""One set of containers for all tests here: a project, images, secrets and ports of its own. These tests run last."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import containers as compose
from local.containers import Containers
from local.demo_containers import first_date
from local.stack import SERVICES, free_ports
from local.stories import stories
from tests.servers import absent, kafka, mailpit, mongo
from tests.servers.docker import docker_answers, image_is_there

IMAGES = ("python:3.13-slim", kafka.IMAGE, mongo.IMAGE, mailpit.IMAGE)
NONE = f"containers: none (needs a Docker engine with compose and {', '.join(IMAGES)})"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take minutes: whatever else is broken shows first."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Built and running, with synthetic rounds and the calendar at the day of the first story."""
    if not docker_answers() or not asyncio.run(compose.docker_answers()) or not all(map(image_is_there, IMAGES)):
        absent(NONE)
    run = secrets.token_hex(3)
    made = Containers(
        tmp_path_factory.mktemp("compose") / "secrets",
        port_base=free_ports(),
        business_date=first_date(stories()),
        project=f"zhicheng-test-{run}",
        tag=f"test-{run}",
    )
    try:
        asyncio.run(_start(made))
        yield made
    finally:
        asyncio.run(made.compose("down", "--volumes", "--remove-orphans", "--timeout", "5"))
        images = [f"zhicheng/{name}:{made.tag}" for name in SERVICES]
        subprocess.run(["docker", "rmi", *images], capture_output=True, check=False, timeout=300)


async def _start(made: Containers) -> None:
    await made.make_secrets()
    await made.up("--build")
