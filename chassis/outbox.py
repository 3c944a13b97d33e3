"""Events on their way out: numbered per key, kept in the document that says them until the bus acknowledged them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chassis import correlation
from chassis.clock import Clock
from chassis.envelope import to_record
from chassis.store import Document, Outgoing, Write, change, create
from contracts.events import Event


class Author:
    """Writes documents in the name of one service. `source`: "/intake"."""

    def __init__(self, source: str, clock: Clock) -> None:
        self.source = source
        self._clock = clock

    def create(
        self,
        collection: str,
        id: str,
        fields: Mapping[str, Any],
        *,
        partner_id: str,
        events: Sequence[Event] = (),
        append: Mapping[str, Sequence[Any]] | None = None,
        seen: Mapping[str, int] | None = None,
        correlation_id: str = "",
        causation_id: str = "",
    ) -> Write:
        """A new document of this partner, with its first events."""
        outgoing = self.outgoing(events, 0, partner_id, correlation_id, causation_id)
        return create(collection, id, {**fields, "partner_id": partner_id}, append=append, seen=seen, events=outgoing)

    def change(
        self,
        collection: str,
        document: Document,
        fields: Mapping[str, Any],
        *,
        events: Sequence[Event] = (),
        append: Mapping[str, Sequence[Any]] | None = None,
        seen: Mapping[str, int] | None = None,
        correlation_id: str = "",
        causation_id: str = "",
    ) -> Write:
        """Replaces the version that was read; its new events follow the ones it has sent before."""
        partner_id = str(document.data.get("partner_id", ""))
        outgoing = self.outgoing(events, document.emitted, partner_id, correlation_id, causation_id)
        return change(collection, document, fields, append=append, seen=seen, events=outgoing)

    def outgoing(
        self, events: Sequence[Event], after: int, partner_id: str, correlation_id: str, causation_id: str
    ) -> list[Outgoing]:
        """Numbers the events after `after` and makes their records."""
        if not events:
            return []
        time = self._clock.now()
        correlation_id = correlation_id or correlation.current() or uuid.uuid4().hex
        return [
            Outgoing(
                sequence,
                to_record(
                    event,
                    sequence=sequence,
                    source=self.source,
                    time=time,
                    partner_id=partner_id,
                    correlation_id=correlation_id,
                    causation_id=causation_id,
                ),
            )
            for sequence, event in enumerate(events, start=after + 1)
        ]
