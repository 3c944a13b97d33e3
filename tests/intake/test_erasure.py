"""Erased is erased: what stays, who finds it, and what comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis import parked
from chassis.store import create
from services.intake.case import CLAIMS
from tests.filings import a_filing, another_person
from tests.town import OTHER_PARTNER, Town
from tests.waiting import until

# What a stone may still say, by service: ids, marks, states and days. Everything else is empty.
# `said` is a mark too: the types of the events that the service has said of the case, with their numbers.
STONES = {
    "intake": ("cases", {"partner_id", "said", "status", "erased_at"}),
    "equivalence": ("assessed_cases", {"partner_id", "said", "status", "ended_on", "revision"}),
    "competition": ("assessed_cases", {"partner_id", "said", "status", "erased_at", "revision", "number"}),
    "notify": ("cases_told", {"partner_id", "said", "erased_on", "created_at", "messages", "message_ids", "states"}),
}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    """Intake alone: nobody answers it."""
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


async def erase(town: Town, case_id: str) -> int:
    answer = await town.call("intake", "DELETE", f"/v1/applications/{case_id}/personal-data")
    return answer.status_code


async def test_an_erased_case_is_a_stone_and_says_so(intake: Town) -> None:
    filing = a_filing()
    case_id = (await intake.submit(filing, key="to-be-erased")).json()["case_id"]
    path = f"/v1/applications/{case_id}"
    match = {"If-Match": '"1"'}

    assert [await erase(intake, case_id), await erase(intake, case_id)] == [204, 204]

    case = await intake.case(case_id)
    assert set(case) == {"case_id", "status", "status_text", "erased_at"}
    assert case["status"] == "erased"
    assert (await intake.call("intake", "GET", f"{path}/timeline")).json()["entries"] == []
    for method, end, more in (
        ("GET", "filing", {}),
        ("PUT", "filing", {"json": filing, "headers": match}),
        ("POST", "withdrawal", {"headers": match}),
    ):
        answer = await intake.call("intake", method, f"{path}/{end}", **more)
        assert (answer.status_code, answer.json()["case_status"]) == (409, "erased"), answer.text
    again = await intake.submit(filing, key="to-be-erased")
    assert (again.status_code, again.json()["type"]) == (410, "urn:problem:intake:erased")
    other = await intake.call("intake", "DELETE", f"{path}/personal-data", partner=OTHER_PARTNER)
    assert other.status_code == 404


async def test_the_person_of_an_erased_case_may_apply_again(intake: Town) -> None:
    filing = a_filing()
    case_id = (await intake.submit(filing)).json()["case_id"]
    await erase(intake, case_id)

    async def free() -> bool:
        return await intake.services["intake"].store.count(CLAIMS, {}) == 0

    await until(free)
    again = await intake.submit(filing)
    assert (await intake.case(again.json()["case_id"]))["status"] == "waiting"


async def test_pages_go_on_through_erased_cases(intake: Town) -> None:
    cases = [(await intake.submit(a_filing())).json()["case_id"] for _ in range(5)]
    for case_id in cases[:4]:
        await erase(intake, case_id)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = await intake.call("intake", "GET", "/v1/applications", params=params)
        assert page.status_code == 200, page.text
        seen += [item["case_id"] for item in page.json()["items"]]
        cursor = page.json()["next"]
    assert sorted(seen) == sorted(cases)


async def test_a_stone_in_each_service_holds_ids_states_and_days_alone(town: Town) -> None:
    case_id = (await town.filed(a_filing()))["case_id"]
    assert await erase(town, case_id) == 204
    await town.idle()

    for service, (collection, allowed) in STONES.items():
        document = await town.services[service].store.get(collection, case_id)
        assert document is not None
        filled = {name for name, value in document.data.items() if value not in (None, [], {}, False, 0)}
        assert filled <= allowed, service
    told = await town.services["notify"].store.get("cases_told", case_id)
    assert told is not None
    assert [message["params"] for message in told.data["messages"]] == [None, None]
    [shown, _] = await town.deliveries(case_id)
    assert (shown["case_number"], shown["preview"]) == (None, None)


async def test_what_was_parked_about_an_erased_case_goes_too_and_does_not_come_back(intake: Town) -> None:
    store = intake.services["intake"].store
    erased = (await intake.submit(a_filing())).json()["case_id"]
    living = (await intake.submit(a_filing())).json()["case_id"]

    def entry(name: str, key: str) -> Any:
        return create(parked.COLLECTION, name, {"key": key, "producer": "equivalence", "head": True, "value": "eA=="})

    await store.write([entry("p_before", erased), entry("p_living", living)])
    assert await erase(intake, erased) == 204
    assert [found.id for found in await store.find(parked.COLLECTION, {})] == ["p_living"]

    await store.write([entry("p_late", erased)])  # behind the gap that was made

    async def gone() -> bool:
        return [found.id for found in await store.find(parked.COLLECTION, {})] == ["p_living"]

    await until(gone)


async def test_an_erasure_among_other_requests_has_the_last_word(intake: Town) -> None:
    for _ in range(4):
        case_id = (await intake.submit(a_filing())).json()["case_id"]
        path, match = f"/v1/applications/{case_id}", {"If-Match": '"1"'}
        answers = await asyncio.gather(
            intake.call("intake", "PUT", f"{path}/filing", json=a_filing(), headers=match),
            intake.call("intake", "DELETE", f"{path}/personal-data"),
            intake.call("intake", "PUT", f"{path}/filing", json=a_filing(person=another_person()), headers=match),
            intake.call("intake", "POST", f"{path}/withdrawal", headers=match),
        )
        assert answers[1].status_code == 204
        assert {answer.status_code for answer in answers} <= {200, 204, 409, 412}
        document = await intake.services["intake"].store.get("cases", case_id)
        assert document is not None
        assert document.data["status"] == "erased"
        assert document.data["sealed"] is document.data["facts"] is None

    async def free() -> bool:
        return await intake.services["intake"].store.count(CLAIMS, {}) == 0

    await until(free)


async def test_one_amendment_or_one_withdrawal_comes_first_and_the_other_is_told(intake: Town) -> None:
    for _ in range(4):
        case_id = (await intake.submit(a_filing())).json()["case_id"]
        path, match = f"/v1/applications/{case_id}", {"If-Match": '"1"'}
        amended, withdrawn = await asyncio.gather(
            intake.call("intake", "PUT", f"{path}/filing", json=a_filing(), headers=match),
            intake.call("intake", "POST", f"{path}/withdrawal", headers=match),
        )
        statuses = (amended.status_code, withdrawn.status_code)
        assert statuses in ((200, 412), (409, 200))
        case = await intake.case(case_id)
        assert (case["status"], case["revision"]) == (("waiting", 2) if statuses[0] == 200 else ("withdrawn", 1))
