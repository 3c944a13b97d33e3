"""What a service is made of, and what it gets to work with. `chassis.running` puts it to work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from chassis.bus import Bus
from chassis.callers import CallersFile
from chassis.clock import Clock
from chassis.handlers import Subscription
from chassis.health import Health
from chassis.outbox import Author
from chassis.problems import Problem
from chassis.schema import PutRight
from chassis.store import Document, Index, Store


@dataclass(frozen=True, slots=True)
class Infra:
    """What a service gets to work with."""

    store: Store
    bus: Bus
    clock: Clock
    callers: CallersFile
    author: Author
    health: Health


@dataclass(frozen=True, slots=True)
class Periodic:
    """A background loop. `do` answers how much it did: anything runs it again at once.

    Nothing done waits for `every` seconds, or for `wake`.
    """

    name: str
    every: float
    do: Callable[[], Awaitable[int]]
    wake: asyncio.Event | None = None


@dataclass(frozen=True)
class Service:
    name: str
    collection: str  # of the documents that events are handled on
    collections: Sequence[str] = ()
    indexes: Sequence[Index] = ()
    routers: Sequence[APIRouter] = ()
    subscriptions: Sequence[Subscription] = ()
    saved: Callable[[Sequence[Document]], None] | None = None  # documents that handlers have written, as they are now
    problems: Mapping[type[Exception], Problem] = field(default_factory=dict)
    use_cases: Mapping[type, object] = field(default_factory=dict)
    periodic: Sequence[Periodic] = ()
    ways_out: Sequence[object] = ()  # out of the system, besides the bus; each has an asynchronous `send`
    setup: Callable[[], Awaitable[None]] | None = None  # puts versions of policy data into the store; repeatable
    check: Callable[[], Awaitable[None]] | None = None  # raises to refuse the start
    restored: PutRight | None = None  # puts right what a backup may have torn; repeatable
    finish: Callable[[], Coroutine[Any, Any, None]] | None = None  # after the last event and the last periodic work


Build = Callable[[Any, Infra], Service]
