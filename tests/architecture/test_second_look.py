"""A second look is for a few tests on servers, never for rules."""

from pathlib import Path

import pytest

from tests.second_look import MOST, WITH_SERVERS, may_look_again

SERVER_TEST = "tests/journeys/test_kill.py::test_it"


@pytest.mark.parametrize(
    ("failed", "again"),
    [
        ([SERVER_TEST], True),
        ([SERVER_TEST, "tests/conformance/test_bus.py::test_order[kafka]"], True),
        (["tests/chassis/test_runner_on_kafka.py::test_it", "tests/parked/test_cli.py::test_it"], True),
        ([f"{SERVER_TEST}[{number}]" for number in range(MOST + 1)], True),
        ([f"tests/journeys/test_{number}.py::test_it" for number in range(MOST + 1)], False),
        ([SERVER_TEST, "tests/intake/test_ordinary.py::test_years"], False),
        ([], False),
    ],
)
def test_only_a_few_tests_on_servers_are_run_again(failed, again):
    assert may_look_again(failed) is again


def test_whatever_is_looked_at_again_is_there():
    root = Path(__file__).parents[2]
    assert [place for place in WITH_SERVERS if not (root / place).exists()] == []
