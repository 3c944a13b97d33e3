"""An assessment as it is kept: facts, rows of the register, result; so that it can be made again, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from contracts.canonical import canonical_json, digest
from contracts.events import (
    Because,
    Clause,
    CompetitionAssessed,
    Filed,
    Item,
    Level,
    Opens,
    PolicyRef,
    Road,
    RoadAnswer,
    Status,
    Text,
)
from services.competition import domain
from services.competition.domain import RULES_VERSION, Answer, Claim, Facts, Title, View, assess, own_rows
from services.competition.register import Version
from services.competition.view import facts_from, facts_json, view_from, view_json

SERVICE = "competition"
POLICY = "competition-register"


def facts_of(event: Filed) -> Facts:
    """What the rules see of a case, in one order whatever the order of filing."""
    claims = {Claim(entry.edition, entry.project_id, entry.role.value) for entry in event.facts.competitions}
    titles = {Title(title.series, title.level.value) for title in event.facts.titles}
    return Facts(tuple(sorted(set(event.person))), tuple(sorted(claims)), tuple(sorted(titles)))


def make(
    case_id: str, *, revision: int, number: int, because: Because, facts: Facts, version: Version, view: View
) -> dict[str, Any]:
    """The assessment of these facts by the register at this version. Of a team only the person's own place is kept."""
    rows = own_rows(view, facts.person)
    seen = facts_json(facts)
    input_digest = digest(seen)
    result = _result(facts, rows)
    return {
        "assessment_id": _assessment_id(case_id, revision, input_digest, version.digest),
        "number": number,
        "revision": revision,
        "because": because.value,
        "facts": seen,
        "policy": {"id": POLICY, "version": str(version.number), "digest": version.digest},
        "register": view_json(rows),
        "rules_version": RULES_VERSION,
        "input_digest": input_digest,
        "result": result,
        "result_digest": digest(result),
    }


def recompute(assessment: Mapping[str, Any]) -> dict[str, Any]:
    """The result once more, from the kept facts and rows. ValueError when other rules made it."""
    if assessment["rules_version"] != RULES_VERSION:
        raise ValueError(f"made by {assessment['rules_version']}, these are {RULES_VERSION}")
    return _result(facts_from(assessment["facts"]), view_from(assessment["register"]))


def event_of(case_id: str, assessment: Mapping[str, Any], *, because: Because | None = None) -> CompetitionAssessed:
    """The event that says a kept assessment; `because` when it is said again."""
    return CompetitionAssessed(
        case_id=case_id,
        revision=assessment["revision"],
        number=assessment["number"],
        assessment_id=assessment["assessment_id"],
        because=because or Because(assessment["because"]),
        input_digest=assessment["input_digest"],
        policy=PolicyRef.model_validate(assessment["policy"]),
        rules_version=assessment["rules_version"],
        result_digest=assessment["result_digest"],
        answer=RoadAnswer.model_validate(assessment["result"]["answer"]),
    )


def _assessment_id(case_id: str, revision: int, input_digest: str, policy_digest: str) -> str:
    about = canonical_json([case_id, revision, SERVICE, input_digest, policy_digest])
    return "a_" + hashlib.sha256(about).hexdigest()[:32]


def _result(facts: Facts, rows: View) -> dict[str, Any]:
    answer = _road_answer(assess(facts, rows))
    return {"answer": answer.model_dump(mode="json", by_alias=True), "exemptions": []}


def _road_answer(answer: Answer) -> RoadAnswer:
    return RoadAnswer(
        road=Road.COMPETITION,
        status=Status(answer.status),
        opens=_opens(answer.opens) if answer.opens else None,
        conditions=_items(answer.conditions),
        outstanding=_items(answer.outstanding),
        missing=_items(answer.missing),
        exceptions=_items(answer.exceptions),
        notes=_items(answer.notes),
        evidence=_items(answer.evidence),
        clauses=tuple(
            Clause(id=clause.id, source=clause.source, confidence=clause.confidence) for clause in answer.clauses
        ),
        needs_officer=answer.needs_officer,
    )


def _opens(opens: domain.Opens) -> Opens:
    return Opens(
        series=opens.series,
        level=Level(opens.level),
        title=_text(opens.title),
        confidence=opens.confidence,
        only=opens.only,
    )


def _items(items: tuple[domain.Item, ...]) -> tuple[Item, ...]:
    return tuple(Item(code=item.code, text=_text(item.text), values=dict(item.values)) for item in items)


def _text(names: domain.Names) -> Text:
    return Text(zh=names.zh, en=names.en)
