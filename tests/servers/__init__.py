"""Real servers for tests: an address in the environment, else a container, else plain processes, else none.

With `REQUIRE_SERVERS=1` a missing server is a failure, else the tests that need it are skipped.
"""

import os
from typing import NoReturn

import pytest

CONTAINER_LABELS = {"zhicheng.tests": "1"}  # what a killed test run leaves behind is found by this
used: dict[str, str] = {}  # server and version that this run really had, by kind ("Kafka", "MongoDB", "Mailpit")


def servers_are_required() -> bool:
    return os.environ.get("REQUIRE_SERVERS") == "1"


def absent(what: str) -> NoReturn:
    """Skips the test, or fails it when servers are required. `what` names the server and how to give one."""
    if servers_are_required():
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
