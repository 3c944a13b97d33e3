"""Rounds of load, fold and write for the events of a portion: each key's effects and marks in one write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from chassis import metrics, parked
from chassis.fold import Fold, Folded
from chassis.handlers import Delivery, Subscription
from chassis.holding import Held, Holding
from chassis.store import Document, Outcome, Store, Write


class Rounds:
    """Of one consumer. `saved`: is told of the documents that handlers have written.

    `handled_for`: seconds that handlers have taken; whoever begins a batch sets it to 0. At `handler_seconds` no more
    of them begin: what is left is put off.
    """

    def __init__(
        self,
        service: str,
        store: Store,
        *,
        collection: str,
        table: Mapping[str, Subscription],
        fold: Fold,
        held: Holding,
        saved: Callable[[Sequence[Document]], None],
        handler_seconds: float,
    ) -> None:
        self._service = service
        self._store = store
        self._collection = collection
        self._table = table
        self._fold = fold
        self._held = held
        self._saved = saved
        self._handler_seconds = handler_seconds
        self.handled_for = 0.0

    async def handle(self, work: dict[str, list[Delivery]], parks: list[Write], before: Mapping[str, Held]) -> None:
        """Until each event of `work` is handled, held, parked or put off. A key whose document changed meanwhile goes
        into the next round.

        parks: written with the first round. before: how what was held of the keys has waited.
        """
        rest = work
        refused: set[str] = set()  # keys whose line was not pushed
        checked = False
        while rest or parks:
            lines = {key: line for key, events in rest.items() if (line := self._line(events, refused)) is not None}
            folds = await self._folds({key: rest[key] for key in rest if key not in lines}, checked)
            ended = {key for key, folded in folds.items() if folded.ended}
            for key in ended:
                await parked.forget(self._store, key)  # before the mark moves: after a crash nobody would do it
            parks = [write for write in parks if write.fields["key"] not in ended]
            waiting = {
                key: await self._held.hold_or_park(key, folded, before.get(key)) for key, folded in folds.items()
            }
            at_once = [write for key in folds if folds[key].write is None for write in waiting[key]]
            changes = {key: folded.write for key, folded in folds.items() if folded.write is not None}
            changes |= {key: write for key, (_, write) in lines.items()}
            try:
                outcomes = await self._store.write([*changes.values(), *parks, *at_once])
            except ValueError:
                if checked:
                    raise
                checked = True  # a handler returned what no store keeps; only its key shall wait
                self.handled_for = 0.0  # else there would be no time to find it
                for key in folds:
                    self._held.forget(key)
                continue
            documents = [
                document
                for key, outcome in zip(changes, outcomes, strict=False)
                if outcome is Outcome.WRITTEN and key in folds and (document := folds[key].document) is not None
            ]
            self._saved(documents)
            parks = []
            again: dict[str, list[Delivery]] = {}
            for key, outcome in zip(changes, outcomes, strict=False):
                written = outcome is Outcome.WRITTEN
                if key not in lines:
                    if written:
                        parks += waiting[key]
                    else:  # another write came between: the handlers see the new document
                        self._held.forget(key)
                        again[key] = rest[key]
                    continue
                pushed, _ = lines[key]
                if written:
                    metrics.events(self._service, pushed.type, "handled").inc()
                    again[key] = [event for event in rest[key] if event is not pushed]
                else:
                    again[key] = await self._not_repeated(key, rest[key])
                    if len(again[key]) == len(rest[key]):  # a gap, a stone, no document: the fold tells which
                        refused.add(key)
            rest = {key: events for key, events in again.items() if events}

    async def _folds(self, work: Mapping[str, list[Delivery]], checked: bool) -> dict[str, Folded]:
        """What the handlers have no time for any more is put off to a later batch."""
        documents = await self._store.get_many(self._collection, list(work))
        began = time.monotonic()
        until = began + self._handler_seconds - self.handled_for
        try:
            return {
                key: await self._fold.key(events, documents.get(key), checked=checked, until=until)
                for key, events in work.items()
            }
        finally:
            self.handled_for += time.monotonic() - began

    async def _not_repeated(self, key: str, events: Sequence[Delivery]) -> list[Delivery]:
        document = await self._store.get(self._collection, key)
        seen = document.seen if document is not None else {}
        left = [event for event in events if event.sequence > seen.get(event.producer, 0)]
        metrics.events(self._service, events[0].type, "repeated").inc(len(events) - len(left))
        return left

    def _line(self, events: Sequence[Delivery], refused: set[str]) -> tuple[Delivery, Write] | None:
        """The push for the first event, when all events of the key only add lines."""
        lines = [self._table.get(event.type) for event in events]
        if events[0].key in refused or any(line is None or line.line is None for line in lines):
            return None
        write = self._fold.line(events[0])
        return None if write is None else (events[0], write)
