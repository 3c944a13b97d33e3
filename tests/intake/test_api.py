"""What partners do with their applications over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.filings import a_filing, an_engineer
from tests.town import OFFICER, OTHER_PARTNER, Town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


async def test_the_filing_comes_back_as_it_was_filed(town: Town) -> None:
    filing = a_filing()
    case_id = (await town.submit(filing)).json()["case_id"]
    answer = await town.call("intake", "GET", f"/v1/applications/{case_id}/filing")
    assert answer.json() == filing
    assert answer.headers["etag"] == '"1"'


async def test_an_unchanged_application_is_not_sent_again(town: Town) -> None:
    case = await town.filed(a_filing())
    path = f"/v1/applications/{case['case_id']}"
    etag = (await town.call("intake", "GET", path)).headers["etag"]

    same = await town.call("intake", "GET", path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status_code, same.content) == (304, b"")

    await town.call("intake", "POST", f"{path}/withdrawal", headers={"If-Match": '"1"'})
    changed = await town.call("intake", "GET", path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


@pytest.mark.parametrize(("method", "end"), [("PUT", "/filing"), ("POST", "/withdrawal")])
async def test_a_change_must_name_the_revision_it_has_seen(town: Town, method: str, end: str) -> None:
    case = await town.filed(a_filing())
    path = f"/v1/applications/{case['case_id']}{end}"
    more = {"json": a_filing()} if method == "PUT" else {}

    without = await town.call("intake", method, path, **more)
    stale = await town.call("intake", method, path, headers={"If-Match": '"7"'}, **more)

    assert without.status_code == 428
    assert stale.status_code == 412
    assert stale.json()["current_revision"] == 1


async def test_an_amendment_gives_a_new_revision_and_a_new_determination_that_names_the_old(town: Town) -> None:
    filing = a_filing()
    case = await town.filed(filing)
    assert case["determination"]["number"] == 1
    path = f"/v1/applications/{case['case_id']}/filing"

    answer = await town.call("intake", "PUT", path, json=filing | {"certificates": []}, headers={"If-Match": '"1"'})
    assert answer.json()["revision"] == 2
    assert answer.headers["etag"] == '"2"'
    await town.idle()

    amended = await town.case(case["case_id"])
    determination = amended["determination"]
    assert (determination["number"], determination["supersedes"], determination["because"]) == (2, 1, "amended")
    assert [entry["number"] for entry in amended["superseded_determinations"]] == [1]
    overseas = next(road for road in determination["roads"] if road["road"] == "overseas")
    assert overseas["status"] == "closed"
    assert {entry["service"] for entry in amended["superseded_assessments"]} == {"intake", "equivalence", "competition"}


async def test_nothing_follows_a_withdrawal_but_its_confirmation(town: Town) -> None:
    case = await town.filed(a_filing())
    path = f"/v1/applications/{case['case_id']}"
    for _ in range(2):
        answer = await town.call("intake", "POST", f"{path}/withdrawal", headers={"If-Match": '"1"'})
        assert answer.status_code == 200
    refused = await town.call("intake", "PUT", f"{path}/filing", json=a_filing(), headers={"If-Match": '"1"'})
    await town.idle()

    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:problem:intake:not-possible-now"
    assert (await town.case(case["case_id"]))["status"] == "withdrawn"
    steps = [message["step"] for message in await town.deliveries(case["case_id"])]
    assert sorted(steps) == ["determined", "received", "withdrawn"]


async def test_the_list_shows_each_case_once_newest_first(town: Town) -> None:
    cases = [(await town.submit(a_filing(roads=["ordinary"]))).json()["case_id"] for _ in range(5)]
    await town.submit(a_filing(), partner=OTHER_PARTNER)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await town.call("intake", "GET", "/v1/applications", params=params)).json()
        seen += [item["case_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == set(cases)
    received = [(await town.case(case_id))["received_at"] for case_id in seen]
    assert received == sorted(received, reverse=True)


@pytest.mark.parametrize(
    ("params", "number"),
    [
        ({"status": "determined"}, 1),
        ({"status": "withdrawn"}, 0),
        ({"road": "overseas"}, 1),
        ({"road": "competition"}, 0),
        ({"round": "demo-2024"}, 1),
        ({"round": "demo-2026"}, 0),
    ],
)
async def test_the_list_is_filtered(town: Town, params: dict[str, str], number: int) -> None:
    await town.filed(a_filing(roads=["overseas"]))
    page = (await town.call("intake", "GET", "/v1/applications", params=params)).json()
    assert len(page["items"]) == number


async def test_a_case_with_no_open_road_waits_for_an_officer_and_is_never_refused(town: Town) -> None:
    case = await town.filed(a_filing(certificates=[], education=[], work=[], roads=["overseas"]))
    assert case["status"] == "officer"
    assert case["determination"]["waits_for_officer"] is True

    listed = (await town.call("intake", "GET", "/v1/officer/cases", partner=OFFICER)).json()["items"]
    [item] = listed
    assert item["case_id"] == case["case_id"]
    assert [reason["code"] for reason in item["reasons"]] == ["no-open-road", "road-closed"]
    assert (await town.call("intake", "GET", "/v1/officer/cases")).status_code == 403


async def test_the_timeline_tells_what_happened_in_both_languages(town: Town) -> None:
    case = await town.filed(a_filing())
    answer = await town.call("intake", "GET", f"/v1/applications/{case['case_id']}/timeline")
    entries = answer.json()["entries"]
    steps = [entry["step"] for entry in entries]
    assert steps[0] == "received"
    assert sorted(steps) == [
        "assessed",
        "assessed",
        "determined",
        "message-delivered",
        "message-delivered",
        "received",
    ]
    for entry in entries:
        assert entry["at"] <= entry["heard"]
        assert entry["text"]["zh"]
        assert entry["text"]["en"]


async def test_more_unsent_events_than_the_limit_close_the_door_and_lose_nothing(tmp_path: Path) -> None:
    town = Town(tmp_path, settings={"intake": {"max_unsent": 1}})
    await town.start("intake")
    running = town.services["intake"]
    running.health.unsent = 5

    async def stand_still() -> int:
        running.health.unsent = 5
        return 0

    running._count_unsent = stand_still  # type: ignore[method-assign]
    answer = await town.submit(a_filing())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert await running.store.count("cases", {}) == 0
    await town.stop("intake")


async def test_the_same_key_gives_the_same_receipt_after_an_amendment_too(town: Town) -> None:
    filing = an_engineer(round="demo-2024")
    first = await town.submit(filing, key="receipt-key")
    case_id = first.json()["case_id"]
    path = f"/v1/applications/{case_id}/filing"
    await town.call("intake", "PUT", path, json=a_filing(), headers={"If-Match": '"1"'})
    again = await town.submit(filing, key="receipt-key")
    assert (again.status_code, again.json()) == (202, first.json())
