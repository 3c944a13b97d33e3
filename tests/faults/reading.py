"""Reads what the checker needs: public APIs, topics, stores. Nothing of it changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import httpx

from chassis import parked
from chassis.adapters import open_bus, open_store
from chassis.bus import Received
from chassis.store import Store
from contracts.topics import topics
from tests.faults.checker import heard_by_all, outboxes_empty
from tests.faults.observed import Accepted, Kept, Observed, Parked, Said

COLLECTIONS = {
    "intake": "cases",
    "equivalence": "assessed_cases",
    "competition": "assessed_cases",
    "notify": "cases_told",
}
INJECTED = "x-injected"  # header of records that a test put into a topic itself
AT_ONCE = 8
MOST = 100_000


class Api(Protocol):
    """What a partner can read; `local.partner.Partner` is one."""

    async def request(self, service: str, method: str, path: str, **more: Any) -> httpx.Response: ...

    async def timeline(self, case_id: str) -> list[dict[str, Any]]: ...

    async def messages(self, case_id: str) -> list[dict[str, Any]]: ...


class Stores:
    """The four stores, read from outside. `urls`: by service; `without`: keys whose documents are left out."""

    def __init__(self, urls: Mapping[str, str], *, without: Collection[str] = ()) -> None:
        self._without = without
        self._urls = {
            name: f"{url.partition('?')[0]}?mode=ro" if url.startswith("sqlite:") else url for name, url in urls.items()
        }
        self._open: dict[str, Store] = {}

    async def __aenter__(self) -> Stores:
        for name, url in self._urls.items():
            self._open[name] = await open_store(url)
        return self

    async def __aexit__(self, *_: object) -> None:
        for store in self._open.values():
            await store.close()

    async def unsent(self) -> dict[str, int]:
        return {name: await store.pending_depth(MOST) for name, store in self._open.items()}

    async def parked(self) -> list[Parked]:
        return [
            Parked(name, entry.data["key"], entry.data["reason"])
            for name, store in self._open.items()
            for entry in await store.find(parked.COLLECTION, {}, limit=MOST)
        ]

    async def documents(self) -> dict[str, dict[str, Kept]]:
        return {
            name: {
                document.id: Kept(document.emitted, document.seen, document.data)
                for document in await store.find(COLLECTIONS[name], {}, limit=MOST)
                if document.id not in self._without
            }
            for name, store in self._open.items()
        }

    async def told(self, case_ids: Collection[str]) -> set[str]:
        """Those of them that have a message record about a determination."""
        found = await self._open["notify"].get_many(COLLECTIONS["notify"], [*case_ids])
        return {
            case_id
            for case_id, document in found.items()
            if any(message["step"] == "determined" for message in document.data.get("messages") or ())
        }

    async def under_way(self) -> str | None:
        """What is still moving: an outbox, an event that somebody has not heard, a message, a case. None: nothing.

        What is parked moves no more.
        """
        documents, unsent = await self.documents(), await self.unsent()
        stuck = {entry.key for entry in await self.parked()}
        moving = [*outboxes_empty(Observed({}, unsent=unsent))]
        moving += heard_by_all(Observed({}, documents=documents))
        for case_id, kept in documents["notify"].items():
            moving += [
                f"case {case_id} has a message about {one['step']} that is {one['state']}"
                for one in kept.data.get("messages") or ()
                if one["state"] in ("queued", "sending")
            ]
        moving += [
            f"case {id} is waiting" for id, kept in documents["intake"].items() if kept.data["status"] == "waiting"
        ]
        return next((line for line in moving if not any(key in line for key in stuck)), None)


async def observe(
    accepted: Mapping[str, Accepted],
    api: Api,
    store_urls: Mapping[str, str],
    bus_url: str,
    *,
    unanswered: int = 0,
    mail_url: str | None = None,
    without: Collection[str] = (),
) -> Observed:
    """`mail_url`: the API of Mailpit, when mail goes there.

    Records with the header `x-injected` are left out, and so is what services said of the keys in `without`.
    """
    async with Stores(store_urls, without=without) as stores:
        documents, unsent, parked_ = await stores.documents(), await stores.unsent(), await stores.parked()
    cases: dict[str, Any] = {}
    timelines: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    todo = [*accepted]

    async def reader() -> None:
        while todo:
            case_id = todo.pop()
            answer = await api.request("intake", "GET", f"/v1/applications/{case_id}")
            if answer.status_code == 404:
                continue
            cases[case_id] = answer.json()
            timelines[case_id] = await api.timeline(case_id)
            messages[case_id] = await api.messages(case_id)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(reader())
    return Observed(
        accepted,
        cases,
        timelines,
        messages,
        documents,
        [each for each in await _said(bus_url) if each.key not in without],
        unsent,
        parked_,
        unanswered,
        await _mails(mail_url) if mail_url else None,
    )


async def _said(bus_url: str) -> list[Said]:
    bus = await open_bus(bus_url)
    try:
        found = [record for topic in topics() for record in await bus.read_all(topic.name)]
    finally:
        await bus.close()
    ours = [record for record in found if record.header(INJECTED) is None]
    return [_one(record) for record in sorted(ours, key=lambda one: (one.partition, one.offset))]


def _one(record: Received) -> Said:
    return Said(
        record.topic,
        record.partition.number,
        record.offset,
        record.key,
        int(record.header("ce_sequence") or 0),
        record.header("ce_type") or "",
        record.header("ce_id") or "",
        record.value,
    )


async def _mails(url: str) -> dict[str, int]:
    found: dict[str, int] = {}
    async with httpx.AsyncClient(base_url=url, timeout=90.0, trust_env=False) as client:
        start = 0
        while page := (await client.get("/messages", params={"start": start, "limit": 500})).json()["messages"]:
            for mail in page:
                id = mail["MessageID"].partition("@")[0]
                found[id] = found.get(id, 0) + 1
            start += len(page)
    return found
