"""The admin API of every service: who may see, release and discard parked events, and what it shows."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis import parked
from chassis.bus import Partition, Received, Record
from chassis.envelope import Unreadable, decode, to_record
from chassis.store import Write
from contracts.events import CaseWithdrawn, PersonalDataErased
from tests.town import OFFICER, OPERATOR, PARTNER, Town
from tests.waiting import until

LONG = 180.0
WHY = "the rule that refused them is mended"
NOBODY, SOMEBODY = (f"c_{letter * 26}" for letter in "yz")  # cases that intake does not know


def withdrawn(case: str, sequence: int) -> Record:
    """Of a case whose beginning is missing."""
    event = CaseWithdrawn(case_id=case, revision=1, case_number="n")
    return to_record(
        event,
        sequence=sequence,
        source="/intake",
        time="2026-01-01T00:00:00.000Z",
        partner_id="partner",
        correlation_id="correlation",
        causation_id="",
    )


def parks(at: str) -> list[Write]:
    """As the consumer would park them: two lines that stand behind a gap, and a record that is nothing."""
    records = [withdrawn(NOBODY, 3), withdrawn(NOBODY, 4), withdrawn(SOMEBODY, 2)]
    records.append(Record(CaseWithdrawn.TOPIC, "张三 110101199003070000", (("x", "y"),), b"?"))
    writes = []
    for offset, record in enumerate(records):
        place = Partition(record.topic, 0)
        received = Received(place, offset, record.topic, record.key, record.headers, record.value, at=0)
        read = decode(received, {CaseWithdrawn.TYPE: CaseWithdrawn})
        if isinstance(read, Unreadable):
            writes.append(parked.park(received, reason=read.reason, head=True, at=at))
        else:
            head = read.sequence != 4
            reason = "gap" if head else "behind"
            writes.append(parked.park(received, reason=reason, head=head, at=at, delivery=read))
    return writes


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """Notify alone, with parked events."""
    town = Town(tmp_path)
    await town.start("notify")
    running = town.services["notify"]
    await running.store.write(parks(running.infra.clock.now()))
    yield town
    await town.stop("notify")


async def get(town: Town, path: str = "/events", **params: Any) -> Any:
    answer = await town.call("notify", "GET", f"/v1/parked{path}", partner=OPERATOR, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(town: Town, verb: str, key: str = "key-of-a-test", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    wish = {"why": WHY, "filter": {}, **body}
    return await town.call("notify", "POST", f"/v1/parked/{verb}s", partner=OPERATOR, json=wish, headers=headers)


async def done(town: Town, release: str) -> Any:
    async def is_done() -> bool:
        return bool((await get(town, f"/releases/{release}"))["state"] == "done")

    await until(is_done, seconds=LONG)
    return await get(town, f"/releases/{release}")


async def test_the_list_shows_where_events_stand_and_why(town: Town) -> None:
    everything = (await get(town))["items"]
    assert sorted((item["reason"], item["sequence"] or 0, item["head"]) for item in everything) == [
        ("behind", 4, False),
        ("gap", 2, True),
        ("gap", 3, True),
        ("headers-missing", 0, True),
    ]
    assert len((await get(town, heads=True))["items"]) == 3
    [one] = (await get(town, key=SOMEBODY, reason="gap", producer="intake", type=CaseWithdrawn.TYPE))["items"]
    assert (one["topic"], one["key"], one["sequence"]) == (CaseWithdrawn.TOPIC, SOMEBODY, 2)
    assert (await get(town, parked_before="2001-01-01T00:00:00.000Z"))["items"] == []
    assert len((await get(town, parked_after="2001-01-01T00:00:00.000Z"))["items"]) == 4


async def test_pages_of_the_list_join_without_a_gap(town: Town) -> None:
    ids, cursor = [], None
    while True:
        page = await get(town, limit=1, **({"cursor": cursor} if cursor else {}))
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == [item["id"] for item in (await get(town))["items"]]
    assert len(set(ids)) == 4


async def test_a_key_that_came_without_an_envelope_is_shown_nowhere(town: Town) -> None:
    [stray] = (await get(town, reason="headers-missing"))["items"]
    assert stray["key"] is None
    shown = await get(town, f"/events/{stray['id']}")
    assert shown["key"] is None
    assert base64.b64decode(shown["value_base64"]) == b"?"
    released = (await post(town, "release", filter={"ids": [stray["id"]]})).json()
    await done(town, released["id"])
    for path in ("/events", "/releases", f"/releases/{released['id']}/events"):
        assert "1101" not in str(await get(town, path))


async def test_one_event_is_shown_with_what_it_says(town: Town) -> None:
    [item] = (await get(town, key=SOMEBODY))["items"]
    shown = await get(town, f"/events/{item['id']}")
    assert item.items() <= shown.items()
    assert ["ce_type", CaseWithdrawn.TYPE] in shown["headers"]
    assert SOMEBODY.encode() in base64.b64decode(shown["value_base64"])


async def test_a_release_is_taken_done_and_kept_with_who_and_why(town: Town) -> None:
    answer = await post(town, "release", filter={"key": NOBODY}, past_gap=True)
    assert answer.status_code == 202, answer.text
    release = await done(town, answer.json()["id"])
    assert answer.headers["Location"] == f"/v1/parked/releases/{release['id']}"
    assert (release["client"], release["why"], release["filter"]) == ("client-of-operator", WHY, {"key": NOBODY})
    assert (release["handled"], release["rejected"], release["waiting_lines"]) == (2, 0, 0)
    events = (await get(town, f"/releases/{release['id']}/events"))["items"]
    assert sorted((event["sequence"], event["outcome"]) for event in events) == [(3, "handled"), (4, "handled")]
    assert (await get(town, "/releases"))["items"] == [release]
    assert (await get(town, key=NOBODY))["items"] == []
    again = await post(town, "release", filter={"key": NOBODY}, past_gap=True)
    assert (again.status_code, again.json()) == (202, release)
    other = await post(town, "release", filter={"key": SOMEBODY})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:notify:idempotency-key-reused")


async def test_a_discard_is_taken_done_and_kept(town: Town) -> None:
    answer = await post(town, "discard", filter={"reason": "headers-missing"})
    release = await done(town, answer.json()["id"])
    assert (release["verb"], release["discarded"]) == ("discard", 1)
    assert (await get(town, reason="headers-missing"))["items"] == []


async def test_a_dry_run_changes_nothing_and_leaves_its_key_free(town: Town) -> None:
    answer = await post(town, "release", dry_run=True)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["lines"], shown["events"], shown["complete"]) == (3, 4, True)
    assert shown["lines_by_reason"] == {"gap": 2, "headers-missing": 1}
    assert (await get(town, "/releases"))["items"] == []
    assert (await post(town, "release", filter={"key": NOBODY})).status_code == 202


async def test_what_is_wrong_with_a_wish_is_named(town: Town) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"why": "too short"}, "why"),
        ({"why": " begins with a blank"}, "why"),
        ({"why": "has a\nsecond line"}, "why"),
        ({"filter": {"colour": "red"}}, "filter"),
        ({"filter": {"ids": []}}, "filter.ids"),
        ({"filter": {"parked_before": "yesterday"}}, "filter.parked_before"),
        ({"filter": None}, "filter"),
    ]
    for body, field in wrong:
        answer = await post(town, "release", **body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await get(town, "/releases"))["items"] == []


async def test_each_scope_opens_its_own_and_nothing_else(town: Town) -> None:
    for partner in (PARTNER, OFFICER):
        for path in ("/events", "/releases", "/events/p_" + "0" * 32):
            answer = await town.call("notify", "GET", f"/v1/parked{path}", partner=partner)
            assert (answer.status_code, answer.json()["scope"]) == (403, "parked:read")
        for verb in ("release", "discard"):
            headers = {"Idempotency-Key": "key-of-a-test"}
            answer = await town.call(
                "notify",
                "POST",
                f"/v1/parked/{verb}s",
                partner=partner,
                json={"why": WHY, "filter": {}},
                headers=headers,
            )
            assert (answer.status_code, answer.json()["scope"]) == (403, f"parked:{verb}")
    assert (await get(town, "/releases"))["items"] == []


async def test_what_does_not_exist_is_not_found(town: Town) -> None:
    for path in ("/events/p_" + "0" * 32, "/releases/r_" + "0" * 32, f"/releases/r_{'0' * 32}/events"):
        answer = await town.call("notify", "GET", f"/v1/parked{path}", partner=OPERATOR)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem:notify:not-found")


async def test_an_erasure_takes_what_is_parked_with_it(town: Town) -> None:
    event = PersonalDataErased(case_id=NOBODY)
    gone = to_record(
        event,
        sequence=9,
        source="/intake",
        time="2026-01-01T00:00:00.000Z",
        partner_id="partner",
        correlation_id="correlation",
        causation_id="",
    )
    await town.services["notify"].bus.publish([gone])

    async def is_gone() -> bool:
        return (await get(town, key=NOBODY))["items"] == []

    await until(is_gone, seconds=LONG)
    assert len((await get(town, key=SOMEBODY))["items"]) == 1


async def test_metrics_say_how_much_is_parked_and_for_how_long(town: Town) -> None:
    async def shown() -> dict[str, float]:
        text = (await town.call("notify", "GET", "/metrics", partner=None)).text
        lines = [line for line in text.splitlines() if "parked_" in line and line.endswith(tuple("0123456789"))]
        return {
            line.split("{")[0].removeprefix("zhicheng_"): float(line.split()[-1]) for line in lines if "notify" in line
        }

    async def are_right() -> bool:
        found = await shown()
        return (found["parked_keys"], found["parked_events"]) == (3, 4) and found["oldest_parked_seconds"] > 0

    await until(are_right, seconds=LONG)
