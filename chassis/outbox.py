"""Events on their way out: numbered per key, kept in the document that says them until the bus acknowledged them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chassis import chain, correlation
from chassis.chain import Chain
from chassis.clock import Clock
from chassis.envelope import to_record
from chassis.store import Document, Outgoing, Write, change, create
from contracts.events import Event


class Author:
    """Writes documents in the name of one service. `source`: "/intake".

    A document's field `said` holds which events of its key came last, by type (see `chain`).
    """

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
        outgoing, said = self.outgoing(events, chain.FIRST, partner_id, correlation_id, causation_id)
        own = {"partner_id": partner_id, **said}
        return create(collection, id, {**fields, **own}, append=append, seen=seen, events=outgoing)

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
        ends: bool = False,
    ) -> Write:
        """Replaces the version that was read; its new events follow the ones it has sent before."""
        partner_id = str(document.data.get("partner_id", ""))
        before = chain.stored(document.data.get("said"), document.emitted)
        outgoing, said = self.outgoing(events, before, partner_id, correlation_id, causation_id)
        return change(collection, document, {**fields, **said}, append=append, seen=seen, events=outgoing, ends=ends)

    def outgoing(
        self, events: Sequence[Event], before: Chain, partner_id: str, correlation_id: str, causation_id: str
    ) -> tuple[list[Outgoing], dict[str, str]]:
        """Numbers the events after `before` and makes their records; with the field that says which came last."""
        if not events:
            return [], {}
        time = self._clock.now()
        correlation_id = correlation_id or correlation.current() or uuid.uuid4().hex
        outgoing = []
        for event in events:
            sequence = chain.last(before) + 1
            record = to_record(
                event,
                sequence=sequence,
                before=before,
                source=self.source,
                time=time,
                partner_id=partner_id,
                correlation_id=correlation_id,
                causation_id=causation_id,
            )
            outgoing.append(Outgoing(sequence, record))
            before = chain.extended(before, event.TYPE)
        return outgoing, {"said": chain.text(before)}
