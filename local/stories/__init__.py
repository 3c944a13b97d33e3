"""The stories of the field: what a synthetic person asks, on which day, and the answer that the rules give.

The expected answers are written by hand from the policy texts, never taken over from a run. `make demo` and a test
tell the stories to a running stack and compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as Day
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

FOLDER = Path(__file__).parent
Actual = Mapping[str, Any]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Part):
    zh: str
    en: str


class Valued(Part):
    """A code with the numbers that must stand beside it; others may."""

    code: str
    values: dict[str, str | int] = {}


class Road(Part):
    """What is left out is not compared. `notes` and `clauses` must be among those given; the other lists are exact."""

    status: Literal["open", "open-if", "closed", "not-known"]
    opens: str | None = None  # the Chinese title
    only: bool = False
    opens_confidence: str | None = None
    conditions: tuple[Valued | str, ...] | None = None
    outstanding: tuple[Valued | str, ...] | None = None
    missing: tuple[Valued | str, ...] | None = None
    exceptions: tuple[Valued | str, ...] | None = None
    notes: tuple[Valued | str, ...] = ()
    clauses: tuple[str, ...] = ()
    needs_officer: bool = False


class Expected(Part):
    """`status`: of the case. `messages`: the steps that the person is told of, in order."""

    status: Literal["determined", "officer"]
    waits_for_officer: bool
    list_version: str
    roads: dict[str, Road]
    messages: tuple[str, ...] = ("received", "determined")


class Question(Part):
    """Something that everybody may ask the catalogue."""

    service: Literal["equivalence"] = "equivalence"
    path: str


class Arrangement(Part):
    """`sources`: at least these."""

    sources: tuple[str, ...]
    confidence: str


class ExpectedEntries(Part):
    """`entries`: ids of the list. `words`: part of the sentence about them. `arrangements`: at least these, apart."""

    entries: tuple[str, ...]
    words: Text
    arrangements: dict[str, Arrangement]


class Story(Part):
    id: str
    title: Text
    who: Text
    date: Day | None = None  # the business date; None = any
    filing: dict[str, Any] = {}
    ask: Question | None = None
    expected: Expected | ExpectedEntries

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        asks = self.ask is not None
        if asks is bool(self.filing) or asks is isinstance(self.expected, Expected) or (not asks and self.date is None):
            raise ValueError("a story files an application on a day, or asks; and expects an answer of that kind")
        return self


def stories(folder: Path = FOLDER) -> list[Story]:
    """By file name, which is the order of their days."""
    return [_read(path) for path in sorted(folder.glob("*.yaml"))]


def story(id: str) -> Story:
    return next(each for each in stories() if each.id == id)


def _read(path: Path) -> Story:
    content = yaml.safe_load(path.read_text("utf-8"))
    return Story.model_validate(json.loads(json.dumps(content, default=Day.isoformat)))


def differences(expected: Expected | ExpectedEntries, actual: Actual, messages: Sequence[Actual] = ()) -> list[str]:
    """What differs, in plain words; empty when the answer is the expected one.

    `actual`: the application as intake shows it, or the answer about exemptions; `messages`: its delivery log.
    """
    if isinstance(expected, ExpectedEntries):
        return list(_entries(expected, actual))
    return [*_case(expected, actual), *_messages(expected, messages)]


def _case(expected: Expected, actual: Actual) -> Iterator[str]:
    yield from _differs("the status of the case", expected.status, actual["status"])
    yield from _differs("the list version", expected.list_version, actual["list"]["version"])
    determination = actual["determination"]
    if determination is None:
        yield "there is no determination"
        return
    yield from _differs(
        "whether it waits for an officer", expected.waits_for_officer, determination["waits_for_officer"]
    )
    roads = {road["road"]: road for road in determination["roads"]}
    yield from _differs("the roads", sorted(expected.roads), sorted(roads))
    for name, wanted in expected.roads.items():
        if name in roads:
            yield from (f"{name}: {said}" for said in _road(wanted, roads[name]))


def _road(expected: Road, actual: Actual) -> Iterator[str]:
    yield from _differs("it", expected.status, actual["status"])
    opens = actual.get("opens")
    yield from _differs("the title it leads to", expected.opens, opens and opens["title"]["zh"])
    if expected.opens and opens:
        yield from _differs("whether it leads to this title alone", expected.only, opens["only"])
        if expected.opens_confidence:
            yield from _differs("the confidence of the title", expected.opens_confidence, opens["confidence"])
    yield from _differs("whether an officer confirms", expected.needs_officer, actual["needs_officer"])
    for name in ("conditions", "outstanding", "missing", "exceptions"):
        wanted: tuple[Valued | str, ...] | None = getattr(expected, name)
        if wanted is not None:
            yield from _differs(
                f"its {name}", sorted(map(_code, wanted)), sorted(item["code"] for item in actual[name])
            )
            yield from _values(name, wanted, actual[name])
    lacking = set(map(_code, expected.notes)) - {item["code"] for item in actual["notes"]}
    if lacking:
        yield f"its notes lack {', '.join(sorted(lacking))}"
    yield from _values("notes", expected.notes, actual["notes"])
    if unnamed := set(expected.clauses) - {clause["id"] for clause in actual["clauses"]}:
        yield f"its clauses lack {', '.join(sorted(unnamed))}"


def _values(name: str, wanted: Sequence[Valued | str], actual: Sequence[Actual]) -> Iterator[str]:
    """An item fits when one of the same code says all the values that are wanted."""
    for item in wanted:
        if isinstance(item, str) or not item.values:
            continue
        given = [each["values"] for each in actual if each["code"] == item.code]
        if given and not any(item.values.items() <= values.items() for values in given):
            yield f"{item.code} among its {name} should say {item.values}, and says {given[0]}"


def _messages(expected: Expected, messages: Sequence[Actual]) -> Iterator[str]:
    yield from _differs("the messages", list(expected.messages), [message["step"] for message in messages])
    for message in messages:
        yield from _differs(f"the message {message['step']}", "delivered", message["state"])


def _entries(expected: ExpectedEntries, actual: Actual) -> Iterator[str]:
    listed = actual["of_the_list"]
    yield from _differs("the entries of the list", list(expected.entries), [one["id"] for one in listed["entries"]])
    for language, words in expected.words.model_dump().items():
        if words not in listed["text"][language]:
            yield f"the sentence about the list should say “{words}”, and says “{listed['text'][language]}”"
    arrangements = {one["id"]: one for one in actual["arrangements"]}
    for id, wanted in expected.arrangements.items():
        if id not in arrangements:
            yield f"the arrangement {id} is not shown"
            continue
        if unnamed := set(wanted.sources) - set(arrangements[id]["sources"]):
            yield f"{id} does not name its sources {', '.join(sorted(unnamed))}"
        yield from _differs(f"the confidence of {id}", wanted.confidence, arrangements[id]["confidence"])


def _code(item: Valued | str) -> str:
    return item if isinstance(item, str) else item.code


def _differs(what: str, expected: object, actual: object) -> Iterator[str]:
    if expected != actual:
        yield f"{what} should be {_said(expected)}, and is {_said(actual)}"


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    if value is None:
        return "nothing"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
