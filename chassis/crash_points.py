"""Named points at which a process kills itself, for fault tests. Nothing of this is loaded unless a plan is named.

A plan is a file with one `point passage` per line, such as `after-save 3`. A process takes the first line when it
starts, counts how often it passes the point, strikes the line out at that passage and dies of SIGKILL. The process
that follows takes the next line; an empty plan is over.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chassis.adapters import open_bus, open_store
from chassis.bus import Bus
from chassis.handlers import Delivery, Save, Subscription
from chassis.running import Running
from chassis.service import Build, Infra, Service
from chassis.settings import ServiceSettings
from chassis.store import Document, Pending, Store, Write

EVERYWHERE = (
    "before-decode",  # records were read from the bus, and nothing was made of them
    "after-handle",  # a handler has answered, and nothing is saved
    "after-save",  # a document with marks or events is in the store
    "after-publish",  # the bus has acknowledged an event
    "before-mark",  # of what was sent
    "after-mark",
    "before-commit",  # of an offset
    "after-commit",
)
AFTER_DATA = "after-data"  # a message has left the system, and its document does not know
POINTS = (*EVERYWHERE, AFTER_DATA)


class Plan:
    """The first line of a plan file, and how often its point is still to be passed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.read_text("utf-8").split("\n") if path.exists() else []
        self._point, self._left = "", 0
        if self._lines and self._lines[0]:
            self._point, passage = self._lines[0].split()
            self._left = int(passage)
            if self._point not in POINTS:
                raise ValueError(f"{self._point} is no crash point")

    def passes(self, point: str, *, counts: bool = True) -> None:
        """Does not return when it is time."""
        if point != self._point or not counts:
            return
        self._left -= 1
        if self._left == 0:
            struck = self._path.with_suffix(".struck")
            struck.write_text("\n".join(self._lines[1:]), "utf-8")
            struck.replace(self._path)
            os.kill(os.getpid(), signal.SIGKILL)


def planned(settings: ServiceSettings, build: Build, *, name: str, role: str, path: Path) -> Running:
    """The service with its points watched, all from outside. ValueError: the plan names a point that does not exist."""
    plan = Plan(path)

    async def opens_store(url: str) -> Store:
        store = await open_store(url)
        _around(store, "write", after=lambda args, _: plan.passes("after-save", counts=_of_a_case(args[0])))
        _watch_marks(store, plan)
        return store

    async def opens_bus(url: str) -> Bus:
        bus = await open_bus(url)
        _around(bus, "publish", after=lambda args, sent: plan.passes("after-publish", counts=any(sent)))
        _around(bus, "consumer", after=lambda args, consumer: _watch_consumer(consumer, plan))
        return bus

    def builds(given: ServiceSettings, infra: Infra) -> Service:
        service = build(given, infra)
        for way_out in service.ways_out:
            _around(way_out, "send", after=lambda args, _: plan.passes(AFTER_DATA))
        return replace(service, subscriptions=[_watched(line, plan) for line in service.subscriptions])

    return Running(settings, builds, name=name, role=role, opens_store=opens_store, opens_bus=opens_bus)


def _watch_marks(store: Store, plan: Plan) -> None:
    """Marks are made by time; only those count for which something was sent."""
    noted = False
    note_sent = store.note_sent

    def noting(sent: Sequence[Pending]) -> None:
        nonlocal noted
        noted = noted or bool(sent)
        note_sent(sent)

    def marked(_: Any, written: int) -> None:
        nonlocal noted
        noted = noted and not written
        plan.passes("after-mark", counts=written > 0)

    store.note_sent = noting  # type: ignore[method-assign]
    _around(store, "mark_sent", before=lambda args: plan.passes("before-mark", counts=noted), after=marked)


def _watch_consumer(consumer: Any, plan: Plan) -> None:
    _around(consumer, "poll", after=lambda args, found: plan.passes("before-decode", counts=bool(found)))
    _around(
        consumer,
        "commit",
        before=lambda args: plan.passes("before-commit"),
        after=lambda args, _: plan.passes("after-commit"),
    )


def _watched(subscription: Subscription, plan: Plan) -> Subscription:
    do, line = subscription.do, subscription.line

    async def doing(event: Any, document: Document | None, delivery: Delivery) -> Save | None:
        saved = await do(event, document, delivery) if do is not None else None
        plan.passes("after-handle")
        return saved

    def adding(event: Any, delivery: Delivery) -> Any:
        entries = line(event, delivery) if line is not None else {}
        plan.passes("after-handle")
        return entries

    return replace(subscription, do=doing if do is not None else None, line=adding if line is not None else None)


def _of_a_case(writes: Sequence[Write]) -> bool:
    return any(write.seen or write.events for write in writes)


def _around(
    thing: Any,
    name: str,
    *,
    before: Callable[[tuple[Any, ...]], Any] = lambda args: None,
    after: Callable[[tuple[Any, ...], Any], Any],
) -> None:
    """Puts calls around an asynchronous method of this one object."""
    inner: Callable[..., Awaitable[Any]] = getattr(thing, name)

    async def passing(*args: Any, **more: Any) -> Any:
        before(args)
        result = await inner(*args, **more)
        after(args, result)
        return result

    setattr(thing, name, passing)
