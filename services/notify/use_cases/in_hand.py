"""The cases whose messages this process sends: a line of bounded length, in memory. Whatever stands in it is claimed.

The handler that makes a message asks for a place (`take`) and, given one, makes the message as claimed; what was
written tells afterwards (`saved`) for which of them that came true. What is due in the store gets a place first
(`find`), is claimed, and then stands in the same line (`go_on`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.store import Document
from services.notify.domain import Message, State, ToldCase
from services.notify.store import load


@dataclass(frozen=True, slots=True)
class Claim:
    """Of one attempt at one message. `begin_by`: when it must have begun, monotonic."""

    attempt: int
    begin_by: float


@dataclass(slots=True, eq=False)
class Hand:
    """One case. `document`: the newest that this process has read or written.

    `claims`: what this process has claimed and not begun, by message id.
    """

    document: Document
    claims: dict[str, Claim] = field(default_factory=dict)

    def renew(self, document: Document) -> None:
        if document.version > self.document.version:
            self.document = document

    def holds(self, message: Message) -> bool:
        """Is this attempt still the one that its case knows of? A withdrawal may have come meanwhile."""
        known = next((one for one in load(self.document).messages if one.id == message.id), None)
        return known is not None and known.state is State.SENDING and known.attempts == message.attempts

    def begin(self) -> tuple[ToldCase, list[Message], float]:
        """The case, what of it is ours to send now in the order of its making, and until when it may begin.

        The claims are used up. One that has run out may be another sender's by now, with a higher attempt.
        """
        claims, self.claims = self.claims, {}
        case = load(self.document)
        ours = [
            message
            for message in case.messages
            if message.state is State.SENDING
            and message.id in claims
            and claims[message.id].attempt == message.attempts
        ]
        begin_by = min((claims[message.id].begin_by for message in ours), default=0.0)
        return case, sorted(ours, key=lambda message: message.created_at), begin_by


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
        self._promised: dict[tuple[str, int], dict[str, Claim]] = {}  # by case and the version written over
        self._closed = False

    def __len__(self) -> int:
        """Cases in line or at work."""
        return len(self._cases)

    @property
    def in_line(self) -> int:
        """Cases that nobody has begun."""
        return len(self._line)

    @property
    def room(self) -> int:
        """Places for what is due in the store."""
        return 0 if self._closed else max(self._most + self._more - len(self._cases), 0)

    def take(self, case_id: str, message: Message, *, over: int) -> bool:
        """Will this process make this attempt at a message that is being claimed? It holds until the next `saved`.

        over: the version of the document that the claim is written over, 0 for none. A claim over another one than was
        written in the end is nobody's: what it was for may be in other hands by now, with the same attempt.
        """
        known = case_id in self._cases or (case_id, over) in self._promised
        if self._closed or (not known and len(self._cases) + len(self._promised) >= self._most):
            return False
        claim = Claim(message.attempts, time.monotonic() + self._begin_seconds)
        self._promised.setdefault((case_id, over), {})[message.id] = claim
        return True

    def saved(self, documents: Sequence[Document]) -> None:
        """These were written by handlers since the last call: what was promised for them is in hand, the rest is not.

        A case in hand goes on from its newest document, in which a message may have been cancelled.
        """
        promised, self._promised = self._promised, {}
        for document in documents:
            hand = self._cases.get(document.id)
            claims = promised.get((document.id, document.version - 1), {})
            if hand is not None:
                hand.renew(document)
                hand.claims |= claims
            elif claims:
                self._cases[document.id] = hand = Hand(document, claims)
                self._line.append(hand)

    def find(self, documents: Sequence[Document]) -> list[Hand]:
        """Places for cases with a message that is due, as they were read: for those that get one."""
        new = [Hand(document) for document in documents if document.id not in self._cases][: self.room]
        self._cases |= {hand.document.id: hand for hand in new}
        return new

    def next(self) -> Hand | None:
        """The first in line; it stays in hand until `go_on` or `leave`."""
        return self._line.popleft() if self._line else None

    def go_on(self, hand: Hand) -> None:
        """In line when something of it is claimed, else out of hand."""
        if hand.claims:
            self._line.append(hand)
        else:
            self.leave(hand)

    def leave(self, hand: Hand) -> None:
        self._cases.pop(hand.document.id, None)

    def close(self) -> list[Hand]:
        """Takes nothing more; what was not begun."""
        self._closed = True
        left = list(self._line)
        self._line.clear()
        return left
