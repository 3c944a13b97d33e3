"""Who wrote which events, and what of it is sent: the memory of one process. No input or output here.

Every process writes under a name of its own and numbers its events 1, 2, ... What is sent is one number per name: all
events up to it. A number that the process does not know the end of (no answer came) holds its name back for ever, so
the process goes on under a new name. What lies above the mark of a name that is no longer used is marked one by one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.store import Numbered, Pending

HELD_BACK = 1000  # so many sent events above the mark of a name: it has waited long enough for the one below them
EMPTY_SECONDS = 10.0  # how long a silent writer that had nothing to send is not asked about again

Place = tuple[str, str]  # collection, id
Number = tuple[str, int]  # writer, number


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make durable: marks of names, and single events that leave their documents."""

    marks: Mapping[str, int]
    removals: Mapping[Place, Sequence[Number]]


@dataclass(slots=True)
class _Other:
    """A writer as it was last read. `changed`: when that was news, by our own clock. `mine`: a name we used before."""

    sent: int
    at: int
    left: bool
    changed: float
    mine: bool = False
    empty_at: float = float("-inf")  # when nothing was found above its mark


@dataclass(slots=True)
class Writers:
    """`name` is in use once `registered`: no event is written before its writer can be found."""

    name: str = field(default_factory=lambda: secrets.token_hex(8))
    registered: bool = False
    saved: int = 0  # the mark of `name` that is durable
    told: set[Number] = field(default_factory=set)  # somebody heard these and will send them
    _next: int = 1
    _low: int = 0  # every number up to it is settled
    _open: set[int] = field(default_factory=set)  # not settled: under way, or written and not sent
    _unsent: dict[Place, set[int]] = field(default_factory=dict)
    _sent: dict[Number, Place] = field(default_factory=dict)  # not yet durable
    _to_save: dict[str, int] = field(default_factory=dict)
    _others: dict[str, _Other] = field(default_factory=dict)

    # --- what this process writes ---

    def take(self, count: int) -> list[Number]:
        """Numbers for events that are about to be written."""
        numbers = range(self._next, self._next + count)
        self._next += count
        self._open.update(numbers)
        return [(self.name, number) for number in numbers]

    def void(self, numbers: Iterable[Number]) -> None:
        """These were not written."""
        self._open.difference_update(number for name, number in numbers if name == self.name)

    def written(self, place: Place, numbers: Iterable[Number]) -> None:
        if mine := {number for name, number in numbers if name == self.name}:
            self._unsent.setdefault(place, set()).update(mine)

    def removed(self, place: Place) -> None:
        """The document is gone, and its events with it."""
        self._open -= self._unsent.pop(place, set())

    def retire(self) -> None:
        """From here on another name; what is open under the old one is found in the store."""
        low = self.low()
        if self.registered:
            self._others[self.name] = _Other(low, 0, True, time.monotonic(), mine=True)
            if low > self.saved:
                self._to_save[self.name] = low
            self._sent = {number: at for number, at in self._sent.items() if number[0] != self.name or number[1] > low}
        self.name, self.registered, self.saved = secrets.token_hex(8), False, 0
        self._next, self._low = 1, 0
        self._open, self._unsent = set(), {}

    # --- what is sent ---

    def low(self) -> int:
        """The mark of the name in use, as far as this process knows."""
        while self._low + 1 < self._next and self._low + 1 not in self._open:
            self._low += 1
        return self._low

    def mark_of(self, name: str) -> int | None:
        """None: a writer that this process has not read about."""
        if name == self.name:
            return self.low()
        return self._others[name].sent if name in self._others else None

    def is_sent(self, name: str, number: int) -> bool:
        return number <= (self.mark_of(name) or 0) or (name, number) in self._sent

    def leading_sent(self, outbox: Sequence[Numbered]) -> int:
        """How many events at the head of an outbox are sent. Behind the first unsent one none counts."""
        for place, event in enumerate(outbox):
            if not self.is_sent(event.writer, event.number):
                return place
        return len(outbox)

    def unheard(self, outbox: Sequence[Numbered]) -> bool:
        """Is there an event that is perhaps unsent, and that nobody in this process will send?"""
        return any(
            not self.is_sent(event.writer, event.number) and (event.writer, event.number) not in self.told
            for event in outbox
        )

    def note(self, sent: Iterable[Pending]) -> None:
        for entry in sent:
            number, place = (entry.writer, entry.number), (entry.collection, entry.document_id)
            self.told.discard(number)
            if not self.is_sent(*number):
                self._sent[number] = place
            if entry.writer == self.name:
                self._open.discard(entry.number)
                numbers = self._unsent.get(place, set())
                numbers.discard(entry.number)
                if not numbers:
                    self._unsent.pop(place, None)

    def unsent_documents(self) -> int:
        """How many documents have unsent events under the name in use."""
        return len(self._unsent)

    def not_durable(self) -> int:
        """How many events are sent, and found in the store as unsent."""
        return len(self._sent)

    def plan(self) -> Plan:
        low = self.low()
        if sum(name == self.name and number > low for name, number in self._sent) > HELD_BACK:
            self.retire()
            low = 0
        marks = dict(self._to_save)
        if low > self.saved:
            marks[self.name] = low
        removals: dict[Place, list[Number]] = {}
        for number, place in self._sent.items():
            if number[0] != self.name:
                removals.setdefault(place, []).append(number)
        return Plan(marks, removals)

    def done(self, plan: Plan) -> None:
        """What was planned is durable."""
        for name, mark in plan.marks.items():
            if name == self.name:
                self.saved = max(self.saved, mark)
            elif self._to_save.get(name) == mark:
                del self._to_save[name]
        for numbers in plan.removals.values():
            for number in numbers:
                self._sent.pop(number, None)
        saved = plan.marks.get(self.name, 0)
        for number in [number for number in self._sent if number[0] == self.name and number[1] <= saved]:
            del self._sent[number]

    # --- other writers ---

    def learn(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Writer documents {_id, sent, at, left?} as they were read."""
        now = time.monotonic()
        for entry in found:
            name, sent, at, left = entry["_id"], int(entry["sent"]), int(entry["at"]), bool(entry.get("left"))
            known = self._others.get(name)
            if name == self.name or (known is not None and known.mine):
                continue
            if known is None:
                self._others[name] = _Other(sent, at, left, now)
            elif (known.sent, known.at, known.left) != (sent, at, left):
                self._others[name] = _Other(max(known.sent, sent), at, left, now)

    def above(self, idle: float) -> dict[str, int]:
        """The names whose events to look for, with their marks; of others those that say nothing since `idle` s."""
        now = time.monotonic()
        names = {self.name: self.low()} if self.registered else {}
        for name, other in self._others.items():
            if other.left or now - other.changed >= idle:
                names[name] = other.sent
        return {name: mark for name, mark in names.items() if not self._is_empty(name, now)}

    def others(self) -> dict[str, int]:
        """All names but the one in use that may have something unsent, with their marks."""
        now = time.monotonic()
        names = {name: other.sent for name, other in self._others.items()}
        return {name: mark for name, mark in names.items() if not self._is_empty(name, now)}

    def found_empty(self, names: Iterable[str]) -> None:
        """Nothing lies above the marks of these."""
        now = time.monotonic()
        for name in names:
            if name in self._others:
                self._others[name].empty_at = now

    def _is_empty(self, name: str, now: float) -> bool:
        """The longer a writer is silent, the more rarely it is asked about."""
        other = self._others.get(name)
        if other is None or now - other.changed < EMPTY_SECONDS:
            return False
        return now - other.empty_at < min(max(now - other.changed, EMPTY_SECONDS), 600.0)
