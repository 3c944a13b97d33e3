"""The table of faults says what a run found."""

from __future__ import annotations

from tests.faults.table import Row, page, promise_of


def test_the_promise_of_a_row_stands_in_the_docstring_of_its_test() -> None:
    assert promise_of("INVARIANT: nothing is\n    lost.\n\n    More words.") == "nothing is lost"
    assert promise_of("Some words.") == "all promises"


def test_a_row_tells_fault_promise_test_server_and_result() -> None:
    row = Row("kill -9", "nothing lost", "test_kill.py::test_it", "Apache Kafka", "FAILED")
    assert page([row]).endswith("\n| kill -9 | nothing lost | `test_kill.py::test_it` | Apache Kafka | FAILED |\n")
