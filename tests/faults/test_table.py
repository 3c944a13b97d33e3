"""The page of faults says what a run found."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.table import EMBEDDED, Row, page, promise_of

KILL = Row("kill -9", "nothing lost", "test_kill.py::test_it[embedded]", EMBEDDED, "passed", "Processes die.")
ON_REAL = replace(KILL, test="test_kill.py::test_it[real]", server="Apache Kafka; MongoDB")


def test_the_promise_of_a_row_stands_in_the_docstring_of_its_test() -> None:
    assert promise_of("INVARIANT: nothing is\n    lost.\n\n    More words.") == "nothing is lost"
    assert promise_of("Some words.") == "all promises"


def test_the_forms_of_a_test_are_one_line_under_the_subject_of_its_file() -> None:
    written = page([ON_REAL, KILL], "2026-01-02, Python")

    assert "\n## Processes die\n" in written
    assert written.endswith("\n| kill -9 | nothing lost | embedded, servers 1 | passed | `test_kill.py::test_it` |\n")
    assert "\n| servers 1 | Apache Kafka; MongoDB |\n" in written
    assert "\nLast complete run: 2026-01-02, Python; 2 passed, 0 failed, 0 left out.\n" in written


def test_a_form_that_failed_is_named() -> None:
    written = page([KILL, replace(ON_REAL, result="FAILED")], "today")

    assert "| passed (embedded); FAILED (real) |" in written
    assert "1 passed, 1 failed, 0 left out" in written


def test_where_results_are_the_same_only_the_line_of_the_run_changes() -> None:
    before, after = (page(rows, run).splitlines() for rows, run in (([KILL, ON_REAL], "a"), ([ON_REAL, KILL], "b")))

    assert [one for one, other in zip(before, after, strict=True) if one != other] == [
        "Last complete run: a; 2 passed, 0 failed, 0 left out."
    ]
