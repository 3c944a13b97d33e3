"""A second look is for a few tests on servers, never for rules."""

import pytest

from tests.second_look import MOST, may_look_again

SERVER_TEST = "tests/journeys/test_kill.py::test_it"


@pytest.mark.parametrize(
    ("failed", "again"),
    [
        ([SERVER_TEST], True),
        ([SERVER_TEST, "tests/conformance/test_bus.py::test_order[kafka]"], True),
        ([SERVER_TEST] * (MOST + 1), False),
        ([SERVER_TEST, "tests/intake/test_ordinary.py::test_years"], False),
        ([], False),
    ],
)
def test_only_a_few_tests_on_servers_are_run_again(failed, again):
    assert may_look_again(failed) is again
