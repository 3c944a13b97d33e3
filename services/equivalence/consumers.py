"""Events in: what this service does about each. Held and determined cases are passed over."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.handlers import Subscription, on
from contracts.events import AssessmentRequested, CaseAmended, CaseSubmitted, CaseWithdrawn, PersonalDataErased
from services.equivalence.use_cases import Assess


def subscriptions(assess: Assess) -> Sequence[Subscription]:
    return [
        on(CaseSubmitted, CaseAmended, do=assess.filed),
        on(AssessmentRequested, do=assess.asked_again),
        on(CaseWithdrawn, do=assess.withdrawn),
        on(PersonalDataErased, do=assess.erased, ends=True),
    ]
