"""Crash points: off, they are not even loaded; a plan kills each process once, line by line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.crash_points import Plan

PASSES = "from pathlib import Path; from chassis.crash_points import Plan; plan = Plan(Path({path!r}))\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=180)


def test_nothing_of_it_is_loaded_unless_a_plan_is_named() -> None:
    done = run("import sys, services.intake.main; sys.exit('chassis.crash_points' in sys.modules)")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_dies_at_the_passage_that_its_plan_names_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_text("after-save 2\nbefore-mark 1")
    passes = PASSES.format(path=str(path)) + "for n in (1, 2, 3): print(n, flush=True); plan.passes('after-save')"

    first, second = run(passes), run(passes)

    assert (first.returncode, first.stdout.split()) == (-signal.SIGKILL, ["1", "2"])
    assert (second.returncode, second.stdout.split()) == (0, ["1", "2", "3"])
    assert path.read_text() == "before-mark 1"


def test_a_passage_that_does_not_count_kills_nobody(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_text("after-publish 1")
    assert run(PASSES.format(path=str(path)) + "plan.passes('after-publish', counts=False)").returncode == 0


def test_a_point_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_text("after-lunch 1")
    with pytest.raises(ValueError, match="after-lunch is no crash point"):
        Plan(path)
