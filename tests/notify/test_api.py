import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from chassis.adapters import open_bus
from chassis.callers import CallersFile
from chassis.health import Health
from chassis.service import Infra
from chassis.web import create_app
from services.notify.channels import Permanent
from services.notify.main import build
from tests.notify.builders import CASE, NUMBER, Corner, Inbox, case_id, determined, erased, submitted, withdrawn
from tests.notify.test_settings import some_settings


@pytest_asyncio.fixture
async def api(corner: Corner, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The real application over the corner's store; the client of partner-1 calls unless told otherwise."""
    clients = [
        {
            "id": partner,
            "partner": partner,
            "scopes": scopes,
            "secret_sha256": hashlib.sha256(b"secret").hexdigest(),
            "created": "2026-01-01T00:00:00.000Z",
        }
        for partner, scopes in (
            ("partner-1", ["deliveries:read"]),
            ("partner-2", ["deliveries:read"]),
            ("writer", ["applications:write"]),
            ("officer", ["officer:read", "deliveries:resend"]),
        )
    ]
    (tmp_path / "callers.json").write_text(json.dumps({"clients": clients}))
    settings = some_settings(outbox_dir=tmp_path / "outbox")
    bus = await open_bus(f"local:{tmp_path}/bus.db")
    infra = Infra(corner.store, bus, corner.clock, CallersFile(tmp_path / "callers.json"), corner.author, Health())
    app = create_app(build(settings, infra), infra, settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notify", auth=("partner-1", "secret")) as client:
        yield client
    await bus.close()


async def test_each_message_is_listed_with_state_and_text(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted(), determined())
    await corner.sweep(Inbox(None, Permanent("smtp-550")))()

    answer = await api.get("/v1/deliveries", params={"case_id": CASE})

    assert answer.status_code == 200
    received, told = answer.json()["items"]
    assert (received["step"], received["state"], received["attempts"], received["reason"]) == (
        "received",
        "delivered",
        1,
        None,
    )
    assert (told["step"], told["determination"], told["state"], told["reason"]) == (
        "determined",
        1,
        "waiting",
        "smtp-550",
    )
    assert told["template_version"] == 1
    assert NUMBER in told["preview"]["en"]["subject"]
    assert "高级会计师" in told["preview"]["zh"]["text"]
    assert "example.test" not in answer.text
    assert all(item["due_at"] is None and item["ended_at"] for item in (received, told))


async def test_one_message_is_found_by_its_id(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted(), determined())
    [_, message] = (await corner.case()).messages

    answer = await api.get(f"/v1/deliveries/{message.id}")

    assert answer.status_code == 200
    assert answer.json()["message_id"] == message.id
    assert answer.json()["step"] == "determined"


async def test_messages_of_another_partner_are_like_those_that_do_not_exist(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted())
    [message] = (await corner.case()).messages
    other = ("partner-2", "secret")
    correlated = {"X-Correlation-Id": "0" * 32}

    theirs = await api.get(f"/v1/deliveries/{message.id}", auth=other, headers=correlated)
    nobodys = await api.get(f"/v1/deliveries/m_{'f' * 32}", auth=other, headers=correlated)

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.headers["content-type"] == "application/problem+json"
    assert theirs.text.replace(message.id, "m") == nobodys.text.replace(f"m_{'f' * 32}", "m")
    assert (await api.get("/v1/deliveries", auth=other)).json()["items"] == []
    assert (await api.get("/v1/deliveries", params={"case_id": CASE}, auth=other)).json()["items"] == []


async def test_a_client_without_the_scope_is_refused(api: httpx.AsyncClient):
    for path in ("/v1/deliveries", f"/v1/deliveries/m_{'0' * 32}"):
        assert (await api.get(path, auth=("writer", "secret"))).status_code == 403
        assert (await api.get(path, auth=("writer", "wrong"))).status_code == 401


async def test_pages_hold_every_case_once_newest_first(corner: Corner, api: httpx.AsyncClient):
    for number in range(7):
        corner.clock.pass_seconds(number % 2)  # some in the same instant
        await corner.hear(submitted(case_id(number)), determined(case_id(number)))
    seen: list[tuple[str, str]] = []
    cursor = None

    while True:
        page = (await api.get("/v1/deliveries", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [(item["created_at"], item["case_id"]) for item in page["items"]]
        corner.clock.pass_seconds(1)
        await corner.hear(submitted(case_id(100 + len(seen))))  # new ones come in front and disturb nothing
        if (cursor := page["next_cursor"]) is None:
            break

    cases = list(dict.fromkeys(case for _, case in seen))
    assert len(seen) == 14
    assert set(cases) == {case_id(number) for number in range(7)}
    assert [at for at, _ in seen] == sorted((at for at, _ in seen), reverse=True)


async def test_the_list_can_be_narrowed_to_a_state(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted(), determined())
    await corner.sweep(Inbox(None, Permanent("smtp-550")))()
    await corner.hear(submitted(case_id(1)))

    async def steps(state: str) -> list[str]:
        answer = await api.get("/v1/deliveries", params={"status": state})
        return [item["step"] for item in answer.json()["items"]]

    assert await steps("waiting") == ["determined"]
    assert await steps("delivered") == ["received"]
    assert await steps("queued") == ["received"]
    assert await steps("cancelled") == []


async def test_an_erased_case_shows_states_and_no_text(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted(), withdrawn(), erased())

    items = (await api.get("/v1/deliveries", params={"case_id": CASE})).json()["items"]

    assert [(item["step"], item["state"]) for item in items] == [("received", "cancelled"), ("withdrawn", "cancelled")]
    assert all(item["preview"] is None and item["case_number"] is None for item in items)


async def test_a_message_of_a_newer_release_is_listed_without_its_text(corner: Corner, api: httpx.AsyncClient):
    await corner.hear(submitted())
    document = await corner.document()
    newer = [message | {"template": 99} for message in document.data["messages"]]
    await corner.store.write([corner.author.change("cases_told", document, {"messages": newer})])

    [item] = (await api.get("/v1/deliveries", params={"case_id": CASE})).json()["items"]

    assert (item["template_version"], item["preview"]) == (99, None)


@pytest.mark.parametrize("params", [{"cursor": "xyz"}, {"status": "nonsense"}, {"limit": 0}, {"limit": 5000}])
async def test_what_is_asked_wrongly_is_a_problem_naming_the_field(api: httpx.AsyncClient, params):
    answer = await api.get("/v1/deliveries", params=params)

    assert answer.status_code == 422
    assert next(iter(params)) in answer.json()["errors"][0]["field"]
    assert "nonsense" not in answer.text
