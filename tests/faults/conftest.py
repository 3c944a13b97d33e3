"""The pairs of servers that fault tests run on, and the table that a run writes of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import table
from tests.faults.world import Servers


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
    parser.addoption("--faults-table", type=Path, help="write a table of fault, promise, test, server, result there")


_rows: list[table.Row] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    report = yield
    if row := table.row_of(item, report):
        _rows.append(row)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if path := session.config.getoption("faults_table", None):
        path.write_text(table.page(_rows), encoding="utf-8")
