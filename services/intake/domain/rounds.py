"""A round: who may apply when, the year to whose end time counts, and the list version in force for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Round:
    """`window`: first and last day for applications; None = not known to us, so nothing can be filed in it."""

    id: str
    jurisdiction: str
    roads: tuple[str, ...]
    window: tuple[date, date] | None
    year: int
    list_version: str
    list_digest: str
    committee: str | None
    source: str | None
    confidence: str
    synthetic: bool

    def is_open(self, day: date) -> bool:
        """Whether applications are taken on that business day; the last day counts."""
        return self.window is not None and self.window[0] <= day <= self.window[1]
