"""A case as its partner and as an officer sees it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from chassis.store import Document
from services.intake.case import current_determination, waiting_on
from services.intake.texts import ANOTHER_EXISTS, OFFICER_REASONS, STATUS, both, step_text


def partner_view(document: Document) -> dict[str, Any]:
    """The representation of an application. It never names another person's or partner's case."""
    case = document.data
    status = case["status"]
    view: dict[str, Any] = {"case_id": document.id, "status": status, "status_text": both(STATUS[status])}
    if status == "erased":
        return view | {"erased_at": case["erased_at"]}
    determination = current_determination(case) if status in ("determined", "officer") else None
    return view | {
        "case_number": case["number"],
        "revision": case["revision"],
        "round": case["round"],
        "round_year": case["round_year"],
        "roads": case["roads"],
        "target": case["target"],
        "list": case["list"],
        "received_at": case["received_at"],
        "received_on": case["received_on"],
        "waiting_on": waiting_on(case) if status == "waiting" else [],
        "note": both(ANOTHER_EXISTS) if status == "duplicate" else None,
        "determination": determination,
        "superseded_determinations": _superseded(case, determination),
        "assessments": [_remembered(answer) for _, answer in sorted(case["answers"].items())],
        "superseded_assessments": [_remembered(answer) for answer in case["superseded_answers"]],
        "retention_due": case["retention_due"],
        "links": {
            "filing": f"/v1/applications/{document.id}/filing",
            "timeline": f"/v1/applications/{document.id}/timeline",
        },
    }


def _remembered(answer: dict[str, Any]) -> dict[str, Any]:
    """An assessment without its words."""
    names = ("service", "revision", "number", "assessment_id", "because", "policy", "rules_version", "result_digest")
    return {name: answer.get(name) for name in names} | {"status": answer["answer"]["status"]}


def _superseded(case: dict[str, Any], current: dict[str, Any] | None) -> list[dict[str, Any]]:
    number = current["number"] if current else None
    return [
        {name: entry[name] for name in ("number", "id", "revision", "because", "at", "supersedes")}
        for entry in case["determinations"]
        if entry["number"] != number
    ]


def summary(document: Document) -> dict[str, Any]:
    """A line of the partner's list."""
    case = document.data
    view: dict[str, Any] = {
        "case_id": document.id,
        "status": case["status"],
        "status_text": both(STATUS[case["status"]]),
    }
    if case["status"] == "erased":
        return view
    names = ("revision", "round", "roads", "received_at")
    return view | {"case_number": case["number"]} | {name: case[name] for name in names}


def officer_view(document: Document, others: Mapping[str, Document]) -> dict[str, Any]:
    """A case that waits for a person, with the reasons; for a held one also the number of the case that it meets."""
    case = document.data
    determination = current_determination(case)
    if case["status"] == "duplicate":
        reasons = [{"code": "duplicate", "text": both(OFFICER_REASONS["duplicate"])}]
    else:
        reasons = [{"code": "no-open-road", "text": both(OFFICER_REASONS["no-open-road"])}]
        reasons += (determination or {}).get("officer_reasons", [])
    return {
        **summary(document),
        "partner": case["partner_id"],
        "reasons": reasons,
        "other_cases": [
            {"case_id": id, "case_number": others[id].data["number"] if id in others else None}
            for id in case["duplicate_of"]
        ],
        "determination": determination,
    }


def timeline(document: Document) -> list[dict[str, Any]]:
    """Oldest first: time at the source, time heard, service, step, text in both languages."""
    return [{**entry, "text": step_text(entry)} for entry in document.data["timeline"]]


def etag_of(body: bytes) -> str:
    return '"' + base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:18]).decode() + '"'


def encode(view: Any) -> bytes:
    return json.dumps(view, ensure_ascii=False, separators=(",", ":")).encode()
