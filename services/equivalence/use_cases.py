"""What the service does with a case: assess what was filed, answer again, let go."""

from __future__ import annotations

from typing import Any

from chassis.clock import Clock
from chassis.handlers import Reject, Retry, Save
from chassis.store import Document
from contracts.events import (
    AssessmentRequested,
    Because,
    CaseAmended,
    CaseSubmitted,
    CaseWithdrawn,
    PersonalDataErased,
)
from services.equivalence import assessments
from services.equivalence.catalogue import Catalogue
from services.equivalence.store import ACTIVE, ERASED, WITHDRAWN

MOST_KEPT = 200  # assessments of a case; a document stays small however often its case is amended


class Assess:
    """Handlers of a case's events. The document of a case holds its assessments, the newest last."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    async def filed(self, event: CaseSubmitted | CaseAmended, case: Document | None) -> Save | None:
        """A new assessment for the revision that was filed; nothing when this revision has this answer already.

        Retry `list-not-here`: the list version has not arrived here yet. Reject `list-digest-differs`: it is here with
        another content than the round was opened under.
        """
        before = _newest(case)
        if _status(case) in (ERASED, WITHDRAWN) or (before is not None and event.revision < before["revision"]):
            return None
        listed = await self._catalogue.version(event.jurisdiction, event.list_version)
        if listed is None:
            raise Retry("list-not-here")
        if listed.digest != event.list_digest:
            raise Reject("list-digest-differs")
        because = Because.AMENDED if isinstance(event, CaseAmended) else Because.FILED
        made = assessments.make(
            event,
            1 if before is None else before["number"] + 1,
            because,
            policy=listed.policy,
            policy_digest=listed.digest,
            supplementary=self._catalogue.supplementary,
            supplementary_document=self._catalogue.supplementary_document,
        )
        if before is not None and before["assessment_id"] == made["assessment_id"]:
            return None
        # A field, not an append: in one batch with an erasure, an append would bring back what the erasure empties.
        kept = [*_all(case), made][-MOST_KEPT:]
        return Save(
            fields={"status": ACTIVE, "revision": event.revision, "assessments": kept},
            events=[assessments.event_of(event.case_id, made, because)],
        )

    async def asked_again(self, event: AssessmentRequested, case: Document | None) -> Save | None:
        """The stored answer once more, computed by nobody: same number, same id."""
        newest = _newest(case)
        if assessments.SERVICE not in event.services or _status(case) != ACTIVE or newest is None:
            return None
        if newest["revision"] != event.revision:
            return None
        return Save(events=[assessments.event_of(event.case_id, newest, Because.ASKED_AGAIN)])

    async def withdrawn(self, event: CaseWithdrawn, case: Document | None) -> Save | None:
        """No answer follows a withdrawal."""
        if _status(case) == ERASED:
            return None
        return Save(fields={"status": WITHDRAWN, "revision": event.revision, "ended_on": self._today()})

    async def erased(self, event: PersonalDataErased, case: Document | None) -> Save | None:
        """Facts and assessments go; a stone with the marks stays for a while, so that nothing late brings them back."""
        if _status(case) == ERASED:
            return None
        return Save(fields={"status": ERASED, "assessments": [], "ended_on": self._today()})

    def _today(self) -> str:
        return self._clock.today().isoformat()


def _status(case: Document | None) -> str | None:
    return None if case is None else case.data.get("status")


def _all(case: Document | None) -> list[dict[str, Any]]:
    return [] if case is None else case.data.get("assessments") or []


def _newest(case: Document | None) -> dict[str, Any] | None:
    made = _all(case)
    return made[-1] if made else None
