"""Result files over HTTP: whole or not at all, and no number of a person anywhere."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.envelope import to_record
from chassis.holding import Limits
from chassis.pseudonyms import Pseudonyms
from chassis.running import Running
from chassis.sealing import format_keys
from contracts.events import CompetitionAssessed
from services.competition import main
from services.competition.result_file import ResultFile
from services.competition.settings import Settings
from services.competition.store import CHANGES, PROJECTS, REGISTER
from services.competition.use_cases.imports import FileIdReused
from tests.competition.office import (
    EDITION,
    KEY,
    a_file,
    a_member_row,
    a_number,
    a_row,
    an_office,
    case_id_of,
    submitted,
)
from tests.waiting import until

CLIENTS = {
    "organiser": ["register:import"],
    "rival": ["register:import"],
    "reader": ["applications:read"],
}


class House:
    def __init__(self, running: Running, secrets_: dict[str, str]) -> None:
        self.running = running
        self._secrets = secrets_
        transport = httpx.ASGITransport(app=running.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://competition")

    async def call(self, method: str, path: str, *, by: str | None = "organiser", **more: Any) -> httpx.Response:
        return await self.client.request(method, path, auth=(by, self._secrets[by]) if by else None, **more)

    async def take(self, file: dict[str, Any], *, by: str | None = "organiser") -> httpx.Response:
        return await self.call("POST", "/v1/register/imports", by=by, json=file)

    async def changes(self) -> int:
        return await self.running.store.count(CHANGES, {})


@asynccontextmanager
async def a_house(folder: Path, **settings: Any) -> AsyncIterator[House]:
    known = {name: secrets.token_urlsafe(32) for name in CLIENTS}
    clients = [
        {
            "id": name,
            "partner": f"partner-{name}",
            "scopes": CLIENTS[name],
            "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "created": "2026-01-01T00:00:00.000Z",
        }
        for name, secret in known.items()
    ]
    (folder / "callers.json").write_text(json.dumps({"clients": clients}))
    values: dict[str, Any] = {
        "environment": "test",
        "store_url": f"sqlite:{folder}/competition.db",
        "bus_url": f"local:{folder}/bus.db",
        "callers_file": folder / "callers.json",
        "pseudonym_keys": format_keys({"p1": KEY}),
        "sweep_seconds": 3600.0,
    }
    running = Running(Settings(**(values | settings)), main.build, name="competition", limits=Limits(poll_seconds=0.05))
    await running.start()
    house = House(running, known)
    try:
        yield house
    finally:
        await house.client.aclose()
        await running.stop()


async def test_a_file_is_registered_and_named_with_the_version_it_made(tmp_path):
    async with a_house(tmp_path) as house:
        answer = await house.take(a_file(a_row("P-1"), a_row("P-2", stage="preliminary")))

        assert answer.status_code == 201
        told = answer.json()
        assert (told["status"], told["rows"], told["register_version"]) == ("applied", 2, 3)
        read = await house.call("GET", f"/v1/register/imports/{told['import_id']}")
        assert read.json() == told


async def test_the_same_file_again_gets_the_same_answer_and_changes_nothing(tmp_path):
    async with a_house(tmp_path) as house:
        file = a_file(a_row("P-1"))
        first = await house.take(file)
        await house.take(a_file(a_row("P-2"), file_id="f-2"))

        again = await house.take(file)

        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert await house.changes() == 4


async def test_another_content_under_a_used_file_id_is_refused(tmp_path):
    async with a_house(tmp_path) as house:
        await house.take(a_file(a_row("P-1")))

        answer = await house.take(a_file(a_row("P-2")))

        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:problem:competition:file-id-reused"
        assert await house.running.store.get(PROJECTS, f"{EDITION}/P-2") is None


async def test_the_file_ids_of_two_organisers_do_not_meet(tmp_path):
    async with a_house(tmp_path) as house:
        mine = (await house.take(a_file(a_row("P-1")))).json()["import_id"]

        other = await house.take(a_file(a_row("P-2")), by="rival")

        assert other.status_code == 201
        hidden = await house.call("GET", f"/v1/register/imports/{mine}", by="rival")
        unknown = await house.call("GET", "/v1/register/imports/i_00000000000000000000000000000000", by="rival")
        assert (hidden.status_code, unknown.status_code) == (404, 404)


def a_bad_number() -> str:
    number = a_number()
    return number[:-1] + ("0" if number[-1] != "0" else "1")


BAD_ROWS = {
    "rows[1].team[0].identity_documents[0].number checksum": a_row("P-2", a_member_row(a_bad_number())),
    "rows[1].team[0].identity_documents[0].number format": a_row("P-2", a_member_row("12345")),
    "rows[1].team[0].identity_documents[0].type type": a_row(
        "P-2", {"identity_documents": [{"type": "library-card", "number": "1"}], "role": "member"}
    ),
    "rows[1].team[0].identity_documents too-few": a_row("P-2", {"identity_documents": [], "role": "member"}),
    "rows[1].team[0].role one-of": a_row("P-2", a_member_row(a_number(), role="boss")),
    "rows[1].team[0].disputed contradicts-confirmed": a_row(
        "P-2", a_member_row(a_number(), confirmed=True, disputed=True)
    ),
    "rows[1].team[1].identity_documents repeated": a_row("P-2", *[a_member_row("990000199006150027")] * 2),
    "rows[1].track unknown": a_row("P-2", track="2023-digital-rd"),
    "rows[1].stage one-of": a_row("P-2", stage="won"),
    "rows[1].project_id repeated": a_row("P-1"),
    "rows[1].project_id pattern": a_row("a project of ours"),
    "rows[1].project_id long-number": a_row("p.99000019950719006X"),
    "rows[1].award long-number": a_row("P-2", award="E12345678"),
    "rows[1] unknown-field": a_row("P-2", name="Zhang"),
}


@pytest.mark.parametrize("broken", BAD_ROWS)
async def test_a_bad_row_refuses_the_whole_file_and_is_named(tmp_path, broken: str):
    async with a_house(tmp_path) as house:
        before = await house.changes()

        answer = await house.take(a_file(a_row("P-1"), BAD_ROWS[broken]))

        field, _, rule = broken.partition(" ")
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "rule": rule}]
        assert await house.changes() == before
        assert await house.running.store.count(PROJECTS, {}) == 0


async def test_every_bad_row_is_named_at_once_and_no_value_is_echoed(tmp_path):
    async with a_house(tmp_path) as house:
        numbers = [a_bad_number() for _ in range(3)]

        answer = await house.take(a_file(*(a_row(f"P-{n}", a_member_row(bad)) for n, bad in enumerate(numbers))))

        assert [error["field"] for error in answer.json()["errors"]] == [
            f"rows[{n}].team[0].identity_documents[0].number" for n in range(3)
        ]
        assert not [number for number in numbers if number in answer.text]


async def test_an_edition_that_is_not_registered_is_named(tmp_path):
    async with a_house(tmp_path) as house:
        answer = await house.take(a_file(a_row("P-1"), edition="sh-ymec-2030"))

        assert answer.json()["errors"] == [{"field": "edition", "rule": "unknown"}]


async def test_no_identity_number_is_kept_logged_or_told(tmp_path, caplog):
    """INVARIANT: numbers become pseudonyms at the door; the search would find one that slipped through."""
    caplog.set_level("DEBUG")
    async with a_house(tmp_path) as house:
        number = a_number()
        answer = await house.take(a_file(a_row("MARK-123", a_member_row(number), a_member_row(a_number()))))
        stored = b"".join([part async for part in house.running.store.dump()])

        assert b"MARK-123" in stored
        assert number.encode() not in stored
        assert number not in caplog.text + answer.text
        assert Pseudonyms({"p1": KEY}).of("resident-id", number)[0].encode() in stored


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("reader", 403)])
async def test_only_clients_with_the_scope_import(tmp_path, by: str | None, status: int):
    async with a_house(tmp_path) as house:
        answer = await house.take(a_file(a_row("P-1")), by=by)

        assert answer.status_code == status


async def test_a_file_that_is_too_large_is_refused(tmp_path):
    async with a_house(tmp_path, max_body_kb=4) as house:
        answer = await house.take(a_file(*(a_row(f"P-{n}") for n in range(60))))

        assert answer.status_code == 413


async def test_published_facts_are_for_everybody_and_hold_no_person(tmp_path):
    async with a_house(tmp_path, synthetic_rosters=True) as house:
        await house.take(a_file(a_row("P-1")))

        answer = await house.call("GET", "/v1/register/editions", by=None)

        told = answer.json()
        assert [entry["facts"]["id"] for entry in told["editions"]] == ["sh-ymec-2023", "sh-ymec-2024"]
        assert told["register"]["version"] == (await house.running.store.get(REGISTER, "head")).data["number"]
        assert told["editions"][1]["known"] == {
            "results": "partial",
            "projects": 1,
            "of_total": 480,
            "synthetic_projects": 4,
        }
        assert told["editions"][0]["known"]["results"] == "none"
        assert "p1." not in answer.text
        one = await house.call("GET", "/v1/register/editions/sh-ymec-2024", by=None)
        assert one.json() == told["editions"][1]
        assert (await house.call("GET", "/v1/register/editions/sh-ymec-2030", by=None)).status_code == 404


async def test_an_import_wakes_the_sweep_and_the_new_answer_reaches_the_topic(tmp_path):
    async with a_house(tmp_path) as house:
        me = a_number()
        event = submitted("case", me, (EDITION, "P-1", "technical-lead"))
        record = to_record(
            event,
            sequence=1,
            source="/intake",
            time="2026-11-24T10:00:00.000Z",
            partner_id="filer",
            correlation_id="c",
            causation_id="",
        )
        await house.running.bus.publish([record])

        async def said() -> list[CompetitionAssessed]:
            found = await house.running.bus.read_all(CompetitionAssessed.TOPIC)
            return [CompetitionAssessed.model_validate_json(one.value or b"") for one in found]

        async def first() -> bool:
            return len(await said()) == 1

        async def second() -> bool:
            return len(await said()) == 2

        await until(first)
        assert (await house.take(a_file(a_row("P-1", a_member_row(me))))).status_code == 201
        await until(second)
        assert [(one.case_id, one.number, one.answer.status) for one in await said()] == [
            (case_id_of("case"), 1, "open-if"),
            (case_id_of("case"), 2, "open"),
        ]


async def test_the_same_file_is_known_again_while_keys_change(tmp_path):
    """The digest of a file holds pseudonyms: it is compared under a key that both readings had."""
    other = bytes(range(1, 33))
    file = a_file(a_row("P-1"))
    async with an_office(tmp_path) as office:
        first = await office.take(file)
    async with an_office(tmp_path, pseudonyms=Pseudonyms({"p2": other, "p1": KEY})) as office:
        assert (await office.take(file)).id == first.id
        with pytest.raises(FileIdReused):
            await office.take(a_file(a_row("P-1")))


async def test_a_person_imported_under_the_old_key_is_met_by_a_case_under_both(tmp_path):
    me = a_number()
    both = Pseudonyms({"p2": bytes(range(1, 33)), "p1": KEY})
    async with an_office(tmp_path) as office:
        await office.take(a_file(a_row("P-1", a_member_row(me))))
    async with an_office(tmp_path, pseudonyms=both) as office:
        event = submitted("case", me, (EDITION, "P-1", "technical-lead"))
        person = tuple(both.of("resident-id", me))
        await office.hears(event.model_copy(update={"person": person}))

        assert (await office.newest(event.case_id)).answer.status == "open"


async def test_spaces_and_full_width_signs_are_the_same_number(tmp_path):
    async with an_office(tmp_path) as office:
        me = "99000019950719006X"
        spelled = "９９００００ 19950719 006x"
        await office.take(a_file(a_row("P-1", a_member_row(spelled))))
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))

        assert (await office.newest(case_id_of("case"))).answer.status == "open"


async def test_what_was_once_complete_stays_complete(tmp_path):
    async with an_office(tmp_path) as office:
        await office.take(a_file(a_row("P-1"), results="complete"))
        await office.take(a_file(a_row("P-1"), file_id="f-2"))
        await office.hears(submitted("case", a_number(), (EDITION, "P-9", "member")))

        answer = (await office.newest(case_id_of("case"))).answer
        assert (answer.status, answer.missing[0].code) == ("closed", "project-not-in-register")


def test_a_file_names_its_organiser_by_an_id_and_not_by_free_text():
    with pytest.raises(ValueError, match="organiser"):
        ResultFile.model_validate(a_file(a_row("P-1"), organiser="Zhang San, phone 123"))
