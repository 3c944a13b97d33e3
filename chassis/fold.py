"""What a service makes of the events of one key: in order, each once, never past a gap; folded into one write."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis import chain, metrics
from chassis.chain import Chain
from chassis.correlation import correlated
from chassis.handlers import Delivery, Reject, Retry, Save, Subscription
from chassis.outbox import Author
from chassis.store import Document, Outgoing, StoreUnavailable, Write, change, create, outbox_after, push
from chassis.store_rules import check

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the events of one producer cannot go on for this key."""

    kind: str  # gap | retry | reject | failed
    code: str


@dataclass(slots=True)
class Folded:
    """The outcome for one key: a write (or none), what is left to do, and why; without a trouble it is put off."""

    write: Write | None = None
    document: Document | None = None  # as it stands after the write
    left: list[Delivery] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)  # by producer
    ended: bool = False


class Fold:
    """The state of one key while its events are handled."""

    def __init__(
        self,
        service: str,
        collection: str,
        author: Author,
        table: Mapping[str, Subscription],
        *,
        handler_seconds: float,
    ) -> None:
        """handler_seconds: a handler that takes longer has failed."""
        self._service = service
        self._collection = collection
        self._author = author
        self._table = table
        self._handler_seconds = handler_seconds

    async def key(
        self,
        deliveries: Sequence[Delivery],
        document: Document | None,
        *,
        checked: bool = False,
        passed: Mapping[str, int] | None = None,
        until: float = math.inf,
    ) -> Folded:
        """Handles what can be handled. A handler sees the fields that the one before it returned.

        checked: what no store can keep is a failure of the handler that returned it, found here and not by the store.
        passed: marks that count as reached, by producer; what is missing below them is given up.
        until: by time.monotonic(); later no handler begins, and what is left is put off.
        """
        state = _State(document, checked=checked)
        for producer, mark in (passed or {}).items():
            state.seen[producer] = max(mark, state.seen.get(producer, 0))
        folded = Folded(left=[delivery for delivery in deliveries if not self.passes_over(delivery)])
        progress = True
        while progress:  # an event that closes a gap lets the ones behind it go on
            progress = False
            for delivery in tuple(folded.left):
                if delivery not in folded.left:
                    continue  # came before an event that ended the aggregate
                if time.monotonic() >= until:
                    _put_off(folded)
                    progress = False
                    break
                moved = await self._one(delivery, state, folded)
                progress = progress or moved
        if state.touched:
            folded.write = self._write(deliveries[0].key, state, ends=folded.ended)
            folded.document = state.written(folded.write)
        return folded

    def passes_over(self, delivery: Delivery) -> bool:
        """Is it of a type without a handler here, and no mark needed to say so?"""
        return chain.passed_over(delivery.type, delivery.before, self._table)

    async def _one(self, delivery: Delivery, state: _State, folded: Folded) -> bool:
        producer = delivery.producer
        last = state.seen.get(producer, 0)
        if delivery.sequence <= last:
            folded.left.remove(delivery)
            metrics.events(self._service, self._label(delivery), "repeated").inc()
            return False
        subscription = self._table.get(delivery.type)
        ends = subscription is not None and subscription.ends
        if subscription is not None and subscription.line is not None and not state.exists:
            folded.left.remove(delivery)  # nothing there to add to, and none is made: as with a push
            metrics.events(self._service, delivery.type, "without-document").inc()
            return False
        if not ends:
            if producer in folded.troubles and folded.troubles[producer].kind != "gap":
                return False
            if last < chain.needed(delivery.sequence, delivery.before, self._table):
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
            folded.left = [
                other for other in folded.left if other.producer != producer or other.sequence > delivery.sequence
            ]
        metrics.events(self._service, self._label(delivery), "handled").inc()
        return True

    async def _handle(self, delivery: Delivery, subscription: Subscription | None, state: _State) -> None:
        saved = None
        if delivery.event is None:
            metrics.events(self._service, "unknown", "skipped").inc()
        elif subscription is not None and subscription.line is not None:  # came in one batch with others of its key
            if not state.is_stone(subscription):
                with correlated(delivery.correlation_id):
                    saved = Save(append=subscription.line(delivery.event, delivery))
        elif subscription is not None and subscription.do is not None:
            with correlated(delivery.correlation_id):
                async with asyncio.timeout(self._handler_seconds):
                    saved = await subscription.do(delivery.event, state.view(delivery.key), delivery)
        partner_id = state.partner_id or delivery.partner_id
        if saved is not None:
            if state.checked:
                check(Write("create", self._collection, delivery.key, fields=saved.fields, append=saved.append))
            outgoing, said = self._author.outgoing(
                saved.events, state.said, partner_id, delivery.correlation_id, delivery.id
            )
            state.outgoing += outgoing
            for name in saved.fields:  # the handler saw what was appended before; what it sets now replaces it
                state.append.pop(name, None)
            state.fields |= {**saved.fields, **said}
            for name, entries in saved.append.items():
                state.append.setdefault(name, []).extend(entries)
        state.partner_id = partner_id
        state.seen[delivery.producer] = delivery.sequence
        state.moved[delivery.producer] = delivery.sequence

    def _write(self, key: str, state: _State, *, ends: bool) -> Write:
        if state.document is None:
            fields = {**state.fields, "partner_id": state.partner_id}
            return create(self._collection, key, fields, append=state.append, seen=state.moved, events=state.outgoing)
        return change(
            self._collection,
            state.document,
            state.fields,
            append=state.append,
            seen=state.moved,
            events=state.outgoing,
            ends=ends,
        )

    def line(self, delivery: Delivery) -> Write | None:
        """The unguarded push of an event that only adds lines; None when it is not one, or none can be made of it."""
        subscription = self._table.get(delivery.type)
        if subscription is None or subscription.line is None or delivery.event is None:
            return None
        if chain.needed(delivery.sequence, delivery.before, self._table) != delivery.sequence - 1:
            return None  # a push moves a mark by one
        try:
            with correlated(delivery.correlation_id):
                entries = subscription.line(delivery.event, delivery)
            seen = {delivery.producer: delivery.sequence}
            write = push(self._collection, delivery.key, entries, seen=seen, unless=subscription.unless)
            check(write)
        except Exception:
            log.exception(
                "line not made", extra={"action": "consumer.failed", "key": delivery.key, "type": delivery.type}
            )
            return None
        return write

    def _label(self, delivery: Delivery) -> str:
        return delivery.type if delivery.event is not None else "unknown"


