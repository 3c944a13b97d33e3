"""Events in."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.handlers import Subscription, on
from contracts.events import AssessmentRequested, CaseAmended, CaseSubmitted, CaseWithdrawn, PersonalDataErased
from services.competition.use_cases.assess import Assess


def subscriptions(assess: Assess) -> Sequence[Subscription]:
    """A held or determined case changes nothing here: those events are passed over."""
    return [
        on(CaseSubmitted, CaseAmended, do=assess.filed),
        on(AssessmentRequested, do=assess.asked_again),
        on(CaseWithdrawn, do=assess.withdrawn),
        on(PersonalDataErased, do=assess.erased, ends=True),
    ]
