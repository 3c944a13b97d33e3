"""Examples of every event, one per branch of the rules that shape it, made by the running services.

`UPDATE_EXAMPLES=1 pytest tests/contracts/test_examples.py` writes them anew; otherwise a difference fails.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chassis.bus import Partition, Received
from chassis.envelope import Unreadable, decode
from chassis.handlers import Delivery
from contracts.events import BY_TYPE
from contracts.schemas import file_of
from contracts.topics import topics
from tests.filings import a_cgma, a_filing, a_person, an_engineer
from tests.subscriptions import subscriptions
from tests.town import OFFICER, Town
from tests.waiting import until

FOLDER = Path(__file__).parents[2] / "contracts" / "examples"
LEAD, CORE, DISPUTED = "990000198804120012", "990000199006150027", "990000198509230032"
PRELIMINARY, DISQUALIFIED = "990000198702080056", "99000019950719006X"

# What differs in each run, and the form that stands for it in an example.
VOLATILE = {
    "case_id": re.compile(r"c_[a-z2-7]{26}"),
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "sealed": re.compile(r"n1\.[A-Za-z0-9_-]{40,}"),
    "pseudonym": re.compile(r"p1\.[A-Za-z0-9_-]{43}"),
    "number": re.compile(
        r"2024-[0-9A-Y]{4}-[0-9A-Y]{4}-[0-9A-Y]{4}-[0-9A-Y]|2026-[0-9A-Y]{4}-[0-9A-Y]{4}-[0-9A-Y]{4}-[0-9A-Y]"
    ),
    "id": re.compile(r"\b([adem]_)[0-9a-f]{32}"),
    "digest": re.compile(r"sha256:[0-9a-f]{64}"),
    "trace": re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00"),
    "correlation": re.compile(r"\b[0-9a-f]{32}\b"),
}
FIXED = {
    "case_id": "c_" + "a" * 26,
    "instant": "2024-06-01T01:00:00.000Z",
    "sealed": "n1." + "A" * 43,
    "pseudonym": "p1." + "A" * 43,
    "number": "2024-0000-0000-0000-0",
    "id": r"\g<1>" + "0" * 32,
    "digest": "sha256:" + "0" * 64,
    "trace": "00-" + "0" * 32 + "-" + "0" * 16 + "-00",
    "correlation": "0" * 32,
}


def entry(project: str, role: str = "technical-lead", edition: str = "sh-ymec-2024") -> dict[str, Any]:
    return {"edition": edition, "project_id": project, "role": role}


def someone(number: str) -> dict[str, Any]:
    return a_person(documents=[{"type": "resident-id", "number": number}])


def a_doctor(**changes: Any) -> dict[str, Any]:
    education = [{"degree": "doctorate", "field": "accounting", "awarded": "2023-06-30"}]
    work = [{"from": "2024-01", "to": None, "in_shanghai": True, "in_field": True}]
    return a_filing(**{"education": education, "work": work} | changes)


def filings() -> Iterator[tuple[str, dict[str, Any]]]:
    """One filing per branch, by the name of the branch."""
    overseas = {"roads": ["overseas"]}
    yield "holder of class C, enough years", a_filing(**overseas)
    yield (
        "member of a lower grade",
        a_filing(**overseas, certificates=[a_cgma(body="ACCA", name="ACCA", grade="member", issued="2012-03-01")]),
    )
    yield "doctorate, a year short", a_doctor(**overseas)
    yield "no certificate", a_filing(**overseas, certificates=[])
    yield "certificate of no vocabulary", a_filing(**overseas, certificates=[a_cgma(body="Some", name="Thing")])
    yield (
        "holder of an arrangement",
        a_filing(**overseas, certificates=[a_cgma(body="HKICPA", name="HKICPA", grade="member", issued="2012-03-01")]),
    )
    yield (
        "public institution",
        a_filing(**overseas, employer=a_filing()["employer"] | {"kind": "public-institution", "free_post": False}),
    )
    yield "lapsed certificate", a_filing(**overseas, certificates=[a_cgma(lapses="2023-12-31")])
    contest = {"roads": ["competition"], "certificates": []}
    yield "lead of a finalist", a_filing(**contest, person=someone(LEAD), competitions=[entry("SYN-2024-001")])
    yield (
        "confirmed member of a finalist",
        a_filing(**contest, person=someone(CORE), competitions=[entry("SYN-2024-001", "core-member")]),
    )
    yield (
        "disputed role",
        a_filing(**contest, person=someone(DISPUTED), competitions=[entry("SYN-2024-002", "project-lead")]),
    )
    yield "preliminary only", a_filing(**contest, person=someone(PRELIMINARY), competitions=[entry("SYN-2024-003")])
    yield "disqualified", a_filing(**contest, person=someone(DISQUALIFIED), competitions=[entry("SYN-2024-004")])
    yield "project not known", a_filing(**contest, competitions=[entry("NOT-KNOWN")])
    yield "edition not known", a_filing(**contest, competitions=[entry("X-1", edition="sh-ymec-2031")])
    yield "ordinary road", an_engineer(round="demo-2024", roads=["ordinary"])
    yield (
        "ordinary road, years short",
        an_engineer(
            round="demo-2024",
            roads=["ordinary"],
            titles=[{"series": "engineering", "level": "intermediate", "appointed": "2022-01-15"}],
        ),
    )
    yield "every road", a_filing()


async def live(town: Town) -> dict[str, list[Received]]:
    """Events by the branch that made them."""
    named: dict[str, str] = {}
    for name, filing in filings():
        answer = await town.submit(filing)
        assert answer.status_code == 202, (name, answer.text)
        named[answer.json()["case_id"]] = name
    await town.idle()
    every = next(case_id for case_id, name in named.items() if name == "every road")
    path = f"/v1/applications/{every}"
    filing = (await town.call("intake", "GET", f"{path}/filing")).json()
    held = await town.submit(filing)
    named[held.json()["case_id"]] = "a second application"
    answer = await town.call(
        "intake", "PUT", f"{path}/filing", json=filing | {"partner_reference": "ref-2"}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200
    await town.idle()
    answer = await town.call("intake", "POST", f"{path}/withdrawal", headers={"If-Match": '"2"'})
    assert answer.status_code == 200
    await town.idle()
    answer = await town.call("intake", "DELETE", f"{path}/personal-data")
    assert answer.status_code == 204
    await late_results(town, named)
    await silence(town, named)
    found: dict[str, list[Received]] = {}
    for received in await town.events():
        found.setdefault(named[received.key], []).append(received)
    return found


async def late_results(town: Town, named: dict[str, str]) -> None:
    case_id = next(case_id for case_id, name in named.items() if name == "project not known")
    filing = (await town.call("intake", "GET", f"/v1/applications/{case_id}/filing")).json()
    team = [
        {
            "identity_documents": [
                {"type": one["type"], "number": one["number"]} for one in filing["person"]["identity_documents"]
            ],
            "role": "technical-lead",
            "confirmed": True,
        }
    ]
    row = {"project_id": "NOT-KNOWN", "track": "2024-biomed", "stage": "final", "team": team}
    for file_id, disqualified in (("first", False), ("second", True)):
        file = {
            "edition": "sh-ymec-2024",
            "organiser": "organiser",
            "file_id": file_id,
            "results": "partial",
            "rows": [row | {"disqualified": disqualified}],
        }
        answer = await town.call("competition", "POST", "/v1/register/imports", partner=OFFICER, json=file)
        assert answer.status_code < 300, answer.text

        async def reached(number: int = 2 + disqualified) -> bool:
            found = (await town.case(case_id))["determination"]
            return found is not None and found["number"] == number

        await until(reached)
    await town.idle()


async def silence(town: Town, named: dict[str, str]) -> None:
    """A service that does not answer is asked again; mail that nobody takes waits for a person."""
    for name in ("competition", "notify", "intake"):
        await town.stop(name)
    town._more = {"intake": {"answer_seconds": 1.0}, "notify": {"attempts": 1, "retry_seconds": 0.01}}
    town.outbox.rename(town.outbox.with_name("moved"))
    town.outbox.write_text("in the way")
    await town.start("intake")
    await town.start("notify")
    case_id = (await town.submit(a_filing())).json()["case_id"]
    named[case_id] = "silence"

    async def asked() -> bool:
        store = town.services["intake"].store
        document = await store.get("cases", case_id)
        return document is not None and (document.data.get("asked_again") or 0) >= 1

    await until(asked)
    await town.start("competition")
    await town.idle()


def normal(text: str) -> str:
    for name, form in VOLATILE.items():
        text = form.sub(FIXED[name], text)
    return text


def example_of(received: Received) -> dict[str, Any]:
    """An event as it stands in a file: what differs in each run has one fixed form."""
    headers = {name: normal(value) for name, value in received.headers}
    headers["ce_causationid"] = headers["ce_causationid"] and "e_" + "0" * 32
    value = json.loads(normal((received.value or b"").decode()))
    return {"key": normal(received.key), "headers": headers, "value": value}


def shape(example: dict[str, Any]) -> str:
    """What makes an event a branch of its own: the answer's status and codes, or the states of the roads."""
    value = example["value"]
    parts: list[str] = []
    if "answer" in value:
        answer = value["answer"]
        parts.append(answer["status"])
        for name in ("conditions", "missing", "exceptions"):
            parts += [item["code"] for item in answer[name]]
        parts.append(value["because"] if value["because"] != "filed" else "")
    elif "roads" in value and value.get("determination_id"):
        parts += [f"{one['road']}-{one['status']}" for one in value["roads"]]
        parts.append("officer" if value["waits_for_officer"] else "")
        parts.append(value["because"] if value["because"] != "filed" else "")
    elif "step" in value:
        parts.append(value["step"])
    elif "services" in value:
        parts += value["services"]
    text = "_".join(part for part in parts if part)
    return text[:110] or "any"


