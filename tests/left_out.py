"""The end of a test report: which servers were used, and one line for each kind of test that could not run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


def summary(terminal: Any, plans: Sequence[str]) -> None:
    """`terminal`: pytest's terminal reporter."""
    reasons = Counter(_reason(report) for report in terminal.stats.get("skipped", ()))
    terminal.section("servers and what was left out")
    for plan in plans:
        terminal.write_line(plan)
    for reason, count in sorted(reasons.items()):
        terminal.write_line(f"left out: {count} test{'s' if count > 1 else ''}: {reason}")
    if not reasons:
        terminal.write_line("nothing was left out")


def _reason(report: Any) -> str:
    place = report.longrepr
    text = place[2] if isinstance(place, tuple) else str(place)
    return str(text).removeprefix("Skipped: ")
