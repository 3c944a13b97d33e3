"""Bad input gets a problem document that names field and rule, never the value, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_credit_code, make_resident_id
from tests.filings import a_cgma, a_filing, a_person
from tests.town import OTHER_PARTNER, Town

FORM = {"Content-Type": "application/json", "Idempotency-Key": "bad-input"}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    open_town = Town(tmp_path)
    await open_town.start("intake")
    yield open_town
    await open_town.stop("intake")


async def refused(town: Town, content: bytes, status: int) -> dict[str, Any]:
    answer = await town.call("intake", "POST", "/v1/applications", content=content, headers=FORM)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for collection in ("cases", "claims", "parked"):
        assert await town.services["intake"].store.count(collection, {}) == 0
    assert await town.events() == []
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    return problem


def text(**changes: Any) -> bytes:
    return json.dumps(a_filing(**changes), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (text()[:-1], "syntax"),
        (b'{"round":' + b"[" * 40 + b"]" * 40 + b"}", "too-deep"),
        (text()[:-1] + b',"round":"again"}', "repeated-key"),
        (text()[:-1] + b',"more":NaN}', "number"),
        (text()[:-1] + b',"more":-Infinity}', "number"),
        (text()[:-1] + b',"more":1e999}', "number"),
    ],
)
async def test_json_that_two_readers_could_read_differently_is_refused(town: Town, content: bytes, rule: str) -> None:
    problem = await refused(town, content, 400)
    [error] = problem["errors"]
    assert rule in error["rule"]


def a_document(type: str, number: str) -> dict[str, Any]:
    return {"person": a_person(documents=[{"type": type, "number": number}])}


def an_employer(**changes: Any) -> dict[str, Any]:
    return {"employer": {"name": "测试有限公司", "code": make_credit_code(), "kind": "company"} | changes}


GOOD = make_resident_id()
WRONG = GOOD[:-1] + ("1" if GOOD[-1] != "1" else "2")
BAD_CODE = make_credit_code()[:-1] + ("1" if make_credit_code()[-1] != "1" else "2")
JOB = {"from": "2020-01", "to": None, "in_shanghai": True, "in_field": True}


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        (a_document("resident-id", WRONG), "person.identity_documents[0].number", "checksum"),
        (a_document("hmt-residence-permit", "810000199809020130"), "person.identity_documents[0].number", "checksum"),
        (a_document("resident-id", GOOD[:-1]), "person.identity_documents[0].number", "format"),
        (
            a_document("foreign-permanent-residence", "911124198108030025"),
            "person.identity_documents[0].number",
            "checksum",
        ),
        (
            {
                "person": a_person(
                    documents=[{"type": "passport", "number": "L898902C3", "mrz_check": "5"}],
                )
            },
            "person.identity_documents[0].number",
            "checksum",
        ),
        ({"person": a_person(documents=[]) | {"identity_documents": []}}, "person.identity_documents", "too-few"),
        (an_employer(code=BAD_CODE), "employer.code", "checksum"),
        (an_employer(code=BAD_CODE, code_override={}), "employer.code_override.reason", "required"),
        (an_employer(code=BAD_CODE, code_override={"reason": " "}), "employer.code_override.reason", "empty"),
        (
            {"education": [{"degree": "bachelor", "field": "law", "awarded": "2024-06-02"}]},
            "education[0].awarded",
            "after-today",
        ),
        ({"certificates": [a_cgma(issued="2024-06-02")]}, "certificates[0].issued", "after-today"),
        (
            {"titles": [{"series": "engineering", "level": "intermediate", "appointed": "2024-06-02"}]},
            "titles[0].appointed",
            "after-today",
        ),
        ({"work": [JOB | {"from": "2024-07"}]}, "work[0].from", "after-today"),
        ({"work": [JOB, JOB | {"to": "2019-12"}]}, "work[1].to", "ends-before-start"),
        ({"certificates": [a_cgma(body="")]}, "certificates[0].body", "too-short"),
        ({"certificates": [{k: v for k, v in a_cgma().items() if k != "name"}]}, "certificates[0].name", "required"),
        ({"certificates": [{k: v for k, v in a_cgma().items() if k != "grade"}]}, "certificates[0].grade", "required"),
        ({"declarations": {"truthful": False}}, "declarations.truthful", "must-be-true"),
        ({"round": "no-such-round"}, "round", "unknown"),
        ({"round": "demo-2026"}, "round", "not-open"),
        ({"roads": ["ordinary", "shortcut"]}, "roads[1]", "one-of"),
        ({"a secret": "of somebody"}, "body", "unknown-field"),
    ],
)
async def test_a_broken_rule_is_named_with_its_field(
    town: Town, changes: dict[str, Any], field: str, rule: str
) -> None:
    problem = await refused(town, text(**changes), 422)
    assert {"field": field, "rule": rule} in problem["errors"]
    assert "secret" not in json.dumps(problem)


@pytest.mark.parametrize("region", ["310101", "999999", "000000", "110100"])
async def test_a_region_code_is_never_a_reason(town: Town, region: str) -> None:
    person = a_person(documents=[{"type": "resident-id", "number": make_resident_id(region=region)}])
    answer = await town.submit(a_filing(person=person))
    assert answer.status_code == 202, answer.text


async def test_a_code_that_fails_its_check_is_taken_with_a_reason(town: Town) -> None:
    answer = await town.submit(a_filing(**an_employer(code=BAD_CODE, code_override={"reason": "营业执照如此"})))
    assert answer.status_code == 202, answer.text


async def test_five_mebibytes_are_refused_and_leave_nothing(town: Town) -> None:
    problem = await refused(town, text(partner_reference="x" * 5 * 1024 * 1024), 413)
    assert problem["limit_bytes"] == 256 * 1024


async def test_a_repeated_key_with_another_body_is_refused_and_the_first_stands(town: Town) -> None:
    filing = a_filing()
    first = await town.submit(filing, key="one-and-only")
    other = await town.submit(a_filing(), key="one-and-only")
    again = await town.submit(filing, key="one-and-only")

    assert (first.status_code, other.status_code, again.status_code) == (202, 422, 202)
    assert other.json()["type"] == "urn:problem:intake:idempotency-key-reused"
    assert again.json() == first.json()
    store = town.services["intake"].store
    assert await store.count("cases", {}) == 1
    assert await store.count("claims", {}) == 3


async def test_a_missing_key_is_named(town: Town) -> None:
    answer = await town.call("intake", "POST", "/v1/applications", json=a_filing())
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "header.Idempotency-Key", "rule": "required"}]


@pytest.mark.parametrize(
    ("method", "end", "more"),
    [
        ("GET", "", {}),
        ("GET", "/timeline", {}),
        ("GET", "/filing", {}),
        ("PUT", "/filing", {"json": a_filing(), "headers": {"If-Match": '"1"'}}),
        ("POST", "/withdrawal", {"headers": {"If-Match": '"1"'}}),
        ("DELETE", "/personal-data", {}),
    ],
)
async def test_another_partners_case_is_one_that_does_not_exist_byte_for_byte(
    town: Town, method: str, end: str, more: dict[str, Any]
) -> None:
    case_id = (await town.submit(a_filing())).json()["case_id"]
    answers = []
    for id in (case_id, "c_" + "a" * 26):
        more = {**more, "headers": {**more.get("headers", {}), "X-Correlation-Id": "0123456789abcdef0123456789abcdef"}}
        answer = await town.call("intake", method, f"/v1/applications/{id}{end}", partner=OTHER_PARTNER, **more)
        assert answer.status_code == 404
        answers.append(answer.content.replace(id.encode(), b"ID"))
    assert answers[0] == answers[1]
