"""The outbox of one SQLite file: which of its events somebody in this process heard, and which are sent.

One process writes the file, so its memory knows all but what was there before it, and what an error left unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis import sqlite_rows as rows
from chassis.store import Hear, Outcome, Pending, Write

Question = tuple[str, list[object]]  # statement and values


class Outbox:
    """Events are numbered in the order of writing; a number is never used twice, whatever became of it."""

    def __init__(self) -> None:
        self.last = 0
        self._hearers: list[Hear] = []
        self._told: set[int] = set()  # somebody heard these and will send them
        self._sent: set[int] = set()  # sent, and still in the outbox

    def listen(self, hear: Hear) -> None:
        self._hearers.append(hear)

    def apply(self, connection: rows.Connection, write: Write) -> tuple[Outcome, list[Pending]]:
        """Makes a write; with what there is to tell once it is durable."""
        before = rows.waiting(connection, write) if write.events and write.kind == "change" else set()
        numbers = range(self.last + 1, self.last + 1 + len(write.events))
        self.last = numbers.stop - 1
        outcome = rows.apply(connection, write, numbers)
        if outcome is not Outcome.WRITTEN:
            return outcome, []
        after = not before <= self._sent | self._told
        return outcome, [
            Pending(write.collection, write.id, event.sequence, event.record, number=number, after=after)
            for event, number in zip(write.events, numbers, strict=True)
        ]

    def tell(self, told: Sequence[Pending]) -> None:
        news = [entry for entry in told if entry.number not in self._sent]  # a sweep may have been faster
        if news and self._hearers:
            self._told.update(entry.number for entry in news)
            for hear in self._hearers:
                hear(news)

    def oldest(self, limit: int) -> Question:
        return f"SELECT {rows.EVENT} FROM {rows.OUTBOX} WHERE {rows.UNSENT} ORDER BY n LIMIT ?", [
            self._numbers(),
            limit,
        ]

    def of(self, document: tuple[str, str]) -> Question:
        return f"SELECT {rows.EVENT} FROM {rows.OUTBOX} WHERE collection = ? AND id = ? ORDER BY n", [*document]

    def depth(self, limit: int) -> Question:
        documents = f"SELECT DISTINCT collection, id FROM {rows.OUTBOX} WHERE {rows.UNSENT} LIMIT ?"
        return f"SELECT count(*) FROM ({documents})", [self._numbers(), limit]

    def unsent(self, found: Sequence[Sequence[object]]) -> list[Pending]:
        """From rows of EVENT, without what was sent while they were read."""
        return [entry for entry in map(rows.pending, found) if entry.number not in self._sent]

    def note_sent(self, sent: Sequence[Pending]) -> None:
        numbers = {entry.number for entry in sent}
        self._told -= numbers
        self._sent |= numbers

    def sent(self) -> list[int]:
        return sorted(self._sent)

    def gone(self, numbers: Sequence[int]) -> None:
        """These are no longer in the outbox."""
        self._sent.difference_update(numbers)

    def _numbers(self) -> str:
        return str(self.sent())  # a list of numbers is the same in JSON
