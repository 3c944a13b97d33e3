"""Every route needs a scope, or stands on a short public list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.callers import SCOPES
from chassis.openapi import operations
from tests.town import Town

PUBLIC = {
    ("equivalence", "GET", "/v1/catalogue"),
    ("equivalence", "GET", "/v1/catalogue/{certificate}"),
    ("equivalence", "GET", "/v1/exemptions"),
    ("competition", "GET", "/v1/register/editions"),
    ("competition", "GET", "/v1/register/editions/{edition_id}"),
}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


async def test_every_route_needs_a_scope_or_is_public_by_this_list(town: Town) -> None:
    public = set()
    scopes = set()
    for name, running in town.services.items():
        for operation in operations(running.app):
            if operation.scope in (None, "catalogue:read"):
                public.add((name, operation.method.upper(), operation.path))
            else:
                scopes.add(operation.scope)
    probes = {"/livez", "/readyz", "/version", "/metrics", "/docs", "/openapi.json"}
    assert {entry for entry in public if entry[2] not in probes} == PUBLIC
    assert scopes == set(SCOPES) - {"catalogue:read"}


async def test_no_route_answers_somebody_without_a_client(town: Town) -> None:
    for name, running in town.services.items():
        for operation in operations(running.app):
            if operation.scope not in (None, "catalogue:read"):
                path = operation.path.replace("{", "").replace("}", "")
                answer = await town.call(name, operation.method, path, partner=None)
                assert answer.status_code == 401, f"{operation.method} {operation.path}"
                answer = await town.clients[name].request(operation.method, path, auth=("client-of-partner", "guess"))
                assert answer.status_code == 401, f"{operation.method} {operation.path}"
