"""Whole documents of a MongoDB store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from chassis import mongo_documents as mongo
from chassis.backup.ports import Kept, StoreArchive
from chassis.store_mongo import MongoStore

PAGE = 500


class MongoArchive:
    """On a store of its own; nothing else may use that."""

    def __init__(self, store: MongoStore) -> None:
        self.server = store.server
        self._store = store

    @classmethod
    async def open(cls, url: str) -> MongoArchive:
        return cls(await MongoStore.open(url))

    async def collections(self) -> list[str]:
        return [name for name in await self._store.collection_names() if not name.startswith(("_", "system."))]

    async def read(self, collection: str) -> AsyncIterator[Kept]:
        where: dict[str, Any] = {}
        while page := await self._store.raw(collection, where, PAGE):
            for found in page:
                yield _kept(found)
            where = {"_id": {"$gt": page[-1]["_id"]}}

    async def some(self, collection: str, ids: Sequence[str]) -> dict[str, Kept]:
        found: dict[str, Kept] = {}
        for start in range(0, len(ids), PAGE):
            part = list(ids[start : start + PAGE])
            for entry in await self._store.raw(collection, {"_id": {"$in": part}}, len(part)):
                found[entry["_id"]] = _kept(entry)
        return found

    async def put(self, collection: str, documents: Sequence[Kept]) -> None:
        await self._store.put_raw(collection, [_raw(kept) for kept in documents])

    async def close(self) -> None:
        await self._store.close()


def _kept(found: Mapping[str, Any]) -> Kept:
    unsent = tuple(mongo.outgoing(found))
    document = mongo.document({name: value for name, value in found.items() if name not in mongo.WITHOUT_INTERNALS})
    return Kept(document.id, document.version, document.data, document.seen, document.emitted, unsent)


def _raw(kept: Kept) -> dict[str, Any]:
    marks = {"_id": kept.id, "_v": kept.version, "_seen": dict(kept.seen), "_emitted": kept.emitted}
    return {**kept.data, **marks, **mongo.outbox(kept.unsent)}


_: type[StoreArchive] = MongoArchive
