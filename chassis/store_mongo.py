"""The store port on MongoDB by motor. Works on a standalone server, a replica set and a sharded cluster alike.

Each write is one operation on one document. Writes of concurrent callers to a collection travel in one command.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, ConfigurationError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from chassis import mongo_documents as mongo
from chassis.mongo_outbox import WRITERS, Outbox, Update
from chassis.mongo_writers import Number
from chassis.store import Document, Hear, Index, Outcome, Pending, Store, StoreUnavailable, Where, Write
from chassis.store_rules import check, full_order
from chassis.write_queue import Answer, WriteQueue, all_of

WRITE_TIMEOUT_MS = 8_000
READ_TIMEOUT_MS = 8_000
TIMEOUTS = {  # milliseconds; a URL may set its own
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 5_000,
}
DURABLE = WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS)
FORGETFUL = WriteConcern(w=1)  # for marks: one that is lost sends an event again, which is allowed
PAGE = 1000
NAMES_SECONDS = 5.0  # how long a list of collections is believed; those that this process writes are known at once
DUPLICATE_KEY = 11000
NOT_A_LIST = 2  # BadValue: $push to something else

T = TypeVar("T")


class MongoStore:
    """One database. `server` names the product that answers, whatever protocol it speaks."""

    def __init__(self, client: Any, database: str, server: str) -> None:
        self.server = server
        self._client = client
        self._database = client.get_database(
            database,
            write_concern=DURABLE,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._queues: dict[str, WriteQueue] = {}
        self._documents = _Documents(self._database)
        self._outbox = Outbox(self._documents)

    @classmethod
    async def open(cls, url: str) -> MongoStore:
        """ValueError: not such a URL, or no database in it. StoreUnavailable: no answer, or the login is refused."""
        try:
            own = {name.lower() for name in parse_qs(urlsplit(url).query)}
            options: dict[str, Any] = {name: value for name, value in TIMEOUTS.items() if name.lower() not in own}
            loop = asyncio.get_running_loop()
            client: Any = AsyncIOMotorClient(url, appname="zhicheng", io_loop=loop, **options)
            database = client.get_default_database().name
        except (ConfigurationError, ValueError) as why:  # their texts may quote the URL
            raise ValueError(f"a MongoDB URL reads mongodb://host[:port]/database: {type(why).__name__}") from None
        try:
            build = await _answered(client.admin.command("buildInfo"))
        except BaseException:  # cancelled too: else its threads would wait on, and the process with them
            await asyncio.to_thread(client.close)
            raise
        return cls(client, database, _product(build))

    # --- reading ---

    async def get(self, collection: str, id: str) -> Document | None:
        found = await _answered(self._database[collection].find_one({"_id": id}, mongo.WITHOUT_INTERNALS))
        return None if found is None else mongo.document(found)

    async def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        if not ids:
            return {}
        cursor = self._database[collection].find({"_id": {"$in": list(ids)}}, mongo.WITHOUT_INTERNALS)
        found = await _all(cursor)
        return {entry["_id"]: mongo.document(entry) for entry in found}

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        order: Sequence[str] = ("id",),
        limit: int = 100,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        if limit < 1:
            return []
        query = mongo.query(where, full_order(order), after)
        cursor = self._database[collection].find(query, mongo.WITHOUT_INTERNALS).sort(mongo.keys(order)).limit(limit)
        return [mongo.document(entry) for entry in await _all(cursor)]

    async def count(self, collection: str, where: Where) -> int:
        query = mongo.query(where)
        return int(await _answered(self._database[collection].count_documents(query, maxTimeMS=READ_TIMEOUT_MS)))

    # --- events on their way ---

    def listen(self, hear: Hear) -> None:
        self._outbox.listen(hear)

    async def pending(self, limit: int, *, idle: float = 0.0) -> list[Pending]:
        return await self._outbox.pending(limit, idle)

    async def pending_of(self, documents: Sequence[tuple[str, str]]) -> list[Pending]:
        return await self._outbox.pending_of(documents)

    async def pending_depth(self, limit: int) -> int:
        return await self._outbox.depth(limit)

    def note_sent(self, sent: Sequence[Pending]) -> None:
        self._outbox.note_sent(sent)

    async def mark_sent(self, *, leaving: bool = False) -> int:
        return await self._outbox.mark_sent(leaving)

    async def dump(self) -> AsyncIterator[bytes]:
        for name in sorted(await _answered(self._database.list_collection_names())):
            collection = self._database[name]
            yield _text({"collection": name, "indexes": await _answered(collection.index_information())})
            after: Any = None
            while found := await _all(
                collection.find({"_id": {"$gt": after}} if after else {}).sort("_id", 1).limit(PAGE)
            ):
                for entry in found:
                    yield _text(entry)
                after = found[-1]["_id"]

    # --- whole documents, for a backup ---

    async def collection_names(self) -> list[str]:
        return sorted(await _answered(self._database.list_collection_names()))

    async def raw(self, collection: str, where: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        return await _all(self._database[collection].find(where).sort("_id", 1).limit(limit))

    async def put_raw(self, collection: str, documents: Sequence[dict[str, Any]]) -> None:
        """In place of those with the same id."""
        whole = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        await _bulk_write(self._database[collection], whole)

    # --- writing ---

    async def setup(self, collections: Sequence[str], indexes: Sequence[Index]) -> None:
        for name in collections:
            await _answered(self._database[name].create_index(mongo.BY_WRITER, sparse=True))
            await _answered(self._database[name].create_index("_ends", sparse=True))
            self._documents.known.add(name)
        for index in indexes:
            await _answered(self._database[index.collection].create_index(mongo.keys(index.fields)))

    async def write(self, writes: Sequence[Write], *, ordered: bool = False) -> list[Outcome]:
        for write in writes:
            check(write)
        if not ordered:
            return await all_of([self._queued(write) for write in writes])
        outcomes: list[Outcome] = []
        for write in writes:
            outcomes += await all_of([self._queued(write)])
            if outcomes[-1] is not Outcome.WRITTEN:
                break
        return outcomes + [Outcome.SKIPPED] * (len(writes) - len(outcomes))

    def _queued(self, write: Write) -> asyncio.Future[Outcome]:
        self._documents.known.add(write.collection)
        queue = self._queues.get(write.collection)
        if queue is None:
            send = partial(self._send, self._database[write.collection])
            queue = self._queues[write.collection] = WriteQueue(send, f"mongo.{write.collection}")
        return queue.add(write)

    async def _send(self, collection: Any, writes: Sequence[Write]) -> list[Answer]:
        numbers = await self._outbox.numbers(writes)
        sent = [self._outbox.leading_sent(write) for write in writes]
        try:
            answers = await _outcomes(collection, writes, numbers, sent)
        except BaseException:
            if any(numbers):
                self._outbox.unknown()
            raise
        self._outbox.settle(writes, numbers, answers)
        return answers

    async def close(self) -> None:
        """Sends what is queued, then closes. Repeatable."""
        await asyncio.gather(*(queue.empty() for queue in self._queues.values()))
        await asyncio.to_thread(self._client.close)  # it says goodbye to the server and waits for the answer


class _Documents:
    """What the outbox asks of the database."""

    def __init__(self, database: Any) -> None:
        self.known: set[str] = set()
        self._database = database
        self._names_at = float("-inf")

    async def names(self) -> list[str]:
        """What is there, also what another process has made."""
        now = asyncio.get_running_loop().time()
        if now - self._names_at > NAMES_SECONDS:
            self.known |= set(await _answered(self._database.list_collection_names())) - {WRITERS}
            self._names_at = now
        return sorted(self.known)

    async def read(
        self, collection: str, query: Mapping[str, Any], projection: Mapping[str, Any], limit: int = 0
    ) -> list[dict[str, Any]]:
        return await _all(self._database[collection].find(query, projection or None).limit(limit))

    async def count(self, collection: str, query: Mapping[str, Any], limit: int) -> int:
        counting = self._database[collection].count_documents(query, limit=limit, maxTimeMS=READ_TIMEOUT_MS)
        return int(await _answered(counting))

    async def add(self, collection: str, document: Mapping[str, Any]) -> None:
        await _answered(self._database[collection].insert_one(dict(document)))

    async def update(self, collection: str, query: Mapping[str, Any], update: Update) -> None:
        forgetful = self._database.get_collection(collection, write_concern=FORGETFUL)
        await _answered(forgetful.update_one(query, update))


async def _outcomes(
    collection: Any, writes: Sequence[Write], numbers: Sequence[Sequence[Number]], sent: Sequence[int]
) -> list[Answer]:
    """Sends them in one unordered command per kind; what the server does not say is looked up.

    An update reports how many matched, not which. So each leaves a random token, and when some missed, the documents
    tell whose token they carry. Comparing versions would be wrong: both racers write the same number. A token makes
    room for later ones; an event does not before it is sent, so its number in the outbox tells as well.
    """
    answers: list[Answer] = [Outcome.WRITTEN] * len(writes)
    tokens = [secrets.randbits(62) for _ in writes]
    removals = [place for place, write in enumerate(writes) if write.kind == "remove"]
    others = [place for place, write in enumerate(writes) if write.kind != "remove"]
    operations = [_operation(writes[place], tokens[place], numbers[place], sent[place]) for place in others]
    gone = await asyncio.gather(*(_remove(collection, writes[place]) for place in removals))
    for place, answer in zip(removals, gone, strict=True):
        answers[place] = answer
    matched, errors = await _bulk_write(collection, operations)
    for index, code in errors.items():
        answers[others[index]] = _refused(code)
    updates = [place for place in others if writes[place].kind != "create" and answers[place] is Outcome.WRITTEN]
    if matched < len(updates):
        ids = list({writes[place].id for place in updates})
        found = await _all(collection.find({"_id": {"$in": ids}}, {"_w": 1, **mongo.NUMBERS}))
        carried = {entry["_id"]: entry.get("_w", ()) for entry in found}
        outboxes = {entry["_id"]: {(e.writer, e.number) for e in mongo.numbered(entry)} for entry in found}
        for place in updates:
            id = writes[place].id
            if tokens[place] not in carried.get(id, ()) and outboxes.get(id, set()).isdisjoint(numbers[place]):
                answers[place] = Outcome.CONFLICT
    return answers


def _operation(write: Write, token: int, numbers: Sequence[Number], sent: int) -> InsertOne[Any] | UpdateOne:
    if write.kind == "create":
        return InsertOne(mongo.inserted(write, numbers))
    return UpdateOne(*mongo.updated(write, token, numbers, sent))


async def _bulk_write(collection: Any, operations: Sequence[Any]) -> tuple[int, dict[int, int]]:
    """How many updates matched, and the error code of each operation that has one."""
    if not operations:
        return 0, {}
    try:
        result = await collection.bulk_write(operations, ordered=False)
    except BulkWriteError as why:
        if why.details["writeConcernErrors"]:
            raise StoreUnavailable("writes were not confirmed as durable") from None
        return why.details["nMatched"], {error["index"]: error["code"] for error in why.details["writeErrors"]}
    except (PyMongoError, BSONError) as why:
        raise _unavailable(why) from None
    return result.matched_count, {}


async def _remove(collection: Any, write: Write) -> Answer:
    """One by one: a document that is gone carries no token."""
    try:
        result = await collection.delete_one(mongo.removed(write))
    except PyMongoError as why:
        return _unavailable(why)
    return Outcome.WRITTEN if result.deleted_count == 1 else Outcome.CONFLICT


def _refused(code: int) -> Answer:
    if code == DUPLICATE_KEY:
        return Outcome.EXISTS
    if code == NOT_A_LIST:
        return ValueError("an appended field is not a list")
    return StoreUnavailable(f"the server refused a write: code {code}")


async def _all(cursor: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await _answered(cursor.batch_size(PAGE).max_time_ms(READ_TIMEOUT_MS).to_list(None))
    return found


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (PyMongoError, BSONError) as why:
        raise _unavailable(why) from None


def _unavailable(why: Exception) -> StoreUnavailable:
    """The kind of trouble and the server's code. Its text may hold values, and the address a password."""
    code = getattr(why, "code", None)
    return StoreUnavailable(type(why).__name__ if code is None else f"{type(why).__name__}: code {code}")


def _product(build: dict[str, Any]) -> str:
    """SecantusDB speaks MongoDB's protocol and reports a version of MongoDB; reports must not take it for MongoDB."""
    if other := build.get("secantusVersion"):
        return f"SecantusDB {other} (protocol of MongoDB {build['version']})"
    return f"MongoDB {build['version']}"


def _text(value: Any) -> bytes:
    readable = json.dumps(value, ensure_ascii=False, default=lambda other: bytes(other).decode("utf-8", "replace"))
    return readable.encode("utf-8", "replace")


_: type[Store] = MongoStore
