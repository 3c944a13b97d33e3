"""How many events a consumer takes at once: as many as its store can keep up with, up to the most it may.

A member whose batch takes longer than its poll interval loses its partitions, and would read the same batch again for
ever. So the batch is bounded, not the interval stretched.
"""

from __future__ import annotations


class Pace:
    """`seconds`: how long a batch may take at most; it is cut off there."""

    def __init__(self, most: int, seconds: float) -> None:
        self.events = most
        self._most = most
        self._seconds = seconds

    def took(self, events: int, seconds: float, *, handlers: float = 0.0) -> None:
        """After a batch of so many events. At the limit of its seconds it was cut off; one that was not full is no
        reason to take more. `handlers`: seconds of these that its handlers took, which have a limit of their own.
        """
        seconds -= handlers
        taken = min(events, self.events) or self.events  # none: what was held took the time
        if seconds >= self._seconds:
            self.events = max(taken // 4, 1)
        elif seconds > self._seconds / 4:
            self.events = max(taken // 2, 1)
        elif seconds < self._seconds / 16 and events >= self.events:
            self.events = min(self.events * 2, self._most)
