"""Saves the stores of all services, the topics and the groups' offsets while everything runs.

No two documents are read at the same moment, so what is saved is made a consistent cut key by key: nobody may have
heard of a key what its author, as saved, has not said. Keys that nobody spoke of since the save began are at rest, and
any moment is right for them. The documents of the others are read once more, together, until they fit. Topics are
read last and end, for each key, where their author's document ends. docs/decisions/0012 says why this is enough.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chassis import parked
from chassis.backup import files
from chassis.backup.files import BackupRefused, Lines, Written
from chassis.backup.ports import BusArchive, Kept, StoreArchive
from chassis.bus import Partition, Received, Topic
from chassis.clock import Clock
from chassis.version import VERSION

SETTLE_SECONDS = 120.0  # for a key that moves: a case is at rest in seconds
AGAIN_SECONDS = 0.05
KEYS_AT_ONCE = 200
READINGS = 4  # of collections that no event is handled on, until two are the same
SAY_EVERY = 20_000

Say = Callable[[str], None]
Found = dict[str, dict[str, dict[str, Kept]]]  # service -> collection -> id -> document


@dataclass(slots=True)
class Saved:
    """What the manifest will say."""

    written: dict[str, Written] = field(default_factory=dict)  # by path
    collections: dict[tuple[str, str], int] = field(default_factory=dict)
    aggregates: set[tuple[str, str]] = field(default_factory=set)  # collections whose documents carry marks
    emitted: dict[str, dict[str, int]] = field(default_factory=dict)  # of moved keys, the last event of each service
    left_out: dict[str, int] = field(default_factory=dict)  # records per topic
    notes: list[str] = field(default_factory=list)


async def save(
    folder: Path,
    stores: Mapping[str, StoreArchive],
    bus: BusArchive,
    topics: Sequence[Topic],
    groups: Mapping[str, Sequence[str]],
    say: Say,
) -> dict[str, Any]:
    """The manifest of the new backup. `groups`: the topics that each consumer group reads.

    Raises BackupRefused, StoreUnavailable, BusUnavailable.
    """
    files.new_folder(folder)
    began, names = Clock().now(), [topic.name for topic in topics]
    offsets = {group: await bus.committed(group, heard) for group, heard in groups.items()}
    start = await bus.ends(names)
    saved = Saved()
    for service, store in stores.items():
        for collection in _parked_first(await store.collections()):
            await _collection(folder, service, store, collection, saved, say)
    moved = {received.key for name in names async for received in bus.read(name, start)}
    say(f"{len(moved)} keys moved meanwhile: reading them together")
    with Moved(folder, saved) as moved_documents:
        await _settle(stores, sorted(moved), moved_documents)
    for service, store in stores.items():
        await _others(folder, service, store, saved, say)
    for topic in topics:
        await _topic(folder, bus, topic.name, start, saved, say)
    manifest = _manifest(began, stores, bus, topics, offsets, saved)
    files.write_manifest(folder, manifest)
    return manifest


def path_of(service: str, collection: str) -> str:
    return f"{service}/{collection}.jsonl.gz"


def moved_path_of(service: str, collection: str) -> str:
    return f"{service}/{collection}.moved.jsonl.gz"


def topic_path_of(topic: str) -> str:
    return f"topics/{topic}.jsonl.gz"


def _parked_first(collections: Iterable[str]) -> list[str]:
    """What is parked before what was handled: the other way round, an event released between would be in neither."""
    return sorted(collections, key=lambda name: (name != parked.COLLECTION, name))


async def _collection(
    folder: Path, service: str, store: StoreArchive, collection: str, saved: Saved, say: Say
) -> Written:
    path = path_of(service, collection)
    with Lines(folder / path) as lines:
        count = 0
        async for kept in store.read(collection):
            lines.add(files.kept_as_line(kept))
            if kept.seen or kept.emitted:
                saved.aggregates.add((service, collection))
            count += 1
            if count % SAY_EVERY == 0:
                say(f"{service}: {collection} {count}")
    saved.collections[service, collection] = count
    saved.written[path] = lines.written
    say(f"{service}: {collection} {count} documents")
    return lines.written


class Moved:
    """The documents of moved keys, which stand in place of the ones read before; null where there is none.

    They are written as soon as they are read: in memory a key leaves only the numbers of its last events. Inside,
    there is a file for each collection; those of collections that no event is handled on go at the end.
    """

    def __init__(self, folder: Path, saved: Saved) -> None:
        self._folder = folder
        self._saved = saved
        self._files: dict[tuple[str, str], Lines] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def add(self, key: str, found: Found) -> None:
        self._saved.emitted[key] = _emitted(found)
        for service, collections in found.items():
            for collection, documents in collections.items():
                kept = documents.get(key)
                self._file(service, collection).add(
                    {"id": key, "document": None if kept is None else files.kept_as_line(kept)}
                )
                if kept is not None and (kept.seen or kept.emitted):
                    self._saved.aggregates.add((service, collection))

    def _file(self, service: str, collection: str) -> Lines:
        if (service, collection) not in self._files:
            lines = Lines(self._folder / moved_path_of(service, collection))
            self._files[service, collection] = self._closing.enter_context(lines)
        return self._files[service, collection]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()
        for (service, collection), lines in self._files.items():
            path = moved_path_of(service, collection)
            if (service, collection) in self._saved.aggregates:
                self._saved.written[path] = lines.written
            else:
                (self._folder / path).unlink()


async def _settle(stores: Mapping[str, StoreArchive], keys: Sequence[str], moved: Moved) -> None:
    """Per key the documents of all stores, such that nobody has heard what its author has not said.

    Raises BackupRefused for keys that do not come to rest.
    """
    left = list(keys)
    end = time.monotonic() + SETTLE_SECONDS
    while left:
        waiting: list[str] = []
        for start in range(0, len(left), KEYS_AT_ONCE):
            for key, found in (await _together(stores, left[start : start + KEYS_AT_ONCE])).items():
                if _fits(found):
                    moved.add(key, found)
                else:
                    waiting.append(key)
        left = waiting
        if left and time.monotonic() > end:
            raise BackupRefused(f"{len(left)} keys do not come to rest ({left[0]} is one): save again later")
        if left:
            await asyncio.sleep(AGAIN_SECONDS)


async def _together(stores: Mapping[str, StoreArchive], keys: Sequence[str]) -> dict[str, Found]:
    found: dict[str, Found] = {key: {service: {} for service in stores} for key in keys}
    for service, store in stores.items():
        for collection in await store.collections():
            there = await store.some(collection, keys)
            for key in keys:
                found[key][service][collection] = {key: there[key]} if key in there else {}
    return found


def _fits(found: Found) -> bool:
    said = _emitted(found)
    return all(
        mark <= said[producer]
        for collections in found.values()
        for kept in _each(collections)
        for producer, mark in kept.seen.items()
        if producer in said
    )


def _emitted(found: Found) -> dict[str, int]:
    """Service -> sequence of the last event that it has said of the key."""
    return {
        service: max((kept.emitted for kept in _each(collections)), default=0) for service, collections in found.items()
    }


def _each(collections: Mapping[str, Mapping[str, Kept]]) -> Iterable[Kept]:
    return (kept for documents in collections.values() for kept in documents.values())


async def _others(folder: Path, service: str, store: StoreArchive, saved: Saved, say: Say) -> None:
    """Collections that no event is handled on, once more, now that the aggregates are read; until none changes."""
    names = [
        name
        for name in await store.collections()
        if (service, name) not in saved.aggregates and name != parked.COLLECTION
    ]
    for reading in range(READINGS):
        before = {name: saved.written.get(path_of(service, name)) for name in names}
        after = {name: await _collection(folder, service, store, name, saved, say) for name in names}
        changed = sorted(name for name in names if before[name] != after[name])
        if not changed:
            return
        if reading == READINGS - 1:
            saved.notes.append(f"{service}: written while they were read: {', '.join(changed)}")


async def _topic(
    folder: Path,
    bus: BusArchive,
    topic: str,
    start: Mapping[Partition, int],
    saved: Saved,
    say: Say,
) -> None:
    """What the topic holds, without what its author's document, as saved, has not said or still has to send."""
    path, left_out, count = topic_path_of(topic), 0, 0
    with Lines(folder / path) as lines:
        async for received in bus.read(topic):
            if received.offset >= start.get(received.partition, 0) and not _said(received, saved.emitted):
                left_out += 1
                continue
            lines.add(files.received_as_line(received))
            count += 1
            if count % SAY_EVERY == 0:
                say(f"{topic} {count}")
    saved.written[path] = lines.written
    saved.left_out[topic] = left_out
    say(f"{topic} {count} records, {left_out} newer than the documents left out")


