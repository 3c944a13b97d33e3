"""The table of fault, promise, test, server and result that a run of the fault suite writes of itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.servers.wired import Wired
from tests.faults.world import Servers, World
from tests.servers.kafka import KafkaServer
from tests.servers.mailpit import MailServer
from tests.servers.mongo import MongoServer

HEAD = """# Faults

Written by the last complete run of `make faults`, which breaks what the first column names and then proves what the
second one says by one checker (`tests/faults/checker.py`): it reads public APIs, topics and stores, and nothing else.
Where a row names no promise of its own, all of them were checked: nothing lost, assessments and determinations in
unbroken series, one determination per set of inputs, one message per step, order per key, empty outboxes, nothing
parked but what must be.

| fault | promise | test | server | result |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    promise: str
    test: str
    server: str
    result: str


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
    )


def promise_of(docstring: str) -> str:
    """What stands behind INVARIANT: up to the end of its paragraph; else all promises."""
    found = re.search(r"INVARIANT: (.*?)(?:\n\s*\n|\Z)", docstring, re.DOTALL)
    return " ".join(found[1].split()).rstrip(".") if found else "all promises"


def page(rows: Sequence[Row]) -> str:
    lines = [
        f"| {row.fault} | {row.promise} | `{row.test}` | {row.server} | {row.result} |"
        for row in sorted(rows, key=lambda row: (row.test.partition("::")[0], row.fault, row.test))
    ]
    return HEAD + "\n".join(lines) + "\n"


def _server(item: Any) -> str:
    given = getattr(item, "funcargs", {}).values()
    worlds = [one if isinstance(one, World) else getattr(one, "world", None) for one in given]
    pairs = [one.name for one in given if isinstance(one, Servers)]
    if pairs := [*pairs, *(world.servers.name for world in worlds if isinstance(world, World))]:
        return pairs[0]
    if wired := [one.world.servers.name for one in given if isinstance(one, Wired)]:
        return wired[0]
    names = [one.name for one in given if isinstance(one, KafkaServer | MongoServer | MailServer)]
    return "; ".join(names) or Servers().name


def _result(report: Any) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return f"left out: {reason.removeprefix('Skipped: ')}"
    return "passed" if report.passed else "FAILED"