def _put_off(folded: Folded) -> None:
    """What seems to be missing may be among the events that were not looked at."""
    folded.troubles = {producer: why for producer, why in folded.troubles.items() if why.kind != "gap"}


class _State:
    def __init__(self, document: Document | None, *, checked: bool) -> None:
        self.document = document
        self.checked = checked
        self.partner_id = str(document.data.get("partner_id", "")) if document else ""
        self.seen: dict[str, int] = dict(document.seen) if document else {}
        self.moved: dict[str, int] = {}
        self.fields: dict[str, Any] = {}
        self.outgoing: list[Outgoing] = []
        self.append: dict[str, list[Any]] = {}

    @property
    def touched(self) -> bool:
        return bool(self.moved)

    @property
    def exists(self) -> bool:
        return self.document is not None or self.touched

    @property
    def emitted(self) -> int:
        return (self.document.emitted if self.document else 0) + len(self.outgoing)

    @property
    def said(self) -> Chain:
        said = self.fields.get("said") or (self.document.data.get("said") if self.document else None)
        return chain.stored(said, self.emitted)

    def is_stone(self, subscription: Subscription) -> bool:
        """Is it a document that gets no line?"""
        data = {**(self.document.data if self.document else {}), **self.fields}
        return any(data.get(name) == value for name, value in subscription.unless.items())

    def view(self, key: str) -> Document | None:
        """The document as the next handler of this batch sees it."""
        if not self.exists:
            return None
        base = self.document
        data = {**(base.data if base else {}), **self.fields}
        for name, entries in self.append.items():
            data[name] = [*data.get(name, ()), *entries]
        return Document(key, base.version if base else 0, data, dict(self.seen), self.emitted)

    def written(self, write: Write) -> Document:
        """The document after this write."""
        after = self.view(write.id)
        version = self.document.version if self.document else 0
        data = {**(after.data if after else {}), **write.fields}
        return Document(write.id, version + 1, data, dict(self.seen), self.emitted, outbox_after(write))
