"""No personal value in a topic, key, header, log, metric, parked event, store or error body.

The town is flooded with marked values through every route, good and bad; then everything that is written down is read
raw. The search proves itself first: a value planted in each of these places is found.
"""

from __future__ import annotations

import base64
import io
import logging
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis import logs
from chassis.bus import Record
from chassis.store import create
from contracts.topics import topics
from services.intake.use_cases.change import Change
from tests.builders import make_resident_id
from tests.filings import a_cgma, a_filing
from tests.town import Town

NUMBER = make_resident_id(region="310105", sequence=71)
PASSPORT = "EQ8812345"
CODE = "91310000MA1FAKED0X"
MARKED = {
    "name": "Xilin Markedname",
    "number": NUMBER,
    "passport": PASSPORT,
    "email": "marked.address@flood.example",
    "phone": "+86 139 1111 2222",
    "employer": "Markedemployer Works",
    "code": CODE,
    "override": "markedreason why",
    "body": "Markedbody Institute",
    "certificate": "Markedcertificate",
    "grade": "markedgrade",
    "certificate number": "MARKED-CERT-77",
    "held_by": "markedkeeper archive",
    "reference": "markedreference-5",
}


def spellings(value: str) -> Iterator[bytes]:
    """How a value may turn up: as it is, in capitals, escaped, in base64 at each offset, in hex."""
    for text in {value, value.upper(), value.lower()}:
        raw = text.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield urllib.parse.quote(text).encode()
        yield urllib.parse.quote_plus(text).encode()
        yield text.encode("unicode_escape")
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + raw)
            start, end = (0, 2, 3)[shift], len(coded) - 4
            yield coded[start + (1 if shift else 0) : end]


def found_in(haystack: bytes) -> set[str]:
    """Names of the marked values that stand in it in any spelling."""
    return {name for name, value in MARKED.items() for form in spellings(value) if len(form) > 5 and form in haystack}


def marked_filing(**changes: Any) -> dict[str, Any]:
    return a_filing(
        **{
            "person": {
                "name": MARKED["name"],
                "identity_documents": [
                    {"type": "resident-id", "number": NUMBER},
                    {"type": "passport", "number": PASSPORT},
                ],
                "contact": {"email": MARKED["email"], "phone": MARKED["phone"], "language": "en"},
            },
            "employer": {
                "name": MARKED["employer"],
                "code": CODE,
                "code_override": {"reason": MARKED["override"]},
                "kind": "company",
            },
            "certificates": [
                a_cgma(number=MARKED["certificate number"]),
                a_cgma(
                    body=MARKED["body"],
                    name=MARKED["certificate"],
                    grade=MARKED["grade"],
                    number=MARKED["certificate number"],
                ),
            ],
            "evidence": [{"kind": "degree", "sha256": "a" * 64, "held_by": MARKED["held_by"]}],
            "partner_reference": MARKED["reference"],
        }
        | changes
    )


