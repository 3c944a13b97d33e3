"""What a road says to a person, as frozen values with the shape of the events.

Their fields in JSON, read by `..._from_json`, give them back: a determination can be recomputed byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN = "open"
OPEN_IF = "open-if"
NOT_KNOWN = "not-known"
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Text:
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Item:
    """One reason, condition or gap: a stable code, its numbers, and the sentence in both languages."""

    code: str
    text: Text
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clause:
    """Where a rule stands: its id in our policy data, its source there, and official, news, inferred or synthetic."""

    id: str
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Opens:
    series: str
    level: str
    title: Text
    confidence: str
    only: bool = False


@dataclass(frozen=True, slots=True)
class RoadAnswer:
    road: str
    status: str
    opens: Opens | None = None
    conditions: tuple[Item, ...] = ()
    outstanding: tuple[Item, ...] = ()
    missing: tuple[Item, ...] = ()
    exceptions: tuple[Item, ...] = ()
    notes: tuple[Item, ...] = ()
    evidence: tuple[Item, ...] = ()
    clauses: tuple[Clause, ...] = ()
    needs_officer: bool = False


@dataclass(frozen=True, slots=True)
class PolicyRef:
    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Exemption:
    id: str
    of_the_list: bool
    direction: str
    mode: str
    effect: Text
    source: str
    year: int | None
    confidence: str


def answer_from_json(value: Mapping[str, Any]) -> RoadAnswer:
    """The answer that was stored or sent as this; what it does not know it ignores."""
    opens = value.get("opens")
    return RoadAnswer(
        road=value["road"],
        status=value["status"],
        opens=_opens(opens) if opens else None,
        conditions=_items(value, "conditions"),
        outstanding=_items(value, "outstanding"),
        missing=_items(value, "missing"),
        exceptions=_items(value, "exceptions"),
        notes=_items(value, "notes"),
        evidence=_items(value, "evidence"),
        clauses=tuple(
            Clause(clause["id"], clause["source"], clause["confidence"]) for clause in value.get("clauses", ())
        ),
        needs_officer=value.get("needs_officer", False),
    )


def exemption_from_json(value: Mapping[str, Any]) -> Exemption:
    return Exemption(
        id=value["id"],
        of_the_list=value["of_the_list"],
        direction=value["direction"],
        mode=value["mode"],
        effect=_text(value["effect"]),
        source=value["source"],
        year=value.get("year"),
        confidence=value["confidence"],
    )


def policy_from_json(value: Mapping[str, Any]) -> PolicyRef:
    return PolicyRef(value["id"], value["version"], value["digest"])


def _text(value: Mapping[str, Any]) -> Text:
    return Text(value["zh"], value["en"])


def _opens(value: Mapping[str, Any]) -> Opens:
    return Opens(value["series"], value["level"], _text(value["title"]), value["confidence"], value.get("only", False))


def _items(value: Mapping[str, Any], name: str) -> tuple[Item, ...]:
    return tuple(Item(item["code"], _text(item["text"]), dict(item.get("values", {}))) for item in value.get(name, ()))
