"""The cases whose messages this process sends: a line of bounded length, in memory.

The handler that makes a message asks for a place (`take`) and, given one, makes the message as claimed; what was
written tells afterwards (`saved`) for which of them that came true. What is due in the store stands in the same line.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.store import Document
from services.notify.domain import Message, State
from services.notify.store import load


@dataclass(slots=True)
class Hand:
    """One case. `document`: the newest that this process has read or written.

    `claims`: messages that their maker has claimed and nobody has begun: id -> when it must have begun, monotonic.
    """

    document: Document
    claims: dict[str, float] = field(default_factory=dict)

    def renew(self, document: Document) -> None:
        if document.version > self.document.version:
            self.document = document

    def holds(self, message: Message) -> bool:
        """Is this attempt still the one that its case knows of? A withdrawal may have come meanwhile."""
        known = next((one for one in load(self.document).messages if one.id == message.id), None)
        return known is not None and known.state is State.SENDING and known.attempts == message.attempts


class InHand:
    """`most`: cases in hand before makers queue their messages; `more`: places beyond it for what is due in the store.

    `begin_seconds`: how long after its claim a message may begin.
    """

    def __init__(self, *, most: int, more: int, begin_seconds: float) -> None:
        self._most = most
        self._more = more
        self._begin_seconds = begin_seconds
        self._cases: dict[str, Hand] = {}
        self._line: deque[Hand] = deque()
        self._promised: dict[str, dict[str, float]] = {}
        self._closed = False

    def __len__(self) -> int:
        """Cases in line or at work."""
        return len(self._cases)

    def take(self, case_id: str, message_id: str) -> bool:
        """Will this process send the message that is being made? It holds until the next `saved`."""
        known = case_id in self._cases or case_id in self._promised
        if self._closed or (not known and len(self._cases) + len(self._promised) >= self._most):
            return False
        self._promised.setdefault(case_id, {})[message_id] = time.monotonic() + self._begin_seconds
        return True

    def saved(self, documents: Sequence[Document]) -> None:
        """These were written by handlers since the last call: what was promised for them is in hand, the rest is not.

        A case in hand goes on from its newest document, in which a message may have been cancelled.
        """
        promised, self._promised = self._promised, {}
        for document in documents:
            hand = self._cases.get(document.id)
            if hand is not None:
                hand.renew(document)
                hand.claims |= promised.get(document.id, {})
            elif claims := promised.get(document.id):
                self._append(Hand(document, claims))

    def add_due(self, documents: Sequence[Document]) -> int:
        """Cases with a message that is due, as they were read; how many found a place."""
        added = 0
        for document in documents:
            if document.id not in self._cases and len(self._cases) < self._most + self._more and not self._closed:
                self._append(Hand(document))
                added += 1
        return added

    def _append(self, hand: Hand) -> None:
        self._cases[hand.document.id] = hand
        self._line.append(hand)

    def next(self) -> Hand | None:
        """The first in line; it stays in hand until `done`."""
        return self._line.popleft() if self._line else None

    def done(self, hand: Hand) -> None:
        self._cases.pop(hand.document.id, None)

    def close(self) -> list[Hand]:
        """Takes nothing more; what was not begun."""
        self._closed = True
        left = list(self._line)
        self._line.clear()
        return left
