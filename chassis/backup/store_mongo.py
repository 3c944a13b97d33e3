"""Whole documents of a MongoDB store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from chassis import mongo_documents as mongo
from chassis.backup.ports import Kept, StoreArchive
from chassis.mongo_outbox import WRITERS
from chassis.store import Outgoing
from chassis.store_mongo import MongoStore

PAGE = 500


class MongoArchive:
    """On a store of its own; nothing else may use that."""

    def __init__(self, store: MongoStore) -> None:
        self.server = store.server
        self._store = store
        self._marks: dict[str, int] = {}  # per writer the number of its last event that is known to be sent
        self._writer, self._last = secrets.token_hex(8), 0  # of what is put

    @classmethod
    async def open(cls, url: str) -> MongoArchive:
        return cls(await MongoStore.open(url))

    async def collections(self) -> list[str]:
        return [name for name in await self._store.collection_names() if not name.startswith(("_", "system."))]

    async def read(self, collection: str) -> AsyncIterator[Kept]:
        await self._read_marks()
        where: dict[str, Any] = {}
        while page := await self._store.raw(collection, where, PAGE):
            for found in page:
                yield self._kept(found)
            where = {"_id": {"$gt": page[-1]["_id"]}}

    async def some(self, collection: str, ids: Sequence[str]) -> dict[str, Kept]:
        await self._read_marks()
        found: dict[str, Kept] = {}
        for start in range(0, len(ids), PAGE):
            part = list(ids[start : start + PAGE])
            for entry in await self._store.raw(collection, {"_id": {"$in": part}}, len(part)):
                found[entry["_id"]] = self._kept(entry)
        return found

    async def put(self, collection: str, documents: Sequence[Kept]) -> None:
        """Events are put in the name of a writer that has left: whoever runs first sends them."""
        if self._last == 0 and any(kept.unsent for kept in documents):
            await self._store.put_raw(WRITERS, [{"_id": self._writer, "sent": 0, "at": 0, "left": True}])
        await self._store.put_raw(collection, [self._raw(kept) for kept in documents])

    async def _read_marks(self) -> None:
        """Before the documents: what is sent by now is in its topic, whenever that is read."""
        found = await self._store.raw(WRITERS, {}, 0)
        self._marks = {entry["_id"]: int(entry["sent"]) for entry in found}

    def _kept(self, found: Mapping[str, Any]) -> Kept:
        _, waiting = mongo.unsent("", found, lambda writer, number: number <= self._marks.get(writer, 0))
        unsent = tuple(Outgoing(event.sequence, event.record) for event in waiting)
        document = mongo.document({name: value for name, value in found.items() if name not in mongo.INTERNALS})
        return Kept(document.id, document.version, document.data, document.seen, document.emitted, unsent)

    def _raw(self, kept: Kept) -> dict[str, Any]:
        marks = {"_id": kept.id, "_v": kept.version, "_seen": dict(kept.seen), "_emitted": kept.emitted}
        numbers = [(self._writer, self._last + place) for place in range(1, len(kept.unsent) + 1)]
        self._last += len(numbers)
        return {**kept.data, **marks, **mongo.outbox(kept.unsent, numbers)}

    async def close(self) -> None:
        await self._store.close()


_: type[StoreArchive] = MongoArchive
