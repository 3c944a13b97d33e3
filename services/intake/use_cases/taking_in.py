"""What submitting and amending share: from a filing to the fields of a case and the event that tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis.clock import Clock, later
from chassis.problems import FieldError, InvalidInput
from contracts.events import CaseAmended, CaseHeld, CaseSubmitted, Facts, Road, Target
from services.intake.case import line
from services.intake.domain.ladder import Ladder
from services.intake.domain.rounds import Round
from services.intake.filing import Filing, facts_of, rule_breaks
from services.intake.judging import judge_ordinary
from services.intake.sealed import Sealer

ROADS = (Road.ORDINARY.value, Road.OVERSEAS.value, Road.COMPETITION.value)


@dataclass(frozen=True, slots=True)
class TakingIn:
    """Rounds, ladder, keys and times that every filing meets."""

    rounds: dict[str, Round]
    ladder: Ladder
    sealer: Sealer
    clock: Clock
    answer_seconds: float

    def check(self, filing: Filing, case: Mapping[str, Any] | None = None) -> Round:
        """The round of the filing. Raises InvalidInput naming every field and rule that does not hold.

        `case`: the case that is filed again. It keeps the round, year and list that it took when it was received, also
        when the window has closed since or the round names another list by now.
        """
        today = self.clock.today()
        breaks = [FieldError(field, rule) for field, rule in rule_breaks(filing, today)]
        found = self.rounds.get(filing.round)
        if found is None:
            breaks.append(FieldError("round", "unknown"))
        else:
            if case is not None and case["round"] == found.id:
                found = _as_it_was(found, case)
            elif not found.is_open(today):
                breaks.append(FieldError("round", "not-open"))
            breaks += [
                FieldError(f"roads[{place}]", "not-in-round")
                for place, road in enumerate(filing.roads or ())
                if road not in found.roads
            ]
        if breaks or found is None:
            raise InvalidInput(breaks)
        return found

    def filed(self, case_id: str, revision: int, filing: Filing, sent: bytes, round_: Round) -> dict[str, Any]:
        """The fields of a case that follow from its filing alone. `sent`: the filing as `as_sent` gives it."""
        roads = [road for road in ROADS if road in round_.roads and (not filing.roads or road in filing.roads)]
        fields: dict[str, Any] = {
            "revision": revision,
            "round": round_.id,
            "round_year": round_.year,
            "jurisdiction": round_.jurisdiction,
            "list": {"version": round_.list_version, "digest": round_.list_digest},
            "roads": roads,
            "target": filing.target.model_dump(mode="json") if filing.target else None,
            "facts": facts_of(filing).model_dump(mode="json", by_alias=True),
            "person": self.sealer.person(filing.person.identity_documents),
            "sealed": self.sealer.seal(case_id, sent),
            "contact_sealed": self.sealer.contact(case_id, revision, filing.person.contact.model_dump()),
        }
        return fields | {"ordinary": judge_ordinary(case_id, fields, self.ladder)}

    def wait(self, holders: Sequence[str], now: str) -> dict[str, Any]:
        """Held as a duplicate, or waiting for the assessments."""
        if holders:
            return {"status": "duplicate", "duplicate_of": list(holders), "ask_due": None}
        due = later(now, self.answer_seconds)
        return {"status": "waiting", "waiting_since": now, "duplicate_of": [], "ask_due": due, "asked_again": 0}

    def tells(self, case_id: str, case: dict[str, Any]) -> CaseSubmitted | CaseAmended | CaseHeld:
        """The event for a case as it stands."""
        if case["status"] == "duplicate":
            return CaseHeld(
                case_id=case_id,
                revision=case["revision"],
                case_number=case["number"],
                reason="duplicate",
                contact_sealed=case["contact_sealed"],
            )
        kind = CaseAmended if case.get("told") else CaseSubmitted
        return kind(
            case_id=case_id,
            revision=case["revision"],
            case_number=case["number"],
            round=case["round"],
            round_year=case["round_year"],
            received_on=case["received_on"],
            jurisdiction=case["jurisdiction"],
            list_version=case["list"]["version"],
            list_digest=case["list"]["digest"],
            roads=tuple(Road(road) for road in case["roads"]),
            target=Target.model_validate(case["target"]) if case["target"] else None,
            person=tuple(case["person"]),
            facts=Facts.model_validate(case["facts"]),
            contact_sealed=case["contact_sealed"],
        )

    def line(self, step: str, **values: str | int | None) -> dict[str, Any]:
        now = self.clock.now()
        return line(step, at=now, heard=now, service="intake", **values)


def as_sent(filing: Filing) -> bytes:
    """The filing as JSON without what was left out, so that a field that is added later changes nothing."""
    return filing.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _as_it_was(round_: Round, case: Mapping[str, Any]) -> Round:
    kept = case["list"]
    return replace(
        round_,
        jurisdiction=case["jurisdiction"],
        year=case["round_year"],
        list_version=kept["version"],
        list_digest=kept["digest"],
    )
