"""A batch is handled in portions, so that memory does not follow the largest batch: few at a time lie there as values.

What counts is text: the events as they came and the documents of their keys as JSON. As values in memory, before and
after the handlers, they are four to five times that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from chassis.bus import Received
from chassis.store import Document

MOST_BYTES = 2 * 1024 * 1024
FIRST_GUESS = 16 * 1024  # of a document, until one was seen
EVERY = 8  # of so many documents one is weighed: it costs as much as writing it once
SLOWLY = 0.9  # how fast a weight is forgotten that nothing reaches any more


class Portions:
    """For one collection: its documents are weighed after they were handled, by samples."""

    def __init__(self, reads: Callable[[Received], bool], most: int = MOST_BYTES) -> None:
        """`reads`: is the document of its key read for an event?"""
        self._reads = reads
        self._most = most
        self._each = float(FIRST_GUESS)
        self._passed = 0

    @property
    def keys(self) -> int:
        """How many documents may be in hand at once."""
        return max(int(self._most / self._each), 1)

    def of(self, batch: Sequence[Received]) -> list[list[Received]]:
        """The batch in parts, all events of a key in one of them, in their order."""
        by_key: dict[str, list[Received]] = {}
        for received in batch:
            by_key.setdefault(received.key, []).append(received)
        parts: list[list[Received]] = []
        weight = 0.0
        for events in by_key.values():
            own = float(sum(len(received.value or b"") for received in events))
            if any(self._reads(received) for received in events):
                own += self._each
            if not parts or weight + own > self._most:
                parts.append([])
                weight = 0.0
            parts[-1] += events
            weight += own
        return parts

    def weigh(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._passed += 1
            if self._passed % EVERY == 0:
                self._each = max(len(orjson.dumps(document.data, option=orjson.OPT_NON_STR_KEYS)), self._each * SLOWLY)
