"""Sending held, as after a restore: messages wait, what is erased meanwhile is never sent, the rest goes out later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chassis import metrics
from tests.filings import a_filing, another_person
from tests.town import Town
from tests.waiting import until

SECONDS = 90.0


def held() -> float | None:
    return metrics.REGISTRY.get_sample_value("zhicheng_sending_held", {"service": "notify"})


async def states(town: Town, case_id: str) -> list[str]:
    answer = await town.call("notify", "GET", "/v1/deliveries", params={"case_id": case_id})
    return [one["state"] for one in answer.json()["items"]]


async def troubles(town: Town) -> dict[str, str]:
    answer = (await town.call("notify", "GET", "/readyz", partner=None)).json()
    assert answer["ready"]
    found: dict[str, str] = answer["troubles"]
    return found


async def test_what_is_erased_while_sending_is_held_is_never_sent_and_the_rest_is_sent_later(tmp_path: Path) -> None:
    sending: dict[str, Any] = {"sending": "held"}
    async with Town(tmp_path, settings={"notify": sending}) as town:
        kept, erased = [(await town.submit(a_filing(person=another_person()))).json()["case_id"] for _ in range(2)]

        async def queued() -> bool:
            return all([await states(town, case_id) == ["queued", "queued"] for case_id in (kept, erased)])

        await until(queued, seconds=SECONDS)
        assert "NOTIFY_SENDING=held" in (await troubles(town))["halted-sending"]
        assert held() == 1
        await town.call("intake", "DELETE", f"/v1/applications/{erased}/personal-data")

        async def cancelled() -> bool:
            return await states(town, erased) == ["cancelled", "cancelled"]

        await until(cancelled, seconds=SECONDS)
        assert not town.outbox.exists()

        await town.stop("notify")
        sending["sending"] = "on"
        await town.start("notify")

        async def delivered() -> bool:
            return await states(town, kept) == ["delivered", "delivered"]

        await until(delivered, seconds=SECONDS)
        assert await states(town, erased) == ["cancelled", "cancelled"]
        assert len(list(town.outbox.iterdir())) == 2
        assert "halted-sending" not in await troubles(town)
        assert held() == 0
