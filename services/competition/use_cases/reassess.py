"""What reaches a case later: results that were imported or annulled after it was assessed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.outbox import Author
from chassis.store import Document, Outcome, Store, Write
from contracts.events import Because
from services.competition.assessments import event_of, make
from services.competition.domain.rules import status_rank
from services.competition.register import Register
from services.competition.store import CASES, CaseStore
from services.competition.use_cases.assess import with_assessment
from services.competition.view import Views, facts_from

log = logging.getLogger(__name__)


class Reassess:
    """Judges cases again that have not seen the version of the register in force.

    Nothing but the documents says what is to do: every case names the version it has seen. So a crash loses nothing,
    and a case that was assessed while the register moved is found by the next pass.
    """

    def __init__(self, store: Store, register: Register, views: Views, author: Author, clock: Clock) -> None:
        self._store = store
        self._cases = CaseStore(store)
        self._register = register
        self._views = views
        self._author = author
        self._clock = clock

    async def __call__(self) -> int:
        """Finishes changes that wait, then brings every case that is behind up to date; how many were."""
        while await self._register.advance():
            pass
        done = 0
        async for page in self._cases.behind((await self._register.version()).number):
            for case in page:
                done += await self._one(case)
        return done

    async def _one(self, case: Document) -> int:
        try:
            write = await self._write(case)
        except (LookupError, TypeError, ValueError):  # a document of another shape holds up no other
            log.exception("case not judged again", extra={"action": "competition.reassess-failed", "case_id": case.id})
            return 0
        [outcome] = await self._store.write([write])
        return 1 if outcome is Outcome.WRITTEN else 0  # a conflict: the case has moved, the next pass sees it

    async def _write(self, case: Document) -> Write:
        newest = case.data["assessments"][-1]
        version = await self._register.version()  # before the editions: what changes after it is seen next time
        if not await self._views.changed_editions(set(case.data["editions"]), case.data["register_version"]):
            return self._author.change(CASES, case, {"register_version": version.number})
        facts = facts_from(newest["facts"])
        version, view = await self._views.of(facts)
        assessment = make(
            case.id,
            revision=case.data["revision"],
            number=case.data["number"] + 1,
            because=Because.RESULT_IMPORTED,
            facts=facts,
            version=version,
            view=view,
        )
        fields: dict[str, Any] = {"register_version": version.number}
        if assessment["result_digest"] == newest["result_digest"]:
            return self._author.change(CASES, case, fields)
        if _annulled(newest, assessment):
            assessment["because"] = Because.RESULT_ANNULLED.value
        fields |= with_assessment(case.data["assessments"], assessment, self._clock.now())
        log.info(
            "case judged again",
            extra={"action": "competition.reassessed", "case_id": case.id, "because": assessment["because"]},
        )
        return self._author.change(
            CASES,
            case,
            fields,
            events=[event_of(case.id, assessment)],
            correlation_id=version.digest[7:39],
        )


def _annulled(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """The answer got worse, and a project is disqualified that was not."""
    worse = status_rank(after["result"]["answer"]["status"]) > status_rank(before["result"]["answer"]["status"])
    return worse and bool(_disqualified(after) - _disqualified(before))


def _disqualified(assessment: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(row["edition"], row["id"]) for row in assessment["register"]["projects"] if row["disqualified"]}
