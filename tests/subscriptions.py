"""What each service subscribes to, with handlers that are not called."""

from __future__ import annotations

from typing import Any

from chassis.handlers import Subscription, by_type
from services.competition import consumers as competition
from services.equivalence import consumers as equivalence
from services.intake import consumers as intake
from services.notify import consumers as notify

MODULES = {"competition": competition, "equivalence": equivalence, "intake": intake, "notify": notify}


class Anything:
    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def subscriptions(service: str) -> list[Subscription]:
    found = list(MODULES[service].subscriptions(Anything()))  # type: ignore[attr-defined]
    by_type(found)
    return found


def heard_by(service: str) -> frozenset[str]:
    """Types that it handles; it passes over the others."""
    return frozenset(kind.TYPE for line in subscriptions(service) for kind in line.types)
