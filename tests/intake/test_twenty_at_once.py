"""One person, one round, one road: of twenty applications at once one is not held, and the rest lose nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.filings import a_filing, another_person
from tests.town import OFFICER, OTHER_PARTNER, PARTNER, Town
from tests.waiting import until


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


async def test_twenty_at_once_leave_one_that_is_not_held(town: Town) -> None:
    person = another_person()

    receipts = await asyncio.gather(
        *(
            town.submit(a_filing(person=person), key=f"at-once-{n}", partner=(PARTNER, OTHER_PARTNER)[n % 2])
            for n in range(20)
        )
    )

    assert {receipt.status_code for receipt in receipts} == {202}
    states = Counter(
        [
            (await town.case(receipt.json()["case_id"], partner=(PARTNER, OTHER_PARTNER)[n % 2]))["status"]
            for n, receipt in enumerate(receipts)
        ]
    )
    assert states["duplicate"] == 19


async def test_a_second_application_is_held_and_its_partner_learns_no_more_than_that(town: Town) -> None:
    person = another_person()
    first = await town.filed(a_filing(person=person))

    second = await town.filed(a_filing(person=person), partner=OTHER_PARTNER)

    assert second["status"] == "duplicate"
    assert second["note"]["en"] == "Another application exists in this round"
    assert first["case_id"] not in str(second)
    assert first["case_number"] not in str(second)
    assert await town.case(first["case_id"]) == first
    listed = await town.call("intake", "GET", "/v1/officer/cases", partner=OFFICER)
    [held] = [item for item in listed.json()["items"] if item["case_id"] == second["case_id"]]
    assert [other["case_number"] for other in held["other_cases"]] == [first["case_number"]]


async def test_the_same_person_is_known_by_any_of_their_documents(town: Town) -> None:
    person = another_person()
    passport = {"type": "passport", "number": "E12345678"}
    both = {**person, "identity_documents": [*person["identity_documents"], passport]}
    await town.filed(a_filing(person=both))

    again = await town.filed(a_filing(person={**another_person(), "identity_documents": [passport]}))

    assert again["status"] == "duplicate"


async def test_another_road_of_the_same_round_is_no_second_application(town: Town) -> None:
    person = another_person()
    await town.filed(a_filing(person=person, roads=["overseas"]))
    other = await town.filed(a_filing(person=person, roads=["ordinary"]))
    assert other["status"] != "duplicate"
    assert [road["road"] for road in other["determination"]["roads"]] == ["ordinary"]


async def test_a_held_application_goes_on_when_the_first_is_withdrawn(town: Town) -> None:
    person = another_person()
    first = await town.filed(a_filing(person=person))
    second = await town.filed(a_filing(person=person))
    assert second["status"] == "duplicate"

    answer = await town.call(
        "intake", "POST", f"/v1/applications/{first['case_id']}/withdrawal", headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200

    async def determined() -> bool:
        return (await town.case(second["case_id"]))["status"] == "determined"

    await until(determined)


async def test_an_amendment_into_anothers_place_is_held_and_out_of_it_goes_on(town: Town) -> None:
    person, other = another_person(), another_person()
    await town.filed(a_filing(person=person))
    second = await town.filed(a_filing(person=other))
    path = f"/v1/applications/{second['case_id']}/filing"

    answer = await town.call("intake", "PUT", path, json=a_filing(person=person), headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert (await town.case(second["case_id"]))["status"] == "duplicate"

    answer = await town.call("intake", "PUT", path, json=a_filing(person=other), headers={"If-Match": '"2"'})
    assert answer.status_code == 200, answer.text
    await town.idle()
    case = await town.case(second["case_id"])
    assert (case["status"], case["revision"]) == ("determined", 3)