def on_file() -> list[Path]:
    return sorted(FOLDER.rglob("*.json"))


@pytest.fixture
async def produced(tmp_path: Path) -> dict[Path, dict[str, Any]]:
    async with Town(tmp_path, business_date=date(2024, 11, 20)) as town:
        branches = await live(town)
        assert await town.parked() == 0
    made: dict[Path, dict[str, Any]] = {}
    for events in branches.values():
        for received in events:
            example = example_of(received)
            type_ = example["headers"]["ce_type"]
            example["headers"] |= {"ce_sequence": "1", "ce_before": "*=0"}
            path = FOLDER / type_ / str(BY_TYPE[type_].VERSION) / f"{shape(example)}.json"
            made.setdefault(path, example)
    return made


async def test_the_examples_are_what_the_services_send_today(produced: dict[Path, dict[str, Any]]) -> None:
    texts = {path: json.dumps(example, ensure_ascii=False, indent=2) + "\n" for path, example in produced.items()}
    if os.environ.get("UPDATE_EXAMPLES"):
        for old in on_file():
            old.unlink()
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    assert [path.name for path in on_file()] == [path.name for path in sorted(texts)]
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: UPDATE_EXAMPLES=1 writes it anew"


def test_every_type_has_an_example() -> None:
    assert {path.parents[1].name for path in on_file()} == set(BY_TYPE)


@pytest.mark.parametrize("path", on_file(), ids=lambda path: f"{path.parents[1].name}/{path.stem}"[:80])
def test_an_example_is_valid_and_each_consumer_reads_it(path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    kind = BY_TYPE[example["headers"]["ce_type"]]
    jsonschema.Draft202012Validator(json.loads(file_of(kind).read_text(encoding="utf-8"))).validate(example["value"])
    received = Received(
        partition=Partition(kind.TOPIC, 0),
        offset=0,
        topic=kind.TOPIC,
        key=example["key"],
        headers=tuple(example["headers"].items()),
        value=json.dumps(example["value"]).encode(),
        at=0,
    )
    [topic] = [topic for topic in topics() if topic.name == kind.TOPIC]
    for consumer in topic.consumers:
        known = {event.TYPE: event for line in subscriptions(consumer) for event in line.types}
        read = decode(received, known)
        assert not isinstance(read, Unreadable)
        assert isinstance(read, Delivery)
        assert read.key == example["key"]
