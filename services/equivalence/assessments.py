"""An assessment as a JSON value: what the rules saw and what they said, the same bytes whenever it is made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from chassis.json_values import json_value
from contracts.canonical import canonical_json, digest
from contracts.events import Because, EquivalenceAssessed, Filed
from services.equivalence import policy_files
from services.equivalence.domain.assess import RULES_VERSION, assess
from services.equivalence.domain.exemptions import Supplementary, exemptions_of
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import Facts
from services.equivalence.policy_files import Published

POLICY_ID = "overseas-list"
SERVICE = "equivalence"


def facts_of(event: Filed) -> dict[str, Any]:
    """What the rules of this service see of a filing, and nothing else of it. Months `YYYY-MM`, day `YYYY-MM-DD`."""
    facts = event.facts.model_dump(mode="json", by_alias=True)
    seen = ("education", "work", "titles", "certificates", "employer", "earlier_rounds")
    return {
        **{name: facts[name] for name in seen},
        "target": None if event.target is None else event.target.model_dump(mode="json"),
        "round": event.round,
        "round_year": event.round_year,
        "received_on": event.received_on,
    }


def result_of(facts: Mapping[str, Any], policy: ListVersion, supplementary: Supplementary) -> dict[str, Any]:
    """`{"answer": ..., "exemptions": [...]}` in the shape of the event."""
    seen = Facts.parse(facts)
    answer: dict[str, Any] = json_value(assess(seen, policy))
    return {
        "answer": answer | {"road": "overseas", "exceptions": []},
        "exemptions": json_value(exemptions_of(seen, supplementary)),
    }


def make(
    event: Filed,
    number: int,
    because: Because,
    *,
    policy: ListVersion,
    policy_digest: str,
    supplementary: Supplementary,
    supplementary_document: Published,
) -> dict[str, Any]:
    """Assessment `number` of the case, as it is stored."""
    facts = facts_of(event)
    input_digest = digest(facts)
    result = result_of(facts, policy, supplementary)
    return {
        "number": number,
        "revision": event.revision,
        "assessment_id": assessment_id(event.case_id, event.revision, input_digest, policy_digest),
        "because": because.value,
        "facts": facts,
        "input_digest": input_digest,
        "list": {"jurisdiction": policy.jurisdiction, "version": policy.version, "digest": policy_digest},
        "supplementary": {"version": supplementary_document.version, "digest": supplementary_document.digest},
        "rules_version": RULES_VERSION,
        "result": result,
        "result_digest": digest(result),
    }


def assessment_id(case_id: str, revision: int, input_digest: str, policy_digest: str) -> str:
    """Derives from what the assessment is about, so that the same question finds the same answer."""
    about = canonical_json([case_id, revision, SERVICE, input_digest, policy_digest])
    return "a_" + hashlib.sha256(about).hexdigest()[:32]


def event_of(case_id: str, stored: Mapping[str, Any], because: Because) -> EquivalenceAssessed:
    """A stored assessment as it is sent, for the first time or again."""
    return EquivalenceAssessed.model_validate(
        {
            "case_id": case_id,
            "revision": stored["revision"],
            "number": stored["number"],
            "assessment_id": stored["assessment_id"],
            "because": because,
            "input_digest": stored["input_digest"],
            "policy": {"id": POLICY_ID, "version": stored["list"]["version"], "digest": stored["list"]["digest"]},
            "rules_version": stored["rules_version"],
            "result_digest": stored["result_digest"],
            "answer": stored["result"]["answer"],
            "exemptions": stored["result"]["exemptions"],
        }
    )


def recompute(assessment: Mapping[str, Any], documents: Iterable[Published] | None = None) -> dict[str, Any]:
    """The result of a stored assessment, made again from its facts and the policy that it names by digest.

    `documents`: list versions and supplementary lists to look in; those of the files when None.
    KeyError when a document of that digest is not among them; ValueError when the rules have changed since.
    """
    if assessment["rules_version"] != RULES_VERSION:
        raise ValueError(f"made by rules {assessment['rules_version']}, these are {RULES_VERSION}")
    if documents is None:
        documents = (*policy_files.lists(), policy_files.supplementary())
    by_digest = {each.digest: each.content for each in documents}
    return result_of(
        assessment["facts"],
        ListVersion.parse(by_digest[assessment["list"]["digest"]]),
        Supplementary.parse(by_digest[assessment["supplementary"]["digest"]]),
    )
