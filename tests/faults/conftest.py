"""The pairs of servers that fault tests run on, and the page that a run writes of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import table
from tests.faults.world import MEASURED, Servers


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.long)])
def servers(request: pytest.FixtureRequest) -> Servers:
    """The embedded adapters; in the long form also real servers."""
    if request.param == "embedded":
        return Servers()
    return request.getfixturevalue("real_servers")  # type: ignore[no-any-return]


@pytest.fixture
def real_servers(request: pytest.FixtureRequest) -> Servers:
    """Kafka, MongoDB's protocol and Mailpit: a broker of the test's own, the other two of the whole run."""
    found = [request.getfixturevalue(name) for name in ("own_kafka", "mongo_server", "mail_server")]
    return Servers.real(*found)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", type=Path, help="write the page of faults, servers and results there")


_rows: list[table.Row] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if row := table.row_of(item, report):
        _rows.append(row)
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that was broken off leaves the page as it is."""
    path = session.config.getoption("faults_table", None)
    if path and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        path.write_text(table.page(_rows, table.this_run()), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have measured: of this machine, so it stands on no page."""
    for report in (*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == MEASURED:
                terminalreporter.write_line(f"{report.nodeid.removeprefix('tests/faults/')}: {value}")
