"""What intake makes of the answers that it hears: file them, and join them once all are there."""

from __future__ import annotations

from typing import Any

from chassis.clock import Clock
from chassis.handlers import Delivery, Reject, Save
from chassis.store import Document
from contracts.events import Assessed, Because, CaseDetermined, Exemption, MessageEvent, RoadAnswer
from services.intake.case import current_determination, determination_id_of, line, waiting_on
from services.intake.domain.life import determined_as
from services.intake.judging import join_case

SERVICE_OF = {"equivalence.assessment.made": "equivalence", "competition.assessment.made": "competition"}


class Hear:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def assessed(self, event: Assessed, document: Document | None, delivery: Delivery) -> Save | None:
        """An assessment of equivalence or competition."""
        if document is None:
            raise Reject("case-unknown")
        case = document.data
        if case["status"] == "erased":
            return None
        service = SERVICE_OF[event.TYPE]
        answer = {"service": service, **event.model_dump(mode="json", by_alias=True, exclude={"case_id"})}
        newest = case["answers"].get(service)
        if newest is not None and event.number <= newest["number"]:
            return None  # the stored answer once more: asked again, or late
        entry = line(
            "assessed",
            at=delivery.time,
            heard=self._clock.now(),
            service=service,
            revision=event.revision,
            number=event.number,
        )
        append: dict[str, list[Any]] = {"timeline": [entry]}
        if event.revision != case["revision"]:
            if any(old["assessment_id"] == event.assessment_id for old in case["superseded_answers"]):
                return None
            return Save(append=append | {"superseded_answers": [answer]})
        if newest is not None:
            append["superseded_answers"] = [newest]
        fields: dict[str, Any] = {"answers": {**case["answers"], service: answer}}
        if case["status"] in ("withdrawn", "duplicate"):
            return Save(fields, append=append)
        if waiting_on({**case, **fields}):
            return Save(fields, append=append)
        return self._determine(document, fields, append, event)

    def _determine(
        self, document: Document, fields: dict[str, Any], append: dict[str, list[Any]], event: Assessed
    ) -> Save:
        case = {**document.data, **fields}
        before = case["determinations"][-1] if case["determinations"] else None
        number = before["number"] + 1 if before else 1
        joined = join_case(case)
        determination = {
            "id": determination_id_of(document.id, number),
            "number": number,
            "supersedes": before["number"] if before else None,
            "because": self._because(case, event),
            "at": self._clock.now(),
            **joined,
        }
        status = determined_as(joined["waits_for_officer"]).value
        told = CaseDetermined(
            case_id=document.id,
            revision=case["revision"],
            number=number,
            determination_id=determination["id"],
            supersedes=determination["supersedes"],
            because=Because(determination["because"]),
            case_number=case["number"],
            roads=tuple(RoadAnswer.model_validate(road) for road in joined["roads"]),
            exemptions=tuple(Exemption.model_validate(entry) for entry in joined["exemptions"]),
            waits_for_officer=joined["waits_for_officer"],
        )
        now = self._clock.now()
        append["timeline"].append(line("determined", at=now, heard=now, service="intake", number=number))
        append["determinations"] = [determination]
        return Save(fields | {"status": status, "ask_due": None}, events=[told], append=append)

    def _because(self, case: dict[str, Any], event: Assessed) -> str:
        """The first determination of a revision follows from its filing; a later one from the answer that came."""
        if current_determination(case) is None:
            return Because.FILED.value if case["revision"] == 1 else Because.AMENDED.value
        return event.because.value

    def message(self, event: MessageEvent, delivery: Delivery) -> dict[str, list[Any]]:
        """A line of the timeline about a message."""
        step = "message-delivered" if event.TYPE.endswith("delivered") else "message-waiting"
        entry = line(
            step,
            at=delivery.time,
            heard=self._clock.now(),
            service="notify",
            about=event.step,
            number=event.determination,
        )
        return {"timeline": [entry]}
