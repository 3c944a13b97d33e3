"""Lists: cursors that others made up, and pages while cases come in."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.filings import a_filing
from tests.town import OFFICER, OTHER_PARTNER, PARTNER, Town


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    """Intake alone: nobody answers it."""
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


def coded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


AT = "2026-01-01T00:00:00.000Z"
MADE_UP = [
    "",
    "x",
    "%00",
    "é",
    "=" * 4,
    base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    base64.urlsafe_b64encode(b"[" * 250).decode(),
    coded([]),
    coded([AT]),
    coded([AT, None]),
    coded([AT, 7]),
    coded([AT, "c_a", 1]),
    coded(["yesterday", "c_a"]),
    coded([AT, "\ud800"]),
    coded([AT, "a\0b"]),
    coded([{"$gt": ""}, "c_a"]),
    coded([AT, {"$ne": ""}]),
    coded({AT: 1}),
    coded("ab"),
    coded(7),
]


async def test_a_cursor_that_is_not_ours_is_refused_by_name(intake: Town) -> None:
    await intake.submit(a_filing())
    for cursor in MADE_UP:
        for path, partner in (("/v1/applications", PARTNER), ("/v1/officer/cases", OFFICER)):
            answer = await intake.call("intake", "GET", path, params={"cursor": cursor}, partner=partner)
            assert answer.status_code == 422, (cursor, answer.text)
            assert answer.json()["errors"] == [{"field": "cursor", "rule": "unknown"}]


async def test_a_cursor_of_another_partner_shows_only_ones_own_cases(intake: Town) -> None:
    for _ in range(3):
        await intake.submit(a_filing())
    mine = (await intake.submit(a_filing(), partner=OTHER_PARTNER)).json()["case_id"]
    theirs = (await intake.call("intake", "GET", "/v1/applications", params={"limit": 1})).json()["next"]
    page = await intake.call("intake", "GET", "/v1/applications", params={"cursor": theirs}, partner=OTHER_PARTNER)
    assert {item["case_id"] for item in page.json()["items"]} <= {mine}


async def test_pages_repeat_and_miss_nothing_while_cases_come_in(intake: Town) -> None:
    there = {(await intake.submit(a_filing())).json()["case_id"] for _ in range(7)}
    seen: list[str] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await intake.call("intake", "GET", "/v1/applications", params=params)).json()
        seen += [item["case_id"] for item in page["items"]]
        await intake.submit(a_filing())
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert there <= set(seen)
