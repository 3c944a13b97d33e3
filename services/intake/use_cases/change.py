"""What a partner may do with a case that was taken in: amend it, withdraw it, erase its personal data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from chassis import parked
from chassis.outbox import Author
from chassis.problems import Busy, NotFound
from chassis.store import Document, Outcome, Store
from contracts.events import CaseWithdrawn, PersonalDataErased
from services.intake.case import CASES, claims_of
from services.intake.domain.life import Verb, may
from services.intake.errors import NotPossibleNow, RevisionPassed, TooManyRevisions, TooManyUnsent
from services.intake.filing import Filing
from services.intake.store import CaseStore
from services.intake.use_cases.taking_in import TakingIn, as_sent

log = logging.getLogger(__name__)

# A case holds every answer it was given. The largest filing's answers take 0.25 MB per revision, and a document of
# MongoDB holds 16 MB; a case beyond that could not be written any more, and what comes after it would wait.
MOST_REVISIONS = 50
TRIES = 8  # a consumer may write between our read and our write; the revision decides, not the version


class Change:
    """The verbs begin alike: the partner's own case, in a state that allows it, at the revision that was read."""

    def __init__(
        self, store: Store, cases: CaseStore, author: Author, taking_in: TakingIn, overfull: Callable[[], bool]
    ) -> None:
        self._store = store
        self._cases = cases
        self._author = author
        self._taking_in = taking_in
        self._overfull = overfull

    async def read(self, case_id: str, partner: str) -> Document:
        """Raises NotFound for a case that does not exist and for another partner's."""
        document = await self._cases.get(case_id)
        if document is None or document.data["partner_id"] != partner:
            raise NotFound
        return document

    async def amend(self, case_id: str, filing: Filing, *, partner: str, seen: Collection[int]) -> int:
        """Files the case again as the next revision; returns it. `seen`: the revisions that the partner would replace.

        Raises NotFound, NotPossibleNow, RevisionPassed, TooManyRevisions, InvalidInput, TooManyUnsent.
        """
        for _ in range(TRIES):
            document = await self._ready(case_id, partner, Verb.AMEND, seen)
            if self._overfull():
                raise TooManyUnsent
            case = document.data
            if case["revision"] >= MOST_REVISIONS:
                raise TooManyRevisions(limit=MOST_REVISIONS)
            revision = case["revision"] + 1
            round_ = self._taking_in.check(filing, case)
            fields = self._taking_in.filed(case_id, revision, filing, as_sent(filing), round_)
            amended = {**case, **fields}
            needed = claims_of(amended)
            now = self._taking_in.clock.now()
            extra = [claim for claim in needed if claim not in case["claims"]]
            taking = await self._cases.take_claims(extra, case_id=case_id, partner=partner, at=now)
            holders = taking.holders
            kept = [] if holders else needed
            # Seen before the write: what another amendment takes again after it is touched then, and stays.
            left = await self._cases.held_claims(sorted({*case["claims"]} - {*kept}), case_id=case_id)
            fields |= self._taking_in.wait(holders, now) | {"answers": {}, "claims": kept}
            fields |= _to_free([*(case.get("claims_left") or ()), *left])
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
                    "timeline": [self._taking_in.line(step, revision=revision)],
                    "superseded_answers": superseded,
                },
            )
            [outcome] = await self._store.write([write])
            if outcome is Outcome.WRITTEN:
                await self._cases.free_claims(left, case_id=case_id)  # the sweep does it where we do not come to it
                log.info("application amended", extra={"action": "intake.amended", "case_id": case_id})
                return int(revision)
            await self._cases.give_back(taking.made)
        raise Busy

    async def withdraw(self, case_id: str, *, partner: str, seen: Collection[int]) -> int:
        """Ends the case at its revision, which it returns; no determination follows. Again: nothing changes.

        Raises NotFound, NotPossibleNow, RevisionPassed.
        """
        for _ in range(TRIES):
            document = await self.read(case_id, partner)
            revision: int = document.data["revision"]
            if document.data["status"] == "withdrawn" and revision in seen:
                return revision
            document = await self._ready(case_id, partner, Verb.WITHDRAW, seen)
            revision = document.data["revision"]
            event = CaseWithdrawn(case_id=case_id, revision=revision, case_number=document.data["number"])
            fields: dict[str, Any] = {"status": "withdrawn", "ask_due": None, "duplicate_of": []}
            if await self._end(document, fields, event, "withdrawn"):
                log.info("application withdrawn", extra={"action": "intake.withdrawn", "case_id": case_id})
                return revision
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
                await parked.forget(self._store, case_id)
                log.info("personal data erased", extra={"action": "intake.erased", "case_id": case_id})
                return
        raise Busy

    async def _end(
        self, document: Document, fields: dict[str, Any], event: CaseWithdrawn | PersonalDataErased, step: str | None
    ) -> bool:
        case = document.data
        write = self._author.change(
            CASES,
            document,
            fields | {"claims_to_free": bool(case["claims"] or case.get("claims_left"))},
            events=[event],
            append={"timeline": [self._taking_in.line(step)]} if step else None,
            ends=isinstance(event, PersonalDataErased),
        )
        [outcome] = await self._store.write([write])
        return outcome is Outcome.WRITTEN

    async def _ready(self, case_id: str, partner: str, verb: Verb, seen: Collection[int]) -> Document:
        document = await self.read(case_id, partner)
        status = document.data["status"]
        if not may(verb, status, taken=document.data.get("taken_by") is not None):
            raise NotPossibleNow(case_status=status)
        if document.data["revision"] not in seen:
            raise RevisionPassed(current_revision=document.data["revision"])
        return document


def _to_free(left: list[list[Any]]) -> dict[str, Any]:
    """Claims that the case has left, (id, version) as they were then: the sweep frees those that nobody touched."""
    return {"claims_left": left, "claims_to_free": bool(left)}


def erased_fields(document: Document, now: str) -> dict[str, Any]:
    """Every field empties. What stays: id, marks, partner, the claims to be freed, the state and its time."""
    fields: dict[str, Any] = {}
    for name, value in document.data.items():
        if name not in ("partner_id", "claims", "claims_left"):
            fields[name] = [] if isinstance(value, list) else None
    return fields | {"status": "erased", "erased_at": now}
