"""Messages that were given up: officers see them and have them sent again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from services.notify.channels import Permanent
from tests.notify.builders import (
    CASE,
    EMAIL,
    Corner,
    Inbox,
    amended,
    case_id,
    determined,
    erased,
    sealed,
    submitted,
    withdrawn,
)
from tests.notify.test_api import api

__all__ = ["api"]

OFFICER = ("officer", "secret")
WHY = "The server of the hospital was replaced."


async def a_given_up_message(corner: Corner, api: httpx.AsyncClient) -> dict[str, Any]:
    await corner.hear(submitted())
    await corner.sweep(Inbox(Permanent("smtp-550")))()
    [item] = (await api.get("/v1/officer/deliveries", auth=OFFICER)).json()["items"]
    found: dict[str, Any] = item
    return found


async def resend(api: httpx.AsyncClient, item: dict[str, Any], reason: str = WHY) -> httpx.Response:
    order = {"given_up_at": item["given_up_at"], "reason": reason}
    return await api.post(f"/v1/officer/deliveries/{item['message_id']}/resend", json=order, auth=OFFICER)


async def test_officers_see_what_was_given_up_of_all_partners_and_no_address(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted(), partner="partner-2")
    corner.clock.pass_seconds(5)
    await corner.hear(submitted(case_id(1)), determined(case_id(1)))
    await corner.sweep(Inbox(Permanent("smtp-550"), None, Permanent("smtp-553")), at_once=1)()

    answer = await api.get("/v1/officer/deliveries", auth=OFFICER)

    first, second = answer.json()["items"]
    assert (first["case_id"], first["step"], first["reason"]) == (CASE, "received", "smtp-550")
    assert (second["case_id"], second["step"], second["determination"]) == (case_id(1), "determined", 1)
    assert first["given_up_at"] == corner.clock.now()
    assert EMAIL not in answer.text


async def test_pages_of_given_up_messages_hold_each_once_oldest_first(corner: Corner, api: httpx.AsyncClient):
    for number in range(5):
        await corner.hear(submitted(case_id(number)))
        corner.clock.pass_seconds(number % 2)
    await corner.sweep(Inbox(*[Permanent("smtp-550")] * 5))()
    seen: list[str] = []
    cursor: dict[str, str] = {}

    while True:
        page = (await api.get("/v1/officer/deliveries", params={"limit": 2, **cursor}, auth=OFFICER)).json()
        seen += [item["case_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert sorted(seen) == sorted(case_id(number) for number in range(5))


async def test_a_given_up_message_is_sent_again_and_says_who_wanted_it_and_why(corner: Corner, api: httpx.AsyncClient):
    item = await a_given_up_message(corner, api)
    corner.clock.pass_seconds(60)

    answer = await resend(api, item)

    assert answer.status_code == 202, answer.text
    assert (answer.json()["state"], answer.json()["attempts"], answer.json()["given_up_at"]) == ("queued", 0, None)
    [noted] = answer.json()["resends"]
    assert noted == {"given_up_at": item["given_up_at"], "by": "officer", "at": corner.clock.now(), "reason": WHY}
    assert (await api.get("/v1/officer/deliveries", auth=OFFICER)).json()["items"] == []
    inbox = Inbox()
    await corner.sweep(inbox)()
    assert [mail.message_id for mail in inbox.mails] == [item["message_id"]]
    assert await corner.states() == {"received": "delivered"}
    assert await corner.said() == ["notify.message.waiting", "notify.message.delivered"]


async def test_the_same_order_again_sends_nothing_twice_before_and_after_the_message_has_gone(
    corner: Corner, api: httpx.AsyncClient
):
    item = await a_given_up_message(corner, api)

    at_once = await asyncio.gather(*(resend(api, item) for _ in range(5)))
    inbox = Inbox()
    await corner.sweep(inbox)()
    later = await resend(api, item)
    await corner.sweep(inbox)()

    assert {answer.status_code for answer in (*at_once, later)} == {202}
    assert later.json()["state"] == "delivered"
    assert len(later.json()["resends"]) == len(inbox.mails) == 1


async def test_what_is_given_up_once_more_needs_an_order_of_its_own(corner: Corner, api: httpx.AsyncClient):
    first = await a_given_up_message(corner, api)
    corner.clock.pass_seconds(60)
    await resend(api, first)
    await corner.sweep(Inbox(Permanent("smtp-550")))()

    repeated = await resend(api, first)
    [again] = (await api.get("/v1/officer/deliveries", auth=OFFICER)).json()["items"]
    assert repeated.json()["state"] == "waiting"
    assert again["given_up_at"] != first["given_up_at"]

    assert (await resend(api, again)).json()["state"] == "queued"
    assert len((await corner.case()).messages[0].resends) == 2


async def test_a_corrected_address_is_used(corner: Corner, api: httpx.AsyncClient):
    item = await a_given_up_message(corner, api)
    await corner.hear(amended(contact=sealed(revision=2, email="new@example.test")))

    await resend(api, item)
    inbox = Inbox()
    await corner.sweep(inbox)()

    assert {mail.recipient for mail in inbox.mails} == {"new@example.test"}
    assert await corner.states() == {"received": "delivered", "amended2": "delivered"}


async def test_only_what_was_given_up_then_is_sent_again(corner: Corner, api: httpx.AsyncClient):
    item = await a_given_up_message(corner, api)
    at_another_time = await resend(api, item | {"given_up_at": "2020-01-01T00:00:00.000Z"})
    nobodys = await resend(api, item | {"message_id": "m_" + "f" * 32})
    await corner.hear(withdrawn())
    withdrawn_since = await resend(api, item)

    assert [at_another_time.status_code, withdrawn_since.status_code, nobodys.status_code] == [409, 409, 404]
    assert at_another_time.json()["type"] == "urn:problem:notify:not-given-up"
    assert withdrawn_since.json()["message_state"] == "cancelled"


async def test_an_order_needs_its_scope_and_a_reason_which_an_erasure_takes_away(
    corner: Corner, api: httpx.AsyncClient
):
    item = await a_given_up_message(corner, api)
    path = f"/v1/officer/deliveries/{item['message_id']}/resend"
    order = {"given_up_at": item["given_up_at"], "reason": WHY}

    assert (await api.post(path, json=order)).status_code == 403
    assert (await api.get("/v1/officer/deliveries")).status_code == 403
    refused = await api.post(path, json=order | {"reason": ""}, auth=OFFICER)
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"field": "reason", "rule": "too-short"}])

    await resend(api, item)
    await corner.hear(erased())
    assert "hospital" not in str((await corner.document()).data)
    assert (await resend(api, item)).json()["resends"][0]["reason"] is None
