"""The soak tells its figures minute by minute."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.soak import minutes


def test_values_are_told_by_the_minute_in_which_they_began() -> None:
    seen = [(130.0, 3.0), (100.0, 1.0), (159.9, 4.0), (160.0, 5.0), (101.0, 2.0)]

    assert minutes(100.0, seen) == {0: [1.0, 2.0, 3.0, 4.0], 1: [5.0]}


def test_it_says_what_it_does() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--help"], capture_output=True, text=True, check=True
    )

    assert "--minutes" in said.stdout