def _said(received: Received, emitted: Mapping[str, Mapping[str, int]]) -> bool:
    """Of a record that came after the save began."""
    producer, sequence = producer_and_sequence(received)
    return sequence <= emitted.get(received.key, {}).get(producer, 0)


def producer_and_sequence(received: Received) -> tuple[str, int]:
    """As the envelope says them; ("", 0) for what is no event of ours."""
    producer, sequence = (received.header("ce_source") or "").strip("/"), received.header("ce_sequence") or ""
    return (producer, int(sequence)) if producer and sequence.isdecimal() else ("", 0)


def _manifest(
    began: str,
    stores: Mapping[str, StoreArchive],
    bus: BusArchive,
    topics: Sequence[Topic],
    offsets: Mapping[str, Mapping[Partition, int]],
    saved: Saved,
) -> dict[str, Any]:
    return {
        "format": files.FORMAT,
        "release": VERSION,
        "began": began,
        "ended": Clock().now(),
        "stores": {
            service: {
                "server": store.server,
                "collections": {name: count for (of, name), count in saved.collections.items() if of == service},
                "aggregates": sorted(name for of, name in saved.aggregates if of == service),
            }
            for service, store in stores.items()
        },
        "bus": bus.server,
        "topics": {
            topic.name: {
                "partitions": topic.partitions,
                "retention_days": topic.retention_days,
                "records": saved.written[topic_path_of(topic.name)].lines,
                "left_out": saved.left_out[topic.name],
            }
            for topic in topics
        },
        "offsets": {group: files.offsets_as_text(each) for group, each in offsets.items()},
        "files": {path: {"lines": one.lines, "sha256": one.sha256} for path, one in sorted(saved.written.items())},
        "notes": saved.notes,
    }
