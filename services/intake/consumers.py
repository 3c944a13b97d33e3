"""What intake hears."""

from __future__ import annotations

from chassis.handlers import Subscription, on_delivery, on_line
from contracts.events import CompetitionAssessed, EquivalenceAssessed, MessageDelivered, MessageWaiting
from services.intake.use_cases.hear import Hear


def subscriptions(hear: Hear) -> list[Subscription]:
    return [
        on_delivery(EquivalenceAssessed, CompetitionAssessed, do=hear.assessed),
        on_line(MessageDelivered, MessageWaiting, line=hear.message, unless={"status": "erased"}),
    ]
