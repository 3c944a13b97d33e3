"""What a partner may do with a case that was taken in: amend it, withdraw it, erase its personal data."""

from __future__ import annotations

import logging
from typing import Any

from chassis.outbox import Author
from chassis.problems import Busy, NotFound
from chassis.store import Document, Outcome, Store
from contracts.events import CaseWithdrawn, PersonalDataErased
from services.intake.case import CASES, claims_of
from services.intake.domain.life import Verb, may
from services.intake.errors import NotPossibleNow, RevisionPassed
from services.intake.filing import Filing
from services.intake.store import CaseStore
from services.intake.use_cases.taking_in import TakingIn

log = logging.getLogger(__name__)

TRIES = 8  # a consumer may write between our read and our write; the revision decides, not the version


class Change:
    """The verbs begin alike: the partner's own case, in a state that allows it, at the revision that was read."""

    def __init__(self, store: Store, cases: CaseStore, author: Author, taking_in: TakingIn) -> None:
        self._store = store
        self._cases = cases
        self._author = author
        self._taking_in = taking_in

    async def read(self, case_id: str, partner: str) -> Document:
        """Raises NotFound for a case that does not exist and for another partner's."""
        document = await self._cases.get(case_id)
        if document is None or document.data["partner_id"] != partner:
            raise NotFound
        return document

    async def amend(self, case_id: str, filing: Filing, *, partner: str, revision: int) -> int:
        """Files the case again as the next revision; returns it. Raises NotFound, NotPossibleNow, RevisionPassed,
        InvalidInput."""
        for _ in range(TRIES):
            document = await self._ready(case_id, partner, Verb.AMEND, revision)
            case = document.data
            round_ = self._taking_in.check(filing)
            fields = self._taking_in.filed(case_id, revision + 1, filing, round_)
            amended = {**case, **fields}
            needed = claims_of(amended)
            held_before = set(case["claims"])
            now = self._taking_in.clock.now()
            extra = [claim for claim in needed if claim not in held_before]
            holders = await self._cases.take_claims(extra, case_id=case_id, partner=partner, at=now)
            fields |= self._taking_in.wait(amended, holders, now) | {"answers": {}}
            fields["claims"] = [] if holders else needed
            event = self._taking_in.tells(case_id, {**amended, **fields})
            fields["told"] = case["told"] or not holders
            del fields["contact_sealed"]
            step = "held" if holders else "amended"
            superseded = [case["ordinary"], *case["answers"].values()]
            write = self._author.change(
                CASES,
                document,
                fields,
                events=[event],
                append={
                    "timeline": [self._taking_in.line(step, revision=revision + 1)],
                    "superseded_answers": superseded,
                },
            )
            [outcome] = await self._store.write([write])
            kept = fields["claims"] if outcome is Outcome.WRITTEN else case["claims"]
            unused = {*needed, *held_before} - set(kept)
            await self._cases.free_claims(sorted(unused), case_id=case_id)
            if outcome is Outcome.WRITTEN:
                log.info("application amended", extra={"action": "intake.amended", "case_id": case_id})
                return revision + 1
        raise Busy

    async def withdraw(self, case_id: str, *, partner: str, revision: int) -> None:
        """Ends the case; no determination follows. A second withdrawal of the same revision changes nothing."""
        for _ in range(TRIES):
            document = await self.read(case_id, partner)
            if document.data["status"] == "withdrawn" and document.data["revision"] == revision:
                return
            document = await self._ready(case_id, partner, Verb.WITHDRAW, revision)
            event = CaseWithdrawn(case_id=case_id, revision=revision, case_number=document.data["number"])
            fields: dict[str, Any] = {"status": "withdrawn", "ask_due": None, "duplicate_of": []}
            if await self._end(document, fields, event, "withdrawn"):
                log.info("application withdrawn", extra={"action": "intake.withdrawn", "case_id": case_id})
                return
        raise Busy

    async def erase(self, case_id: str, *, partner: str) -> None:
        """Drops everything about the person here at once, and tells the other services. Again: nothing changes."""
        for _ in range(TRIES):
            document = await self.read(case_id, partner)
            if document.data["status"] == "erased":
                return
            if await self._end(
                document,
                erased_fields(document, self._taking_in.clock.now()),
                PersonalDataErased(case_id=case_id),
                None,
            ):
                log.info("personal data erased", extra={"action": "intake.erased", "case_id": case_id})
                return
        raise Busy

    async def _end(
        self, document: Document, fields: dict[str, Any], event: CaseWithdrawn | PersonalDataErased, step: str | None
    ) -> bool:
        claims = document.data["claims"]
        write = self._author.change(
            CASES,
            document,
            fields | {"claims_to_free": bool(claims)},
            events=[event],
            append={"timeline": [self._taking_in.line(step)]} if step else None,
        )
        [outcome] = await self._store.write([write])
        return outcome is Outcome.WRITTEN

    async def _ready(self, case_id: str, partner: str, verb: Verb, revision: int) -> Document:
        document = await self.read(case_id, partner)
        status = document.data["status"]
        if not may(verb, status, taken=document.data.get("taken_by") is not None):
            raise NotPossibleNow(status=status)
        if document.data["revision"] != revision:
            raise RevisionPassed(current_revision=document.data["revision"])
        return document


def erased_fields(document: Document, now: str) -> dict[str, Any]:
    """Every field empties. What stays: id, marks, partner, the claims to be freed, the state and its time."""
    fields: dict[str, Any] = {}
    for name, value in document.data.items():
        if name not in ("partner_id", "claims"):
            fields[name] = [] if isinstance(value, list) else None
    return fields | {"status": "erased", "erased_at": now}
