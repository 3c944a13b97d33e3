"""What a service makes of the events of one key: in order, each once, never past a gap; folded into one write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis import metrics
from chassis.correlation import correlated
from chassis.handlers import Delivery, Reject, Retry, Save, Subscription
from chassis.outbox import Author
from chassis.store import Document, StoreUnavailable, Write, push
from contracts.events import Event

log = logging.getLogger(__name__)

HANDLER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the events of one producer cannot go on for this key."""

    kind: str  # gap | retry | reject | failed
    code: str


@dataclass(slots=True)
class Folded:
    """The outcome for one key: a write (or none), what is left to do, and why."""

    write: Write | None = None
    left: list[Delivery] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)  # by producer
    ended: bool = False


class Fold:
    """The state of one key while its events are handled."""

    def __init__(self, service: str, collection: str, author: Author, table: Mapping[str, Subscription]) -> None:
        self._service = service
        self._collection = collection
        self._author = author
        self._table = table

    async def key(self, deliveries: Sequence[Delivery], document: Document | None) -> Folded:
        """Handles what can be handled. A handler sees the fields that the one before it returned."""
        state = _State(document)
        folded = Folded(left=list(deliveries))
        progress = True
        while progress:  # an event that closes a gap lets the ones behind it go on
            progress = False
            for delivery in tuple(folded.left):
                moved = await self._one(delivery, state, folded)
                progress = progress or moved
        if state.touched:
            folded.write = self._write(state, folded)
        return folded

    async def _one(self, delivery: Delivery, state: _State, folded: Folded) -> bool:
        producer = delivery.producer
        last = state.seen.get(producer, 0)
        if delivery.sequence <= last:
            folded.left.remove(delivery)
            metrics.EVENTS.labels(service=self._service, type=self._label(delivery), outcome="repeated").inc()
            return False
        subscription = self._table.get(delivery.type)
        ends = subscription is not None and subscription.ends
        if not ends:
            if producer in folded.troubles and folded.troubles[producer].kind != "gap":
                return False
            if delivery.sequence > last + 1:
                folded.troubles.setdefault(producer, Trouble("gap", "gap"))
                return False
        try:
            await self._handle(delivery, subscription, state)
        except (Retry, Reject) as why:
            folded.troubles[producer] = Trouble("retry" if isinstance(why, Retry) else "reject", why.code)
            return False
        except StoreUnavailable:
            raise
        except Exception as failure:
            log.exception(
                "handler failed",
                extra={"action": "consumer.failed", "key": delivery.key, "type": delivery.type},
            )
            folded.troubles[producer] = Trouble("failed", f"failed-{type(failure).__name__}")
            return False
        folded.troubles.pop(producer, None)
        folded.left.remove(delivery)
        if ends:
            folded.ended = True
            folded.left = [other for other in folded.left if other.producer != producer]
        metrics.EVENTS.labels(service=self._service, type=self._label(delivery), outcome="handled").inc()
        return True

    async def _handle(self, delivery: Delivery, subscription: Subscription | None, state: _State) -> None:
        saved = None
        if delivery.event is None:
            metrics.EVENTS.labels(service=self._service, type="unknown", outcome="skipped").inc()
        elif subscription is not None and subscription.line is not None:  # came in one batch with others of its key
            if state.view(delivery.key) is None:  # nothing there to add to, and none is made: as with a push
                state.seen[delivery.producer] = delivery.sequence
                return
            saved = Save(append=subscription.line(delivery.event, delivery))
        elif subscription is not None and subscription.do is not None:
            with correlated(delivery.correlation_id):
                do = subscription.do(delivery.event, state.view(delivery.key), delivery)
                saved = await asyncio.wait_for(do, HANDLER_SECONDS)
        if saved is not None:
            for name in saved.fields:  # the handler saw what was appended before; what it sets now replaces it
                state.append.pop(name, None)
            state.fields |= saved.fields
            state.events += saved.events
            for name, entries in saved.append.items():
                state.append.setdefault(name, []).extend(entries)
        state.seen[delivery.producer] = delivery.sequence
        state.moved[delivery.producer] = delivery.sequence
        state.cause = delivery

    def _write(self, state: _State, folded: Folded) -> Write:
        cause = state.cause
        if cause is None:
            raise AssertionError("a touched state has a cause")
        if state.document is None:
            return self._author.create(
                self._collection,
                cause.key,
                state.fields,
                partner_id=cause.partner_id,
                events=state.events,
                append=state.append,
                seen=state.moved,
                correlation_id=cause.correlation_id,
                causation_id=cause.id,
            )
        return self._author.change(
            self._collection,
            state.document,
            state.fields,
            events=state.events,
            append=state.append,
            seen=state.moved,
            correlation_id=cause.correlation_id,
            causation_id=cause.id,
        )

    def line(self, delivery: Delivery, subscription: Subscription) -> Write:
        """The unguarded push of an event that only adds lines."""
        if subscription.line is None or delivery.event is None:
            raise AssertionError("only for events with a line")
        entries = subscription.line(delivery.event, delivery)
        return push(self._collection, delivery.key, entries, seen={delivery.producer: delivery.sequence})

    def _label(self, delivery: Delivery) -> str:
        return delivery.type if delivery.event is not None else "unknown"


class _State:
    def __init__(self, document: Document | None) -> None:
        self.document = document
        self.seen: dict[str, int] = dict(document.seen) if document else {}
        self.moved: dict[str, int] = {}
        self.fields: dict[str, Any] = {}
        self.events: list[Event] = []
        self.append: dict[str, list[Any]] = {}
        self.cause: Delivery | None = None

    @property
    def touched(self) -> bool:
        return bool(self.moved)

    def view(self, key: str) -> Document | None:
        """The document as the next handler of this batch sees it."""
        if self.document is None and not self.touched:
            return None
        base = self.document
        data = {**(base.data if base else {}), **self.fields}
        for name, entries in self.append.items():
            data[name] = [*data.get(name, ()), *entries]
        emitted = (base.emitted if base else 0) + len(self.events)
        return Document(key, base.version if base else 0, data, dict(self.seen), emitted)
