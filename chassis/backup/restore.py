"""Puts a backup into empty stores and an empty bus: the whole system as it was when the backup was made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from chassis import schema
from chassis.backup import files
from chassis.backup.check import check, collections, documents
from chassis.backup.files import BackupRefused
from chassis.backup.ports import BusArchive, Kept, StoreArchive
from chassis.backup.save import topic_path_of
from chassis.bus import BusUnavailable, Partition, Record, Topic
from chassis.clock import Clock

BATCH = 500
TRIES = 6
AGAIN_SECONDS = 1.0
MEMBERS_SECONDS = 60.0
SAY_EVERY = 20_000

T = TypeVar("T")


async def restore(
    folder: Path, stores: Mapping[str, StoreArchive], bus: BusArchive, say: Callable[[str], None]
) -> dict[str, Any]:
    """Topics, then documents, then offsets; the manifest. No service may run, and nothing may be there.

    Raises BackupRefused, StoreUnavailable, BusUnavailable. What was cut off is begun anew in empty places.
    """
    manifest = check(folder)
    if missing := sorted(set(manifest["stores"]) ^ set(stores)):
        raise BackupRefused(f"stores of the backup and stores named differ: {', '.join(missing)}")
    for service, store in stores.items():
        await refuse_unless_empty(service, store)
    await _refuse_records(bus, list(manifest["topics"]))
    await bus.setup(
        [Topic(name, each["partitions"], each["retention_days"]) for name, each in manifest["topics"].items()]
    )
    offsets: dict[str, dict[Partition, int]] = {}
    for topic in manifest["topics"]:
        await _publish(folder, topic, bus, say)
        for group, found in (await _offsets(folder, manifest, topic, bus)).items():
            offsets.setdefault(group, {}).update(found)
    for service, store in stores.items():
        await put_documents(folder, manifest, service, store, say)
        note = Kept(schema.RESTORED, 1, {"at": Clock().now(), "saved": manifest["began"]})
        await store.put(schema.COLLECTION, [note])
    for group, places in offsets.items():
        await _commit(group, places, bus, say)
    say("offsets of the groups set")
    return manifest


async def _commit(group: str, offsets: Mapping[Partition, int], bus: BusArchive, say: Callable[[str], None]) -> None:
    """A member that was stopped a moment ago may be counted until its session ends. Raises BusUnavailable."""
    end = time.monotonic() + MEMBERS_SECONDS
    while True:
        try:
            await bus.commit(group, offsets)
            return
        except BusUnavailable:
            if time.monotonic() > end:
                raise
        say(f"{group} is not free yet: waiting")
        await asyncio.sleep(AGAIN_SECONDS)


async def refuse_unless_empty(service: str, store: StoreArchive) -> None:
    for collection in await store.collections():
        async for _ in store.read(collection):
            raise BackupRefused(f"the store of {service} is not empty ({collection}): drop it first, or name another")


async def put_documents(
    folder: Path, manifest: Mapping[str, Any], service: str, store: StoreArchive, say: Callable[[str], None]
) -> None:
    for collection in collections(manifest, service):
        count = 0
        for batch in _batches(documents(folder, manifest, service, collection)):
            await store.put(collection, batch)
            count += len(batch)
            if count % SAY_EVERY < len(batch):
                say(f"{service}: {collection} {count}")
        say(f"{service}: {collection} {count} documents")


async def _refuse_records(bus: BusArchive, topics: list[str]) -> None:
    for topic in topics:
        async for _ in bus.read(topic):
            raise BackupRefused(f"topic {topic} is not empty: delete the topics first, or name another bus")


async def _publish(folder: Path, topic: str, bus: BusArchive, say: Callable[[str], None]) -> None:
    count = 0
    for batch in _batches(files.read_lines(folder / topic_path_of(topic))):
        records = [received for line in batch if (received := files.received_of_line(topic, line)).value is not None]
        sent = [Record(topic, received.key, received.headers, received.value or b"") for received in records]
        await _sent(topic, sent, bus)
        count += len(sent)
    say(f"{topic}: {count} records")


async def _sent(topic: str, records: list[Record], bus: BusArchive) -> None:
    """What is not acknowledged goes again, in its order: a record that stands there twice is dropped as a repeat."""
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(AGAIN_SECONDS)
        answers = await bus.publish(records)
        records = [record for record, ok in zip(records, answers, strict=True) if not ok]
        if not records:
            return
    raise BackupRefused(f"{topic}: the bus did not take every record; begin anew with empty topics")


async def _offsets(
    folder: Path, manifest: Mapping[str, Any], topic: str, bus: BusArchive
) -> dict[str, dict[Partition, int]]:
    """Where each group that had committed reads on: per partition at the first record that it had not done.

    Offsets count anew in a new topic. The order of a key's records is the same, so a record is found by its key and
    its place among the records of that key; repeats make that place, and with it the offset, only lower.
    """
    groups = {name: files.offsets_of_text(each) for name, each in manifest["offsets"].items()}
    groups = {name: each for name, each in groups.items() if any(part.topic == topic for part in each)}
    undone: dict[str, dict[str, int]] = {group: {} for group in groups}  # per key the place of its first such record
    places: dict[str, int] = {}
    for line in files.read_lines(folder / topic_path_of(topic)):
        if line["value"] is None:
            continue
        key, part = line["key"], Partition(topic, line["partition"])
        for group, offsets in groups.items():
            if line["offset"] >= offsets.get(part, 0):
                undone[group].setdefault(key, places.get(key, 0))
        places[key] = places.get(key, 0) + 1
    ends = await bus.ends([topic])
    found = {group: dict(ends) for group in groups}
    places = {}
    async for received in bus.read(topic):
        place = places.get(received.key, 0)
        places[received.key] = place + 1
        for group, first in undone.items():
            if place >= first.get(received.key, place + 1):
                found[group][received.partition] = min(found[group][received.partition], received.offset)
    return found


def _batches(entries: Iterable[T]) -> Iterator[list[T]]:
    batch: list[T] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
