"""Taking an application in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from chassis.outbox import Author
from chassis.problems import KeyReused
from chassis.store import Document, Outcome, Store
from services.intake.case import CASES, case_id_of, claims_of
from services.intake.domain.numbers import case_number
from services.intake.errors import Erased, TooManyUnsent
from services.intake.filing import Filing
from services.intake.store import CaseStore
from services.intake.use_cases.taking_in import TakingIn, as_sent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What stays the same however often and however late the same request comes."""

    case_id: str
    case_number: str
    received_at: str


class Submit:
    """Claims first, then the case: its insert is the idempotency record and carries the event."""

    def __init__(
        self, store: Store, cases: CaseStore, author: Author, taking_in: TakingIn, overfull: Callable[[], bool]
    ) -> None:
        self._store = store
        self._cases = cases
        self._author = author
        self._taking_in = taking_in
        self._overfull = overfull

    async def __call__(self, filing: Filing, *, partner: str, key: str) -> Accepted:
        """Raises InvalidInput, KeyReused, Erased, TooManyUnsent."""
        case_id = case_id_of(partner, key)
        sent = as_sent(filing)
        digests = self._taking_in.sealer.body_digests(orjson.loads(sent))
        if (existing := await self._cases.get(case_id)) is not None:
            return _again(existing, digests)
        if self._overfull():
            raise TooManyUnsent
        case = self._case(case_id, filing, sent, digests[0])
        claims = claims_of(case)
        now = case["received_at"]
        taking = await self._cases.take_claims(claims, case_id=case_id, partner=partner, at=now)
        holders = taking.holders
        case |= self._taking_in.wait(holders, now)
        case["claims"] = [] if holders else claims
        event = self._taking_in.tells(case_id, case)
        case["told"] = not holders
        del case["contact_sealed"]
        step = "held" if holders else "received"
        write = self._author.create(
            CASES,
            case_id,
            case,
            partner_id=partner,
            events=[event],
            append={"timeline": [self._taking_in.line(step)]},
        )
        [outcome] = await self._store.write([write])
        if outcome is Outcome.EXISTS:  # the same key at the same time: the other one stands
            return await self._other_one(case_id, taking.made, digests)
        log.info("application accepted", extra={"action": "intake.accepted", "case_id": case_id, "held": bool(holders)})
        return Accepted(case_id, case["number"], now)

    def _case(self, case_id: str, filing: Filing, sent: bytes, body_digest: str) -> dict[str, Any]:
        round_ = self._taking_in.check(filing)
        clock = self._taking_in.clock
        received_on = clock.today()
        return {
            **self._taking_in.filed(case_id, 1, filing, sent, round_),
            "number": case_number(case_id, received_on.year),
            "received_at": clock.now(),
            "received_on": received_on.isoformat(),
            "body_digest": body_digest,
            "answers": {},
            "determinations": [],
            "superseded_answers": [],
            "taken_by": None,
            "claims_left": [],
            "claims_to_free": False,
            "retention_due": _three_years_after(received_on).isoformat(),
        }

    async def _other_one(self, case_id: str, made: Sequence[str], digests: list[str]) -> Accepted:
        existing = await self._cases.get(case_id)
        if existing is None:
            raise Erased
        kept = set(existing.data.get("claims") or ())
        await self._cases.give_back([claim for claim in made if claim not in kept])
        return _again(existing, digests)


def _three_years_after(day: date) -> date:
    leap = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + 3, month=3, day=1) if leap else day.replace(year=day.year + 3)


def _again(existing: Document, digests: list[str]) -> Accepted:
    case = existing.data
    if case["status"] == "erased":
        raise Erased
    if case["body_digest"] not in digests:
        raise KeyReused
    return Accepted(existing.id, case["number"], case["received_at"])
