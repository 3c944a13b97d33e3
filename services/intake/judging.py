"""From a stored case to the rules and back: the ordinary road, the join, and both again from what was stored."""

from __future__ import annotations

import hashlib
from typing import Any

from chassis.json_values import json_value
from contracts.canonical import canonical_json, digest
from services.intake.case import ANSWERING
from services.intake.domain.join import assessment_from_json, join
from services.intake.domain.ladder import Ladder
from services.intake.domain.ordinary import RULES_VERSION, Target, facts_from_json, judge

SELF = "intake"


def judge_ordinary(case_id: str, case: dict[str, Any], ladder: Ladder) -> dict[str, Any]:
    """The ordinary road's assessment of the case's current revision, in the shape of the other services' answers.

    `case` needs facts, target, jurisdiction, round_year and revision.
    """
    seen = {name: case[name] for name in ("facts", "target", "jurisdiction", "round_year")}
    target = Target(**case["target"]) if case["target"] else None
    answer = judge(
        facts_from_json(case["facts"]),
        ladder,
        jurisdiction=case["jurisdiction"],
        year=case["round_year"],
        target=target,
    )
    result = json_value(answer)
    input_digest = digest(seen)
    about = [case_id, case["revision"], SELF, input_digest, ladder.digest]
    return {
        "service": SELF,
        "revision": case["revision"],
        "number": 1,
        "assessment_id": "a_" + hashlib.sha256(canonical_json(about)).hexdigest()[:32],
        "input_digest": input_digest,
        "policy": {"id": ladder.id, "version": ladder.version, "digest": ladder.digest},
        "rules_version": RULES_VERSION,
        "result_digest": digest(result),
        "answer": result,
        "exemptions": [],
    }


def join_answers(revision: int, roads: list[str], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of a determination: a pure function of the revision, the roads asked for and the answers."""
    assessments = [assessment_from_json(answer["service"], answer) for answer in answers]
    joined: dict[str, Any] = json_value(join(revision, assessments, roads))
    return joined


def join_case(case: dict[str, Any]) -> dict[str, Any]:
    """The determination that the case's newest answers make; what it was made of stands in it."""
    answers = [case["ordinary"], *(case["answers"][service] for service in ANSWERING)]
    content = join_answers(case["revision"], case["roads"], answers)
    return content | {"asked": case["roads"], "list": case["list"], "facts": case["facts"]}


def recompute(case: dict[str, Any], determination: dict[str, Any]) -> dict[str, Any]:
    """A determination of the case once more, from the stored answers that it names."""
    stored = [case["ordinary"], *case["answers"].values(), *case["superseded_answers"]]
    by_id = {(answer["assessment_id"], answer["number"]): answer for answer in stored}
    answers = [by_id[used["assessment_id"], used["number"]] for used in determination["inputs"]]
    content = join_answers(determination["revision"], determination["asked"], answers)
    return content | {name: determination[name] for name in ("asked", "list", "facts")}
