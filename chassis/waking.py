"""A store whose writes wake somebody: the relay, so that an event leaves as soon as it is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from chassis.store import Document, Index, Outcome, Pending, Store, Where, Write


class WakingStore:
    """Passes everything on, and calls `woken` after each write that carries events."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.server = store.server
        self.woken: list[Callable[[], None]] = []

    async def setup(self, collections: Sequence[str], indexes: Sequence[Index]) -> None:
        await self._store.setup(collections, indexes)

    async def get(self, collection: str, id: str) -> Document | None:
        return await self._store.get(collection, id)

    async def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        return await self._store.get_many(collection, ids)

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        order: Sequence[str] = ("id",),
        limit: int = 100,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        return await self._store.find(collection, where, order=order, limit=limit, after=after)

    async def count(self, collection: str, where: Where) -> int:
        return await self._store.count(collection, where)

    async def write(self, writes: Sequence[Write], *, ordered: bool = False) -> list[Outcome]:
        outcomes = await self._store.write(writes, ordered=ordered)
        if any(write.events for write in writes):
            for wake in self.woken:
                wake()
        return outcomes

    async def pending(self, limit: int) -> list[Pending]:
        return await self._store.pending(limit)

    async def pending_depth(self, limit: int) -> int:
        return await self._store.pending_depth(limit)

    async def mark_sent(self, sent: Sequence[Pending]) -> None:
        await self._store.mark_sent(sent)

    def dump(self) -> AsyncIterator[bytes]:
        return self._store.dump()

    async def close(self) -> None:
        await self._store.close()