def bad_filings() -> Iterator[tuple[str, bytes]]:
    """Bodies that are refused, each with marked values in the place that is wrong."""
    import json

    good = marked_filing()

    def text(value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode()

    yield "unknown field named by a value", text(good | {MARKED["name"]: MARKED["email"]})
    yield "name of another type", text(good | {"person": [MARKED["name"], NUMBER]})
    wrong = {
        **good,
        "person": {**good["person"], "identity_documents": [{"type": "resident-id", "number": NUMBER + "1"}]},
    }
    yield "number too long", text(wrong)
    checksum = NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")
    wrong = {**good, "person": {**good["person"], "identity_documents": [{"type": "resident-id", "number": checksum}]}}
    yield "checksum", text(wrong)
    yield (
        "code without override",
        text(good | {"employer": {"name": MARKED["employer"], "code": CODE, "kind": "company"}}),
    )
    yield "round that is a person", text(good | {"round": MARKED["name"]})
    yield (
        "address",
        text({**good, "person": {**good["person"], "contact": {"email": MARKED["name"], "language": "zh"}}}),
    )
    yield "grade missing", text(good | {"certificates": [{"body": MARKED["body"], "name": MARKED["certificate"]}]})
    yield "future", text(good | {"certificates": [a_cgma(number=MARKED["certificate number"], issued="2031-01-01")]})
    # Ids that cross into events as they were written.
    entry = {"edition": "sh-ymec-2024", "project_id": "p-1", "role": "member"}
    yield "project that is a person", text(good | {"competitions": [entry | {"project_id": NUMBER}]})
    yield "edition that is a person", text(good | {"competitions": [entry | {"edition": f"ed.{NUMBER}"}]})
    yield "earlier round that is a person", text(good | {"earlier_rounds": ["r-1", NUMBER]})
    yield "round that is a number", text(good | {"round": NUMBER})
    yield "broken", text(good)[:-20]
    yield "repeated key", text(good)[:-1] + b',"round":"' + MARKED["name"].encode() + b'"}'
    yield "not a number", text(good)[:-1] + b',"x":NaN}'
    yield "too deep", b'{"round":' + b"[" * 60 + text(MARKED["name"]) + b"]" * 60 + b"}"
    yield "not utf-8", MARKED["name"].encode() + b"\xff\xfe"


def result_files_that_hide_a_person() -> Iterator[dict[str, Any]]:
    """Whole but for one id, which is the number of a person: ids stand in answers as organisers wrote them."""
    member = {"identity_documents": [{"type": "resident-id", "number": NUMBER}], "role": "member"}
    row = {"project_id": "p-1", "track": "low-altitude", "stage": "final", "award": "merit", "team": [member]}
    file = {"edition": "sh-ymec-2024", "organiser": "org", "file_id": "f-1", "results": "partial", "rows": [row]}
    for name in ("edition", "organiser", "file_id"):
        yield file | {name: NUMBER}
    for name in ("project_id", "track", "award"):
        yield file | {"rows": [row | {name: f"x.{NUMBER}"}]}


class Written:
    """Everything that was written down, by place."""

    def __init__(self) -> None:
        self.places: dict[str, list[bytes]] = {"errors": []}

    def add(self, place: str, content: bytes) -> None:
        self.places.setdefault(place, []).append(content)

    def leaks(self) -> dict[str, set[str]]:
        found = {place: set().union(*(found_in(part) for part in parts)) for place, parts in self.places.items()}
        return {place: names for place, names in found.items() if names}


@pytest.fixture
def log_text() -> Iterator[io.StringIO]:
    """All log lines at DEBUG, as the services write them."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.setup("flood", "DEBUG", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


async def read_everything(town: Town, written: Written, log_text: io.StringIO) -> None:
    for received in await town.events():
        written.add("topics", repr((received.key, received.headers)).encode() + (received.value or b""))
    written.add("logs", log_text.getvalue().encode())
    for name, running in town.services.items():
        answer = await town.call(name, "GET", "/metrics", partner=None)
        assert answer.status_code == 200
        written.add("metrics", answer.content)
        for entry in await running.store.find("parked", {}):
            written.add("parked", repr(entry.data).encode())
            if entry.data["value"]:
                written.add("parked", base64.b64decode(entry.data["value"]))
        async for part in running.store.dump():
            written.add(f"store of {name}", part)


async def test_the_search_finds_what_is_planted(town: Town, log_text: io.StringIO) -> None:
    planted = MARKED["email"]
    topic = topics()[0].name
    for value in (planted, planted.upper(), base64.b64encode(planted.encode()).decode(), planted.encode().hex()):
        bus = town.services["intake"].bus
        assert await bus.publish([Record(topic, "key", (("header", value),), b"{}")]) == [True]
    logging.getLogger("services.planted").debug("planted", extra={"action": planted})
    for name, running in town.services.items():
        await running.store.write([create("parked", f"planted-{name}", {"value": None, "headers": [planted]})])
    written = Written()
    written.add("errors", urllib.parse.quote(planted).encode())

    await read_everything(town, written, log_text)

    places = {"errors", "topics", "logs", "parked", *(f"store of {name}" for name in town.services)}
    assert set(written.leaks()) == places
    written.add("metrics", planted.encode())
    assert "metrics" in written.leaks()


async def test_a_flood_of_marked_values_leaves_no_trace(
    town: Town, log_text: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Written()

    async def refused(service: str, method: str, path: str, **more: Any) -> None:
        answer = await town.call(service, method, path, **more)
        assert answer.status_code >= 400, (method, path, answer.text)
        written.add("errors", answer.content + repr(answer.headers.raw).encode())

    receipt = await town.submit(marked_filing(), key="flood-key-1")
    assert receipt.status_code == 202, receipt.text
    written.add("errors", receipt.content)
    case = f"/v1/applications/{receipt.json()['case_id']}"
    held = await town.submit(marked_filing(), key="flood-key-2")
    await town.idle()
    for name, raw in bad_filings():
        headers = {"Idempotency-Key": f"bad-{name.replace(' ', '-')}", "Content-Type": "application/json"}
        await refused("intake", "POST", "/v1/applications", content=raw, headers=headers)
        await refused("intake", "PUT", f"{case}/filing", content=raw, headers=headers | {"If-Match": '"1"'})
    for value in MARKED.values():
        place = urllib.parse.quote(value, safe="")
        await refused("intake", "GET", f"/v1/applications/{place}")
        await refused("intake", "GET", f"/v1/applications/c_{place}")
        await refused("intake", "GET", f"/v1/applications/{place}/timeline")
        await refused("intake", "GET", "/v1/applications", params={"cursor": value})
        await refused("intake", "GET", "/v1/applications", params={"status": value})
        await refused("intake", "GET", f"/{place}")
        await refused("notify", "GET", f"/v1/deliveries/{place}")
        await refused("competition", "GET", f"/v1/register/editions/{place}", partner="officer")
        await refused("equivalence", "GET", "/v1/catalogue", params={"on": value})
        answer = await town.call("equivalence", "GET", f"/v1/catalogue/{place}")
        written.add("errors", answer.content.replace(place.encode(), b""))
        answer = await town.clients["intake"].get(case, auth=(value.encode(), value.encode()))
        assert answer.status_code == 401
        written.add("errors", answer.content)
        answer = await town.call("intake", "GET", case, headers={"X-Correlation-Id": value})
        written.add("errors", answer.content)
    await refused(
        "competition", "POST", "/v1/register/imports", partner="officer", json={"rows": [{MARKED["name"]: NUMBER}]}
    )
    for file in result_files_that_hide_a_person():
        await refused("competition", "POST", "/v1/register/imports", partner="officer", json=file)

    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"{MARKED['name']} {MARKED['number']}", MARKED["email"])

    with monkeypatch.context() as patched:
        patched.setattr(Change, "withdraw", fails)
        await refused("intake", "POST", f"{case}/withdrawal", headers={"If-Match": '"1"'})

    amended = await town.call(
        "intake",
        "PUT",
        f"{case}/filing",
        json=marked_filing(partner_reference="markedreference-5 again"),
        headers={"If-Match": '"1"'},
    )
    assert amended.status_code == 200, amended.text
    await town.idle()
    withdrawn = await town.call("intake", "POST", f"{case}/withdrawal", headers={"If-Match": '"2"'})
    assert withdrawn.status_code == 200
    erased = await town.call("intake", "DELETE", f"/v1/applications/{held.json()['case_id']}/personal-data")
    assert erased.status_code == 204
    await town.idle()

    await read_everything(town, written, log_text)
    assert len(written.places["topics"]) > 8
    assert written.leaks() == {}
