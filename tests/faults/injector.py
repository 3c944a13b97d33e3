"""Strikes at awaits: the task that stands at a chosen suspension point of our own frames is cancelled there.

A suspension point is told by the lines of our own frames that wait at it, from the outermost to the innermost. They
are found by running: each is struck the first time that it is met, and one that was struck is left alone from then on.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Collection, Coroutine, Generator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OURS = tuple(str(ROOT / folder) for folder in ("chassis", "services"))
ADAPTERS = ("chassis/store_sqlite.py", "chassis/bus_log")  # a task of an adapter's own is no part that is started again
LEFT_ALONE = ("test", "bus", "store")  # tasks of the test, and of a service that is being stopped already
Site = tuple[str, ...]  # the part, then "chassis/relay.py:33" of each frame


class Injector:
    """`install` it, then `arm` parts for one strike each. A part: "intake" for that service's tasks, or "other".

    `wanted`: which suspension points count.
    """

    def __init__(self, wanted: Callable[[Site], bool], *, parts: Collection[str]) -> None:
        self._wanted = wanted
        self._parts = parts
        self._armed: set[str] = set()
        self._done: set[Site] = set()
        self.struck: list[Site] = []

    def install(self) -> None:
        """In the running loop: every task that is made from now on is watched."""
        asyncio.get_running_loop().set_task_factory(self._task)

    def arm(self, *parts: str) -> None:
        """These and no others."""
        self._armed = set(parts)

    def _task(
        self, loop: asyncio.AbstractEventLoop, work: Generator[Any] | Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        watched = _Watched(work, self) if asyncio.iscoroutine(work) else work
        return asyncio.Task(watched, loop=loop, **more)

    def stands(self, work: Coroutine[Any, Any, Any]) -> None:
        """The current task is about to wait. Cancels it if this is the place."""
        task = asyncio.current_task()
        name = task.get_name().partition(".")[0] if task is not None else ""
        if not self._armed or task is None or name in LEFT_ALONE:
            return
        part = name if name in self._parts else "other"
        frames = _frames(work) if part in self._armed else []
        site = (part, *frames)
        if not frames or frames[0].startswith(ADAPTERS) or site in self._done or not self._wanted(site):
            return
        self._armed.discard(part)
        self._done.add(site)
        self.struck.append(site)
        task.cancel()


class _Watched(Coroutine[Any, Any, Any]):
    """Work whose task is looked at each time before it waits."""

    def __init__(self, work: Coroutine[Any, Any, Any], injector: Injector) -> None:
        self._work = work
        self._injector = injector

    def send(self, value: Any) -> Any:
        waits_for = self._work.send(value)
        self._injector.stands(self._work)
        return waits_for

    def throw(self, *error: Any) -> Any:
        waits_for = self._work.throw(*error)
        self._injector.stands(self._work)
        return waits_for

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()


def _frames(work: Any) -> list[str]:
    frames = []
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "gi_frame", None) or getattr(work, "ag_frame", None)
        if frame is not None and frame.f_code.co_filename.startswith(OURS):
            frames.append(f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}")
        work = getattr(work, "cr_await", None) or getattr(work, "gi_yieldfrom", None) or getattr(work, "ag_await", None)
    return frames


def one_in(count: int) -> Callable[[Site], bool]:
    """A choice that is the same in each run of the same code."""
    return lambda site: zlib.crc32("|".join(site).encode()) % count == 0
