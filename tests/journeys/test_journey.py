"""Applications through all four services, on the embedded adapters and on real servers."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.filings import a_filing, a_person, another_person
from tests.journeys.servers import OpenTown, open_town, same_topics_again
from tests.town import OFFICER, Town
from tests.waiting import until

__all__ = ["open_town"]

LEAD = "990000198804120012"  # of the synthetic roster: technical lead of SYN-2024-001, which reached the final


def an_entry(**changes: Any) -> dict[str, Any]:
    return {"edition": "sh-ymec-2024", "project_id": "SYN-2024-001", "role": "technical-lead"} | changes


def road(case: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in case["determination"]["roads"] if entry["road"] == name)
    return found


async def timeline(town: Town, case_id: str) -> list[dict[str, Any]]:
    answer = await town.call("intake", "GET", f"/v1/applications/{case_id}/timeline")
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_one_application_goes_through_four_services_and_comes_back(open_town: OpenTown) -> None:
    town: Town = await open_town()
    filing = a_filing()

    case = await town.filed(filing)

    assert case["status"] == "determined"
    overseas = road(case, "overseas")
    assert overseas["status"] == "open-if"
    assert overseas["opens"]["title"]["zh"] == "高级会计师"
    assert [condition["code"] for condition in overseas["conditions"]] == ["certificate-verified"]
    assert case["determination"]["list"] == case["list"]
    path = f"/v1/applications/{case['case_id']}"

    answer = await town.call("intake", "PUT", f"{path}/filing", json=filing, headers={"If-Match": '"1"'})
    assert answer.status_code == 200
    await town.idle()
    case = await town.case(case["case_id"])
    assert (case["determination"]["number"], case["determination"]["supersedes"]) == (2, 1)

    answer = await town.call("intake", "POST", f"{path}/withdrawal", headers={"If-Match": '"2"'})
    assert answer.status_code == 200
    await town.idle()
    messages = await town.deliveries(case["case_id"])
    assert sorted((message["step"], message["determination"] or 0) for message in messages) == [
        ("amended", 0),
        ("determined", 1),
        ("determined", 2),
        ("received", 0),
        ("withdrawn", 0),
    ]
    assert {message["state"] for message in messages} == {"delivered"}
    assert await town.parked() == 0


async def test_the_same_events_once_more_change_nothing(open_town: OpenTown) -> None:
    """INVARIANT: delivery is at least once, effects are once."""
    town: Town = await open_town()
    cases = [await town.filed(a_filing()) for _ in range(3)]
    before = {case["case_id"]: await town.case(case["case_id"]) for case in cases}
    messages = {case["case_id"]: await town.deliveries(case["case_id"]) for case in cases}

    number = await same_topics_again(town)
    await town.idle()

    assert number > 12
    assert {case_id: await town.case(case_id) for case_id in before} == before
    assert {case_id: await town.deliveries(case_id) for case_id in messages} == messages
    assert len(await town.events()) == 2 * number


async def test_erased_data_do_not_come_back_when_all_topics_are_replayed(open_town: OpenTown) -> None:
    town: Town = await open_town()
    case = await town.filed(a_filing(competitions=[an_entry()]))
    other = await town.filed(a_filing())
    path = f"/v1/applications/{case['case_id']}"
    pseudonyms = await _pseudonyms(town, case["case_id"])

    answer = await town.call("intake", "DELETE", f"{path}/personal-data")
    assert answer.status_code == 204
    await town.idle()
    await same_topics_again(town)
    await town.idle()

    assert await town.case(case["case_id"]) == {
        "case_id": case["case_id"],
        "status": "erased",
        "status_text": {"zh": "个人信息已删除", "en": "Personal data erased"},
        "erased_at": (await town.case(case["case_id"]))["erased_at"],
    }
    erased = set()
    for name, running in town.services.items():
        for collection in ("cases", "assessed_cases", "cases_told"):
            document = await running.store.get(collection, case["case_id"])
            if document is not None:
                erased.add(name)
                text = repr(document.data)
                assert "2016-05" not in text, f"{name} still knows the certificate"
                assert not [pseudonym for pseudonym in pseudonyms if pseudonym in text], name
    assert erased == set(town.services), "each service keeps a stone"
    assert (await town.case(other["case_id"]))["status"] == "determined"
    receipt = await town.call("intake", "DELETE", f"{path}/personal-data")
    assert receipt.status_code == 204
    assert await town.parked() == 0


async def _pseudonyms(town: Town, case_id: str) -> list[str]:
    document = await town.services["intake"].store.get("cases", case_id)
    assert document is not None
    names: list[str] = document.data["person"]
    assert names
    return names


def a_result_file(**changes: Any) -> dict[str, Any]:
    person = {"type": "resident-id", "number": "990000198001010019"}
    return {
        "edition": "sh-ymec-2024",
        "organiser": "organiser",
        "file_id": "late-results",
        "results": "partial",
        "rows": [
            {
                "project_id": "LATE-1",
                "track": "2024-biomed",
                "stage": "final",
                "award": "merit",
                "team": [{"identity_documents": [person], "role": "technical-lead", "confirmed": True}],
            }
        ],
    } | changes


async def test_results_imported_later_reach_cases_that_wait(open_town: OpenTown) -> None:
    town: Town = await open_town(business_date=date(2024, 11, 20))
    from tests.builders import make_resident_id

    number = make_resident_id(region="990000", born=date(1980, 1, 1), sequence=1)
    person = a_person(documents=[{"type": "resident-id", "number": number}])
    entry = an_entry(project_id="LATE-1")
    case = await town.filed(a_filing(person=person, certificates=[], roads=["competition"], competitions=[entry]))
    assert case["status"] == "officer"
    assert road(case, "competition")["status"] == "open-if"

    file = a_result_file()
    file["rows"][0]["team"][0]["identity_documents"][0]["number"] = number
    imported = await town.call("competition", "POST", "/v1/register/imports", partner=OFFICER, json=file)
    assert imported.status_code in (200, 201, 202), imported.text

    async def open_now() -> bool:
        now = await town.case(case["case_id"])
        return now["determination"] is not None and road(now, "competition")["status"] == "open"

    await until(open_now)
    after = await town.case(case["case_id"])
    assert (after["determination"]["number"], after["determination"]["because"]) == (2, "result-imported")
    assert after["status"] == "determined"
    await town.idle()


async def test_a_service_that_does_not_answer_is_asked_again_and_named(open_town: OpenTown) -> None:
    town: Town = await open_town(settings={"intake": {"answer_seconds": 0.3}})
    await town.stop("equivalence")
    case_id = (await town.submit(a_filing())).json()["case_id"]

    async def asked_again() -> bool:
        return "asked-again" in [entry["step"] for entry in await timeline(town, case_id)]

    async def waits_for_one_alone() -> bool:
        waiting = await town.case(case_id)
        assert waiting["status"] == "waiting"
        return bool(waiting["waiting_on"] == ["equivalence"])

    await until(asked_again)
    await until(waits_for_one_alone)  # competition may still be joining its group

    await town.start("equivalence")
    await town.idle()
    case = await town.case(case_id)
    assert case["status"] == "determined"
    assert case["determination"]["number"] == 1
    answers = [json.loads(e.value or b"") for e in await town.events() if e.topic == "equivalence.assessment.v1"]
    assert {answer["because"] for answer in answers} == {"filed", "asked-again"}
    assert len({(answer["assessment_id"], answer["number"]) for answer in answers}) == 1


async def test_a_place_in_the_final_opens_an_assessment_and_grants_nothing(open_town: OpenTown) -> None:
    town: Town = await open_town(business_date=date(2024, 11, 20))
    person = a_person(documents=[{"type": "resident-id", "number": LEAD}])
    case = await town.filed(a_filing(person=person, certificates=[], competitions=[an_entry()]))
    competition = road(case, "competition")
    assert competition["status"] == "open"
    assert competition["opens"]["title"]["zh"] == "正高级工程师"
    assert [item["code"] for item in competition["exceptions"]] == ["level-skip"]
    assert [item["code"] for item in competition["notes"]] == ["no-title-by-itself"]


@pytest.mark.parametrize("partner", ["partner", "other-partner"])
async def test_a_contact_nobody_can_reach_waits_for_a_person_and_shows_it(open_town: OpenTown, partner: str) -> None:
    """An outbox that cannot be written stands for a mail server that is away."""
    town: Town = await open_town(settings={"notify": {"attempts": 2, "retry_seconds": 0.05, "retry_factor": 1}})
    town.outbox.parent.mkdir(exist_ok=True)
    if town.outbox.exists():
        town.outbox.rename(town.outbox.with_name("moved"))
    town.outbox.write_text("in the way")
    case_id = (await town.submit(a_filing(person=another_person()), partner=partner)).json()["case_id"]

    async def given_up() -> bool:
        states = [message["state"] for message in await town.deliveries(case_id, partner=partner)]
        return len(states) == 2 and set(states) == {"waiting"}

    await until(given_up)
    await town.idle()
    answer = await town.call("intake", "GET", f"/v1/applications/{case_id}/timeline", partner=partner)
    steps = [entry["step"] for entry in answer.json()["entries"]]
    assert steps.count("message-waiting") == 2


async def test_a_held_application_is_told_and_goes_on_when_its_way_is_free(open_town: OpenTown) -> None:
    town: Town = await open_town()
    person = another_person()
    first = await town.filed(a_filing(person=person))
    second = await town.filed(a_filing(person=person))
    assert second["status"] == "duplicate"
    assert [message["step"] for message in await town.deliveries(second["case_id"])] == ["held"]

    path = f"/v1/applications/{first['case_id']}/withdrawal"
    assert (await town.call("intake", "POST", path, headers={"If-Match": '"1"'})).status_code == 200

    async def goes_on() -> bool:
        return (await town.case(second["case_id"]))["status"] == "determined"

    await until(goes_on)
