"""Who may do what: scopes of every route, and a callers file that changes while intake runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.filings import a_filing
from tests.town import OFFICER, PARTNER, Town

CASE = "/v1/applications/c_aaaaaaaaaaaaaaaaaaaaaaaaaa"
ROUTES = [
    ("POST", "/v1/applications", "applications:write"),
    ("GET", "/v1/applications", "applications:read"),
    ("GET", CASE, "applications:read"),
    ("GET", f"{CASE}/timeline", "applications:read"),
    ("GET", f"{CASE}/filing", "applications:read"),
    ("PUT", f"{CASE}/filing", "applications:write"),
    ("POST", f"{CASE}/withdrawal", "applications:write"),
    ("DELETE", f"{CASE}/personal-data", "applications:erase"),
    ("GET", "/v1/officer/cases", "officer:read"),
]


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


def rewrite(town: Town, client_of: str, **changes: Any) -> None:
    path = town.folder / "callers.json"
    content = json.loads(path.read_text())
    for client in content["clients"]:
        if client["id"] == f"client-of-{client_of}":
            client.update(changes)
    path.write_text(json.dumps(content))


async def test_each_route_needs_its_own_scope_and_no_other_opens_it(intake: Town) -> None:
    scopes = {scope for _, _, scope in ROUTES}
    for method, path, scope in ROUTES:
        rewrite(intake, PARTNER, scopes=sorted(scopes - {scope}))
        refused = await intake.call("intake", method, path)
        assert (refused.status_code, refused.json()["scope"]) == (403, scope), (method, path)
        rewrite(intake, PARTNER, scopes=[scope])
        let_in = await intake.call("intake", method, path)
        assert let_in.status_code not in (401, 403), (method, path)
        nobody = await intake.call("intake", method, path, partner=None)
        assert nobody.status_code == 401, (method, path)


async def test_a_client_that_is_revoked_is_out_at_once(intake: Town) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    path = f"/v1/applications/{case_id}"
    rewrite(intake, PARTNER, revoked="2026-01-02T00:00:00.000Z")
    assert (await intake.call("intake", "GET", path)).status_code == 401
    rewrite(intake, PARTNER, revoked=None)
    assert (await intake.call("intake", "GET", path)).status_code == 200


async def test_a_client_of_the_same_partner_sees_its_cases(intake: Town) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    rewrite(intake, OFFICER, partner=PARTNER, scopes=["applications:read"])
    assert (await intake.call("intake", "GET", f"/v1/applications/{case_id}", partner=OFFICER)).status_code == 200
