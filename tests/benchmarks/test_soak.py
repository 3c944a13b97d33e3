"""The soak tells its figures minute by minute."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.soak import latency_held, memory_held, minutes, outboxes_held


def test_values_are_told_by_the_minute_in_which_they_began() -> None:
    seen = [(130.0, 3.0), (100.0, 1.0), (159.9, 4.0), (160.0, 5.0), (101.0, 2.0)]

    assert minutes(100.0, seen) == {0: [1.0, 2.0, 3.0, 4.0], 1: [5.0]}


def test_it_says_what_it_does() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--help"], capture_output=True, text=True, check=True
    )

    assert "--minutes" in said.stdout


def test_memory_holds_while_it_grows_by_less_than_a_twentieth() -> None:
    assert memory_held([400.0] * 20 + [419.0] * 20) == (
        "held: memory 400.0 MB, at the end 419.0 MB, +4.8% (below +5.0%)"
    )
    assert memory_held([400.0] * 20 + [420.0] * 20).startswith("NOT HELD: memory")
    assert memory_held([400.0]) == "NOT MEASURED: memory"


def test_a_p99_that_rises_is_not_flat_and_one_bad_minute_is_no_rise() -> None:
    def of(*p99: float) -> list[list[float]]:
        return [[each, each] for each in p99]

    assert latency_held(of(100, 110, 90, 900, 100, 110, 90, 95, 105, 120, 110, 100)).startswith("held: p99 100 ms")
    assert latency_held(of(*range(100, 220, 10))).startswith("NOT HELD: p99 110 ms, at the end 200 ms, 1.82 times")
    assert latency_held(of(100)) == "NOT MEASURED: p99 of two minutes"


def test_an_outbox_that_is_not_empty_is_named() -> None:
    assert outboxes_held({"intake": 0, "notify": 0}) == "held: outboxes at the end: intake 0, notify 0 (all 0)"
    assert outboxes_held({"intake": 0, "notify": 2}).startswith("NOT HELD: outboxes at the end: intake 0, notify 2")
