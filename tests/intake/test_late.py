"""Answers that come too late, and services that hear of a case when it has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.intake.use_cases.taking_in import as_sent
from tests.filings import a_filing, another_person
from tests.town import BUILDS, Town
from tests.waiting import until

OTHERS = [name for name in BUILDS if name != "intake"]


async def test_answers_after_a_withdrawal_are_filed_and_only_the_confirmation_is_told(tmp_path: Path) -> None:
    town = Town(tmp_path)
    await town.start("intake")
    case_id = (await town.submit(a_filing())).json()["case_id"]
    headers = {"If-Match": '"1"'}
    await town.call("intake", "POST", f"/v1/applications/{case_id}/withdrawal", headers=headers)
    for name in OTHERS:
        await town.start(name)
    await town.idle()

    case = await town.case(case_id)
    assert (case["status"], case["determination"], case["superseded_determinations"]) == ("withdrawn", None, [])
    assert {answer["service"] for answer in case["assessments"]} <= {"equivalence", "competition"}
    told = {message["step"]: message["state"] for message in await town.deliveries(case_id)}
    assert told["withdrawn"] == "delivered"
    assert {state for step, state in told.items() if step != "withdrawn"} <= {"cancelled"}
    for name in list(town.services):
        await town.stop(name)


async def test_who_hears_of_a_case_when_it_is_erased_keeps_nothing_of_it(tmp_path: Path) -> None:
    town = Town(tmp_path)
    await town.start("intake")
    case_id = (await town.submit(a_filing())).json()["case_id"]
    await town.call("intake", "DELETE", f"/v1/applications/{case_id}/personal-data")
    for name in OTHERS:
        await town.start(name)
    await town.idle()

    assert (await town.case(case_id))["status"] == "erased"
    assert (await town.services["intake"].store.get("cases", case_id)).data["timeline"] == []  # type: ignore[union-attr]
    for name in OTHERS:
        async for part in town.services[name].store.dump():
            assert b'contact_sealed":"' not in part
            assert b"awarded_year" not in part
    assert not list(town.outbox.glob("*.eml"))
    assert await town.parked() == 0
    for name in list(town.services):
        await town.stop(name)


async def test_a_filing_older_than_a_rule_is_still_shown_and_still_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken in under the rules of its day is read as it stands."""
    town = Town(tmp_path)
    await town.start("intake")
    person = another_person()
    first = (await town.submit(a_filing(person=person))).json()["case_id"]
    with monkeypatch.context() as earlier:
        earlier.setattr(
            "services.intake.use_cases.submit.as_sent",
            lambda filing: as_sent(filing).replace(b'"ref-1"', b'"\\u0007 was fine then"'),
        )
        second = (await town.submit(a_filing(person=person))).json()["case_id"]
    path = f"/v1/applications/{second}"
    shown = await town.call("intake", "GET", f"{path}/filing")
    assert shown.json()["partner_reference"] == "\u0007 was fine then"

    await town.call("intake", "POST", f"/v1/applications/{first}/withdrawal", headers={"If-Match": '"1"'})

    async def goes_on() -> bool:
        return (await town.case(second))["status"] == "waiting"

    await until(goes_on)
    await town.stop("intake")
