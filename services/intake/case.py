"""The case as it is stored: what stands beside the sealed filing, and how its parts are named."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from chassis.store import Document
from contracts.canonical import canonical_json

CASES = "cases"
CLAIMS = "claims"

ANSWERING = ("equivalence", "competition")  # the services whose assessments a determination needs


def case_id_of(partner: str, key: str) -> str:
    """Opaque, and the same for the same partner and Idempotency-Key: the insert is the idempotency record."""
    digest = hashlib.sha256(canonical_json([partner, key])).digest()
    return "c_" + base64.b32encode(digest).decode().lower()[:26]


def claim_id_of(round_id: str, road: str, pseudonym: str) -> str:
    """One claim per person, round and road: what may exist once."""
    return "cl_" + hashlib.sha256(canonical_json([round_id, road, pseudonym])).hexdigest()[:40]


def determination_id_of(case_id: str, number: int) -> str:
    return "d_" + hashlib.sha256(canonical_json([case_id, number])).hexdigest()[:32]


def claims_of(case: dict[str, Any]) -> list[str]:
    """The claims that a case needs, in the one order in which every case takes them."""
    return sorted(claim_id_of(case["round"], road, name) for road in case["roads"] for name in case["person"])


def waiting_on(case: dict[str, Any]) -> list[str]:
    """Services that have not answered the current revision."""
    answers = case.get("answers") or {}
    return [name for name in ANSWERING if (answers.get(name) or {}).get("revision") != case["revision"]]


def current_determination(case: dict[str, Any]) -> dict[str, Any] | None:
    """The newest determination, when it is about the current revision."""
    newest = (case.get("determinations") or [None])[-1]
    if newest is None or newest["revision"] != case["revision"]:
        return None
    found: dict[str, Any] = newest
    return found


def line(step: str, *, at: str, heard: str, service: str, **values: str | int | None) -> dict[str, Any]:
    """An entry of the timeline: time at the source, time heard, service, step. Its texts are made when it is read."""
    entry: dict[str, Any] = {"at": at, "heard": heard, "service": service, "step": step}
    return entry | ({"values": values} if values else {})


def ended(document: Document) -> bool:
    return document.data.get("status") in ("withdrawn", "erased")
