"""The pairs of servers that fault tests run on."""

from __future__ import annotations

import pytest

from tests.faults.world import Servers


@pytest.fixture(params=["embedded", "real"])
def servers(request: pytest.FixtureRequest) -> Servers:
    """The embedded adapters; a broker of the test's own with the MongoDB and mail server of the run."""
    if request.param == "embedded":
        return Servers()
    return request.getfixturevalue("real_servers")  # type: ignore[no-any-return]


@pytest.fixture
def real_servers(request: pytest.FixtureRequest) -> Servers:
    """Kafka, MongoDB's protocol and Mailpit."""
    found = [request.getfixturevalue(name) for name in ("own_kafka", "mongo_server", "mail_server")]
    return Servers.real(*found)
