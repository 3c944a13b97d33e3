"""An assessment as it is kept: facts, rows of the register, result; so that it can be made again, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from chassis.json_values import json_value
from contracts.canonical import canonical_json, digest
from contracts.events import (
    Because,
    CompetitionAssessed,
    Filed,
    PolicyRef,
    Road,
    RoadAnswer,
)
from services.competition.domain import RULES_VERSION, Claim, Facts, Title, View, assess, own_rows
from services.competition.register import Version
from services.competition.view import facts_from, view_from

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
    seen = json_value(facts)
    input_digest = digest(seen)
    result = _result(facts, rows)
    return {
        "assessment_id": _assessment_id(case_id, revision, input_digest, version.digest),
        "number": number,
        "revision": revision,
        "because": because.value,
        "facts": seen,
        "policy": {"id": POLICY, "version": str(version.number), "digest": version.digest},
        "register": json_value(rows),
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
    """`{"answer": ..., "exemptions": []}` in the shape of the event."""
    return {"answer": json_value(assess(facts, rows)) | {"road": Road.COMPETITION.value}, "exemptions": []}
