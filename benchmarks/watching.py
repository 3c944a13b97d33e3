"""When an application is complete: notify has stored the message that tells the determination."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from chassis.adapters import open_store
from chassis.store import Cond, Store

COLLECTION = "cases_told"
PAGE = 100
PAUSE = 0.02  # seconds between two looks while applications are under way
CLOSE_PAUSE = 0.001  # and while one application alone is measured


class Late(Exception):
    """Applications were accepted and are not complete in time; the message says how many."""


class Watch:
    """Reads notify's store from outside, by the store port. Times are those of `time.perf_counter`."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}?mode=ro" if url.startswith("sqlite:") else url
        self._store: Store | None = None
        self._accepted: dict[str, float] = {}  # under way, oldest first
        self.completed: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        self._store = await open_store(self._url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is not None:
            await self._store.close()

    @property
    def under_way(self) -> int:
        return len(self._accepted)

    def accepted(self, case_id: str) -> None:
        self._accepted[case_id] = time.perf_counter()

    async def one(self, case_id: str, *, seconds: float = 30.0) -> float:
        """Looks as often as it can until this application is complete; when that was."""
        end = time.perf_counter() + seconds
        while not await self._told([case_id]):
            if time.perf_counter() > end:
                raise Late(f"an application alone was not complete within {seconds:.0f} s")
            await asyncio.sleep(CLOSE_PAUSE)
        return time.perf_counter()

    async def run(self, finished: asyncio.Event, *, seconds: float = 120.0) -> None:
        """Until `finished` and nothing is under way any more. Late: so many seconds after the end that is not so."""
        end: float | None = None
        while self._accepted or not finished.is_set():
            oldest = list(self._accepted)[:PAGE]
            told = await self._told(oldest) if oldest else set()
            now = time.perf_counter()
            for case_id in told:
                del self._accepted[case_id]
                self.completed[case_id] = now
            if finished.is_set():
                end = end or now + seconds
                if now > end:
                    raise Late(f"{len(self._accepted)} applications were not complete {seconds:.0f} s after the last")
            if len(told) < PAGE / 2:
                await asyncio.sleep(PAUSE)

    async def until_delivered(self, *, seconds: float = 120.0, pause: float = PAUSE) -> float:
        """Until no message is on its way; when that was. Late also when one was given up."""
        end = time.perf_counter() + seconds
        while await self._store_now.find(COLLECTION, {"due_at": Cond("is_not", None)}, order=("due_at",), limit=1):
            if time.perf_counter() > end:
                raise Late(f"messages did not go out within {seconds:.0f} s")
            await asyncio.sleep(pause)
        delivered = time.perf_counter()
        if await self._store_now.count(COLLECTION, {"states": Cond("holds", "waiting")}):
            raise Late("messages were given up")
        return delivered

    async def _told(self, case_ids: list[str]) -> set[str]:
        return {id for id, data in (await self._documents(case_ids)).items() if _tells_determination(data)}

    async def _documents(self, case_ids: list[str]) -> dict[str, dict[str, Any]]:
        return {id: found.data for id, found in (await self._store_now.get_many(COLLECTION, case_ids)).items()}

    @property
    def _store_now(self) -> Store:
        if self._store is None:
            raise RuntimeError("not opened")
        return self._store


def _tells_determination(case: dict[str, Any]) -> bool:
    return any(message["step"] == "determined" for message in case.get("messages") or ())
