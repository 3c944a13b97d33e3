"""Handlers of the events of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.handlers import Retry, Save
from chassis.store import Document
from contracts.events import (
    AssessmentRequested,
    Because,
    CaseAmended,
    CaseSubmitted,
    CaseWithdrawn,
    PersonalDataErased,
)
from services.competition.assessments import SERVICE, event_of, facts_of, make
from services.competition.register import RegisterNotReady
from services.competition.view import Views

MOST_ASSESSMENTS = 200  # kept per case, the newest; their numbers go on


class Assess:
    """Handlers of a case's events; each a function of the event, the case's document and the register."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock

    async def filed(self, event: CaseSubmitted | CaseAmended, case: Document | None) -> Save | None:
        """Every new revision gets an answer with a new number."""
        if _ended(case) or (case is not None and event.revision <= case.data.get("revision", 0)):
            return None
        facts = facts_of(event)
        try:
            version, view = await self._views.of(facts)
        except RegisterNotReady:
            raise Retry("register-not-ready") from None
        before: Mapping[str, Any] = case.data if case else {}
        assessment = make(
            event.case_id,
            revision=event.revision,
            number=before.get("number", 0) + 1,
            because=Because.FILED if isinstance(event, CaseSubmitted) else Because.AMENDED,
            facts=facts,
            version=version,
            view=view,
        )
        editions = sorted({claim.edition for claim in facts.claims})
        fields = {
            "status": "active",
            "revision": event.revision,
            "editions": editions,
            # A case without entries does not depend on the register: nothing looks for it when the register moves.
            "register_version": version.number if editions else None,
            **with_assessment(before.get("assessments", []), assessment, self._clock.now()),
        }
        return Save(fields, events=[event_of(event.case_id, assessment)])

    async def asked_again(self, event: AssessmentRequested, case: Document | None) -> Save | None:
        """Says the newest stored answer to that revision again; computes nothing."""
        if SERVICE not in event.services or case is None or _ended(case):
            return None
        answers = [kept for kept in case.data.get("assessments", []) if kept["revision"] == event.revision]
        if not answers:
            return None
        return Save(events=[event_of(event.case_id, answers[-1], because=Because.ASKED_AGAIN)])

    async def withdrawn(self, event: CaseWithdrawn, case: Document | None) -> Save | None:
        return None if _ended(case) else Save({"status": "withdrawn"})

    async def erased(self, event: PersonalDataErased, case: Document | None) -> Save | None:
        """Drops facts, pseudonyms and assessments; the id, the marks and the date stay as a stone.

        The rows of the register about this person are the organiser's record of the contest. They stay under the
        organiser's own retention and are changed by the organiser's files alone.
        """
        if case is not None and case.data.get("status") == "erased":
            return None
        return Save({"status": "erased", "erased_at": self._clock.now(), **_EMPTY})


_EMPTY: dict[str, Any] = {"assessments": [], "editions": [], "register_version": None}


def _ended(case: Document | None) -> bool:
    """A document may stand there without a status: marks of events that said nothing to this service."""
    return case is not None and case.data.get("status") in ("withdrawn", "erased")


def with_assessment(before: list[dict[str, Any]], assessment: dict[str, Any], at: str) -> dict[str, Any]:
    """The fields of a case document that has one more assessment."""
    kept = [*before, assessment | {"made_at": at}]
    return {"number": assessment["number"], "assessments": kept[-MOST_ASSESSMENTS:]}
