"""The page of faults, what must hold, servers and results that a complete run of the fault suite writes of itself."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from tests.faults.servers.wired import Wired
from tests.faults.world import Servers, World
from tests.servers.kafka import KafkaServer
from tests.servers.mailpit import MailServer
from tests.servers.mongo import MongoServer

ALL = "all promises"
EMBEDDED = Servers().name
HEAD = """# What was broken, and what became of it

Written by `make faults`: it puts each of these faults into a system under load, takes it away again, and then one
checker (`tests/faults/checker.py`) reads public APIs, topics and stores. It wants **all promises** kept, whatever a row
says besides: nothing lost, assessments and determinations in unbroken series, one determination per set of inputs, one
message per step, order per key, empty outboxes, nothing parked but what must be. What you see of a fault and what you
do: [when something breaks](how-to/faults.md).
"""
COLUMNS = "| fault | what must hold | on | result | test |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    promise: str
    test: str  # file, function and the form of it in brackets
    server: str
    result: str
    subject: str  # what the file is about

    @property
    def place(self) -> str:
        return self.test.partition("[")[0]

    @property
    def form(self) -> str:
        return self.test.partition("[")[2].removesuffix("]")


def row_of(item: Any, report: Any) -> Row | None:
    """Of a test with the marker `fault` that has ended: passed, failed, or left out with the reason."""
    marker = item.get_closest_marker("fault")
    if marker is None or not (report.when == "call" or (report.when == "setup" and not report.passed)):
        return None
    return Row(
        marker.args[0],
        promise_of(item.function.__doc__ or ""),
        item.nodeid.removeprefix("tests/faults/"),
        _server(item),
        _result(report),
        (sys.modules[item.function.__module__].__doc__ or "").strip().split("\n")[0],
    )


def promise_of(docstring: str) -> str:
    """What stands behind INVARIANT: up to the end of its paragraph; else all promises."""
    found = re.search(r"INVARIANT: (.*?)(?:\n\s*\n|\Z)", docstring, re.DOTALL)
    return " ".join(found[1].split()).rstrip(".") if found else ALL


def page(rows: Sequence[Row], run: str) -> str:
    """`rows`: in the order of the run. `run`: when and where; all else stays as it is as long as the results do."""
    ordered = sorted(rows, key=lambda row: row.test.partition("::")[0])
    servers = _numbered([row.server for row in ordered])
    failed, left_out = (sum(row.result.startswith(word) for row in rows) for word in ("FAILED", "left out"))
    counts = f"{len(rows) - failed - left_out} passed, {failed} failed, {left_out} left out"
    lines = [HEAD, f"Last complete run: {run}; {counts}.\n", "| name here | servers |\n|---|---|"]
    lines += [f"| {short} | {name} |" for name, short in servers.items()]
    for subject, some in groupby(ordered, lambda row: row.subject):
        lines += [f"\n## {subject.partition('. ')[0].rstrip('.')}\n", COLUMNS]
        forms: dict[tuple[str, str], list[Row]] = {}
        for row in some:
            forms.setdefault((row.place, row.fault), []).append(row)
        lines += [_line(sorted(each, key=lambda row: row.test), servers) for each in forms.values()]
    return "\n".join(lines) + "\n"


def this_run() -> str:
    system = f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores"
    return f"{datetime.now(UTC):%Y-%m-%d}, {system}"


def _line(forms: Sequence[Row], servers: Mapping[str, str]) -> str:
    """One line for all forms of a test, such as embedded and real, or short and thorough."""
    first = forms[0]
    on = dict.fromkeys(servers[row.server] for row in forms)
    results: dict[str, list[str]] = {}
    for row in forms:
        results.setdefault(row.result, []).append(row.form)
    found = "; ".join(
        result if len(results) == 1 else f"{result} ({', '.join(filter(None, which))})"
        for result, which in results.items()
    )
    return f"| {first.fault} | {first.promise} | {', '.join(on)} | {found} | `{first.place}` |"


def _numbered(names: Sequence[str]) -> dict[str, str]:
    real = sorted({name for name in names if name != EMBEDDED})
    embedded = {EMBEDDED: "embedded"} if EMBEDDED in names else {}
    return embedded | {name: f"servers {number}" for number, name in enumerate(real, 1)}


def _server(item: Any) -> str:
    given = getattr(item, "funcargs", {}).values()
    worlds = [one if isinstance(one, World) else getattr(one, "world", None) for one in given]
    pairs = [one.name for one in given if isinstance(one, Servers)]
    if pairs := [*pairs, *(world.servers.name for world in worlds if isinstance(world, World))]:
        return pairs[0]
    if wired := [one.world.servers.name for one in given if isinstance(one, Wired)]:
        return wired[0]
    names = [one.name for one in given if isinstance(one, KafkaServer | MongoServer | MailServer)]
    return "; ".join(names) or EMBEDDED


def _result(report: Any) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return f"left out: {reason.removeprefix('Skipped: ')}"
    return "passed" if report.passed else "FAILED"
