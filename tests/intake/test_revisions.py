"""What a partner changes names the revision that it has seen, and the case keeps what it took when it was received."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.use_cases import change
from services.intake.use_cases.change import Change
from tests.filings import a_filing
from tests.town import OTHER_PARTNER, Town


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    """Intake alone: nobody answers it."""
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


async def put(town: Town, case_id: str, tag: str | None, **changes: Any) -> httpx.Response:
    headers = {} if tag is None else {"If-Match": tag}
    return await town.call(
        "intake", "PUT", f"/v1/applications/{case_id}/filing", json=a_filing(**changes), headers=headers
    )


@pytest.mark.parametrize("tag", ['"1"', "1", ' "1" ', '"7", "1"', 'W/"7","1"'])
async def test_a_tag_of_the_current_revision_lets_a_change_in(intake: Town, tag: str) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    answer = await put(intake, case_id, tag)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize("tag", ['"7"', 'W/"1"', '"01"', '"1', "-1", '"1.0"', '"x"', '"²"', "", '"7", "8"', "9" * 30])
async def test_any_other_tag_is_refused_and_the_current_revision_is_named(intake: Town, tag: str) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    header = {"If-Match": tag.encode()}
    for method, end, more in (("PUT", "filing", {"json": a_filing()}), ("POST", "withdrawal", {})):
        path = f"/v1/applications/{case_id}/{end}"
        answer = await intake.call("intake", method, path, headers=header, **more)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["current_revision"]) == (412, 1)
    other = await intake.call(
        "intake", "POST", f"/v1/applications/{case_id}/withdrawal", headers=header, partner=OTHER_PARTNER
    )
    assert other.status_code == 404


@pytest.mark.parametrize("tag", [None, "*"])
async def test_a_change_of_whatever_is_there_is_not_possible(intake: Town, tag: str | None) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    assert (await put(intake, case_id, tag)).status_code == 428


async def test_any_representation_matches_a_star(intake: Town) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    answer = await intake.call("intake", "GET", f"/v1/applications/{case_id}", headers={"If-None-Match": "*"})
    assert answer.status_code == 304


async def test_the_same_filing_once_more_is_a_revision_with_one_determination_of_its_own(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        filing = a_filing()
        case = await town.filed(filing)
        path = f"/v1/applications/{case['case_id']}/filing"
        answer = await town.call("intake", "PUT", path, json=filing, headers={"If-Match": '"1"'})
        assert answer.json()["revision"] == 2
        await town.idle()

        again = await town.case(case["case_id"])
        made = again["determination"]
        assert (made["number"], made["supersedes"], made["because"], made["revision"]) == (2, 1, "amended", 2)
        assert made["roads"] == case["determination"]["roads"]
        steps = [message["step"] for message in await town.deliveries(case["case_id"])]
        assert sorted(steps) == ["amended", "determined", "determined", "received"]


async def test_a_case_is_amended_after_its_window_has_closed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    await town.start("intake")
    case_id = (await town.submit(a_filing())).json()["case_id"]
    await town.stop("intake")

    later = Town(tmp_path, business_date=date(2025, 2, 1))
    await later.start("intake")
    late = await later.submit(a_filing())
    amended = await put(later, case_id, '"1"')
    moved = await put(later, case_id, '"2"', round="demo-2026")
    await later.stop("intake")

    assert late.json()["errors"] == [{"field": "round", "rule": "not-open"}]
    assert amended.status_code == 200, amended.text
    assert moved.json()["errors"] == [{"field": "round", "rule": "not-open"}]


async def test_a_case_is_amended_so_often_and_no_more(intake: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that outgrew what its store holds could not be written, and would hold up the events of others."""
    monkeypatch.setattr(change, "MOST_REVISIONS", 2)
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    assert (await put(intake, case_id, '"1"')).status_code == 200
    refused = await put(intake, case_id, '"2"')
    assert (refused.status_code, refused.json()["limit"]) == (409, 2)
    path = f"/v1/applications/{case_id}/withdrawal"
    assert (await intake.call("intake", "POST", path, headers={"If-Match": '"2"'})).status_code == 200


async def test_a_case_keeps_the_list_that_it_took_when_it_was_received(intake: Town) -> None:
    case_id = (await intake.submit(a_filing())).json()["case_id"]
    taken = (await intake.case(case_id))["list"]
    verbs: Any = intake.services["intake"].service.use_cases[Change]
    rounds = verbs._taking_in.rounds
    rounds["demo-2024"] = replace(rounds["demo-2024"], list_version="9.9", list_digest="sha256:" + "9" * 64, year=2031)

    assert (await put(intake, case_id, '"1"')).status_code == 200

    case = await intake.case(case_id)
    assert (case["list"], case["round_year"]) == (taken, 2024)


async def test_with_too_much_unsent_a_case_is_not_amended_but_can_be_withdrawn_and_erased(tmp_path: Path) -> None:
    town = Town(tmp_path, settings={"intake": {"max_unsent": 1}})
    await town.start("intake")
    case_id = (await town.submit(a_filing())).json()["case_id"]
    health = town.services["intake"].health
    real, limit = health.unsent, 5
    health.unsent = limit
    refused = await put(town, case_id, '"1"')
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    health.unsent = limit
    withdrawn = await town.call("intake", "POST", f"/v1/applications/{case_id}/withdrawal", headers={"If-Match": '"1"'})
    health.unsent = limit
    erased = await town.call("intake", "DELETE", f"/v1/applications/{case_id}/personal-data")
    health.unsent = real
    assert (withdrawn.status_code, erased.status_code) == (200, 204)
    await town.stop("intake")


@pytest.mark.parametrize(
    ("received", "due"), [("2024-02-29", "2027-03-01"), ("2024-08-31", "2027-08-31"), ("2024-06-01", "2027-06-01")]
)
async def test_a_case_says_for_how_long_it_is_kept(tmp_path: Path, received: str, due: str) -> None:
    town = Town(tmp_path, business_date=date.fromisoformat(received))
    await town.start("intake")
    case = await town.case((await town.submit(a_filing())).json()["case_id"])
    assert case["retention_due"] == due
    await town.stop("intake")
