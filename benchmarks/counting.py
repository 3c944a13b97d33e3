"""What an application costs at the ports: counting wrappers around a store and a bus, which also keep the calls.

Documents read are those that came back: a sweep that finds nothing costs a call and no document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from chassis.bus import Bus, Consumer, Partition, Received, Record, Topic
from chassis.store import Document, Hear, Index, Outcome, Pending, Store, Where, Write


@dataclass
class Counts:
    """Bytes: of documents as JSON as they are written, and of records with key and headers."""

    documents_written: int = 0  # by writes, and to mark events as sent
    of_these_marks: int = 0  # by time, not by event: see `chassis.relay.MARK_SECONDS`
    write_calls: int = 0  # each at most one group of operations on the way to the disk
    documents_read: int = 0
    read_calls: int = 0
    messages: int = 0
    publish_calls: int = 0
    messages_read: int = 0
    commits: int = 0
    bytes_written: int = 0
    bytes_sent: int = 0

    def per(self, applications: int) -> dict[str, float]:
        return {name: round(value / applications, 2) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Call:
    """What a service asked of a port: writes, a mark of what was sent, or records. `to`: the service, or "bus"."""

    to: str
    writes: Sequence[Write] = ()
    marks: bool = False
    records: Sequence[Record] = ()


@dataclass
class Ledger:
    """What happened at the ports of all services since the last `clear`. `collections`: documents written, by kind."""

    counts: Counts = field(default_factory=Counts)
    collections: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    keeps_calls: bool = False

    def clear(self) -> None:
        self.counts, self.collections, self.calls = Counts(), {}, []

    def keep(self, call: Call) -> None:
        if self.keeps_calls:
            self.calls.append(call)


class CountingStore:
    """Passes everything on to a store of one service."""

    def __init__(self, store: Store, service: str, ledger: Ledger) -> None:
        self._store = store
        self._service = service
        self._ledger = ledger
        self.server = store.server

    async def setup(self, collections: Sequence[str], indexes: Sequence[Index]) -> None:
        await self._store.setup(collections, indexes)

    async def get(self, collection: str, id: str) -> Document | None:
        found = await self._store.get(collection, id)
        self._read(0 if found is None else 1)
        return found

    async def get_many(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        found = await self._store.get_many(collection, ids)
        if ids:
            self._read(len(found))
        return found

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        order: Sequence[str] = ("id",),
        limit: int = 100,
        after: Sequence[Any] | None = None,
    ) -> list[Document]:
        found = await self._store.find(collection, where, order=order, limit=limit, after=after)
        self._read(len(found))
        return found

    async def count(self, collection: str, where: Where) -> int:
        self._read(0)
        return await self._store.count(collection, where)

    async def write(self, writes: Sequence[Write], *, ordered: bool = False) -> list[Outcome]:
        outcomes = await self._store.write(writes, ordered=ordered)
        done = [write for write, outcome in zip(writes, outcomes, strict=True) if outcome is Outcome.WRITTEN]
        counts = self._ledger.counts
        counts.write_calls += 1 if writes else 0
        counts.documents_written += len(done)
        for write in done:
            counts.bytes_written += len(orjson.dumps([write.fields, write.append], option=orjson.OPT_NON_STR_KEYS))
            counts.bytes_written += sum(event.record.size() for event in write.events)
            self._wrote(f"{self._service}.{write.collection} {write.kind}")
        if done:
            self._ledger.keep(Call(self._service, writes=done))
        return outcomes

    def listen(self, hear: Hear) -> None:
        self._store.listen(hear)

    async def pending(self, limit: int, *, idle: float = 0.0) -> list[Pending]:
        self._read(0)  # a sweep: what it finds depends on the moment
        return await self._store.pending(limit, idle=idle)

    async def pending_of(self, documents: Sequence[tuple[str, str]]) -> list[Pending]:
        self._read(len(documents))
        return await self._store.pending_of(documents)

    async def pending_depth(self, limit: int) -> int:
        self._read(0)
        return await self._store.pending_depth(limit)

    def note_sent(self, sent: Sequence[Pending]) -> None:
        self._store.note_sent(sent)

    async def mark_sent(self, *, leaving: bool = False) -> int:
        written = await self._store.mark_sent(leaving=leaving)
        counts = self._ledger.counts
        counts.write_calls += 1 if written else 0
        counts.documents_written += written
        counts.of_these_marks += written
        if written:
            self._ledger.keep(Call(self._service, marks=True))
        return written

    def dump(self) -> AsyncIterator[bytes]:
        return self._store.dump()

    async def close(self) -> None:
        await self._store.close()

    def _read(self, documents: int) -> None:
        self._ledger.counts.read_calls += 1
        self._ledger.counts.documents_read += documents

    def _wrote(self, kind: str) -> None:
        self._ledger.collections[kind] = self._ledger.collections.get(kind, 0) + 1


class CountingBus:
    """Passes everything on to a bus."""

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self._bus = bus
        self._ledger = ledger
        self.server = bus.server

    async def setup(self, topics: Sequence[Topic]) -> None:
        await self._bus.setup(topics)

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        answers = await self._bus.publish(records)
        counts = self._ledger.counts
        counts.publish_calls += 1 if records else 0
        counts.messages += answers.count(True)
        counts.bytes_sent += sum(record.size() for record in records)
        if records:
            self._ledger.keep(Call("bus", records=records))
        return answers

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> Consumer:
        return CountingConsumer(await self._bus.consumer(group, topics, member=member), self._ledger)

    async def read_all(self, topic: str) -> list[Received]:
        return await self._bus.read_all(topic)

    async def close(self) -> None:
        await self._bus.close()


class CountingConsumer:
    """Passes everything on to a consumer."""

    def __init__(self, consumer: Consumer, ledger: Ledger) -> None:
        self._consumer = consumer
        self._ledger = ledger

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        found = await self._consumer.poll(limit, timeout)
        self._ledger.counts.messages_read += len(found)
        return found

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._ledger.counts.commits += 1
        await self._consumer.commit(offsets)

    def assigned(self) -> set[Partition]:
        return self._consumer.assigned()

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        self._consumer.rewind(offsets)

    def pause(self, partitions: set[Partition]) -> None:
        self._consumer.pause(partitions)

    def resume(self, partitions: set[Partition]) -> None:
        self._consumer.resume(partitions)

    async def lag(self) -> int:
        return await self._consumer.lag()

    async def close(self) -> None:
        await self._consumer.close()
