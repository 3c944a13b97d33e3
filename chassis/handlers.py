"""What a service says about an event: a table of handlers, and the four ways in which one can end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.bus import Received
from chassis.chain import Chain
from chassis.store import Document
from contracts.events import Event


@dataclass(frozen=True, slots=True)
class Save:
    """What becomes of the document of the event's key: fields to set, events to send in this order, lists to extend."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Event] = ()
    append: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class Retry(Exception):
    """May work later: this key waits, no other does."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Reject(Exception):
    """Never will work: the event is parked with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event with what its envelope says. `event` is None for a type that this service does not know."""

    received: Received
    type: str
    key: str
    producer: str  # "intake", from ce_source "/intake"
    sequence: int
    id: str
    time: str  # instant at the source
    partner_id: str
    correlation_id: str
    event: Event | None
    before: Chain | None = None  # the last event of each type before it; None: its producer does not say


Handler = Callable[[Any, Document | None], Awaitable[Save | None]]
TimedHandler = Callable[[Any, Document | None, Delivery], Awaitable[Save | None]]
Line = Callable[[Any, Delivery], Mapping[str, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Subscription:
    types: tuple[type[Event], ...]
    do: TimedHandler | None = None
    line: Line | None = None  # entries to append by an unguarded push, without reading the document
    unless: Mapping[str, Any] = field(default_factory=dict)  # a document with one of these values gets no line
    ends: bool = False


def on(*types: type[Event], do: Handler, ends: bool = False) -> Subscription:
    """Events that a handler turns into a `Save` of their document (or None: nothing but the mark moves).

    Types without a handler are passed over and leave no mark.

    ends: the event ends the aggregate and is handled whatever came before it, a gap or a parked event included.
    """

    async def without_envelope(event: Any, document: Document | None, _: Delivery) -> Save | None:
        return await do(event, document)

    return Subscription(types, do=without_envelope, ends=ends)


def on_delivery(*types: type[Event], do: TimedHandler) -> Subscription:
    """The same for a handler that wants the envelope too."""
    return Subscription(types, do=do)


def on_line(*types: type[Event], line: Line, unless: Mapping[str, Any] | None = None) -> Subscription:
    """Events that only add entries to lists of their document and change no version.

    unless: what a document that has ended says of itself ({"status": "erased"}); it gets no line, its mark moves.
    """
    return Subscription(types, line=line, unless=unless or {})


def by_type(subscriptions: Sequence[Subscription]) -> dict[str, Subscription]:
    """Event type -> subscription. Two for one type are a mistake of the service."""
    table: dict[str, Subscription] = {}
    for subscription in subscriptions:
        for event in subscription.types:
            if event.TYPE in table:
                raise ValueError(f"{event.TYPE} has two handlers")
            table[event.TYPE] = subscription
    return table
