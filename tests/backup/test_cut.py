"""What is saved fits together whatever is written between two readings; and what does not fit is found."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chassis.adapters import open_bus, open_store
from chassis.backup import files
from chassis.backup import save as saving
from chassis.backup.adapters import open_bus_archive, open_store_archive
from chassis.backup.check import check, documents
from chassis.backup.files import BackupRefused
from chassis.backup.ports import BusArchive, Kept, StoreArchive
from chassis.backup.restore import restore
from chassis.backup.save import save
from chassis.backup.since import since
from chassis.backup.store_sqlite import SqliteArchive
from chassis.bus import Bus, Partition, Received, Record, Topic
from chassis.health import Health
from chassis.relay import Relay
from chassis.store import Outgoing, Store, change, create, remove

KEY = "c_1"
OWNER, LISTENER = "intake", "notify"
TOPICS = [Topic(f"{name}.v1", 1, 30) for name in (OWNER, LISTENER)]
GROUPS = {f"zhicheng.{LISTENER}": [f"{OWNER}.v1"], f"zhicheng.{OWNER}": [f"{LISTENER}.v1"]}
Meanwhile = Callable[[], Awaitable[None]]


def an_event(service: str, sequence: int, key: str = KEY) -> Outgoing:
    headers = (("ce_source", f"/{service}"), ("ce_sequence", str(sequence)), ("ce_type", "thing.happened"))
    return Outgoing(sequence, Record(f"{service}.v1", key, headers, b"{}"))


class Two:
    """Two services that talk about one key, each with its store, and what happens between two readings of a save."""

    def __init__(self, folder: Path, stores: Mapping[str, Store], bus: Bus) -> None:
        self.folder = folder
        self.stores = stores
        self.bus = bus

    async def says(
        self, service: str, sequence: int, *, heard: Mapping[str, int] | None = None, key: str = KEY
    ) -> None:
        """The service writes its document, with the event and the marks, and the event goes out."""
        await self.writes(service, sequence, heard=heard, key=key)
        await Relay(service, self.stores[service], self.bus, Health()).send_all()
        await self.stores[service].mark_sent()

    async def writes(
        self, service: str, sequence: int, *, heard: Mapping[str, int] | None = None, key: str = KEY
    ) -> None:
        store, event = self.stores[service], an_event(service, sequence, key)
        there = await store.get("cases", key)
        write = (
            create("cases", key, {"n": sequence}, seen=heard, events=[event])
            if there is None
            else change("cases", there, {"n": sequence}, seen=heard, events=[event])
        )
        await store.write([write])

    async def saved(self, name: str, after: Mapping[str, Meanwhile] | None = None) -> Path:
        """`after`: what happens once this service's document was read first, or `topics`: once all of them were."""
        folder, bus = self.folder / name, await open_bus_archive(f"local:{self.folder}/bus.db")
        opened = {
            each: await open_store_archive(f"sqlite:{self.folder}/{each}.db", writable=False) for each in self.stores
        }
        happens = dict(after or {})
        stores: dict[str, StoreArchive] = {
            each: Interrupted(store, happens.pop(each, None)) for each, store in opened.items()
        }
        try:
            await save(folder, stores, InterruptedBus(bus, happens.pop("topics", None)), TOPICS, GROUPS, print)
        finally:
            for store in opened.values():
                await store.close()
            await bus.close()
        return folder

    def document(self, folder: Path, service: str) -> Kept:
        [kept] = documents(folder, check(folder), service, "cases")
        return kept


class Interrupted:
    """A store of which something else happens once its collection was read."""

    def __init__(self, store: StoreArchive, then: Meanwhile | None) -> None:
        self._store = store
        self._then = then
        self.server = store.server
        self.collections, self.some, self.put, self.close = store.collections, store.some, store.put, store.close

    async def read(self, collection: str) -> AsyncIterator[Kept]:
        async for kept in self._store.read(collection):
            yield kept
        if self._then is not None:
            then, self._then = self._then, None
            await then()


class InterruptedBus:
    """A bus on which something else happens before a topic is first read as a whole."""

    def __init__(self, bus: BusArchive, then: Meanwhile | None) -> None:
        self._bus = bus
        self._then = then
        self.server = bus.server
        self.setup, self.publish, self.ends, self.close = bus.setup, bus.publish, bus.ends, bus.close
        self.committed, self.commit = bus.committed, bus.commit

    async def read(self, topic: str, start: Mapping[Partition, int] | None = None) -> AsyncIterator[Received]:
        if start is None and self._then is not None:
            then, self._then = self._then, None
            await then()
        async for received in self._bus.read(topic, start):
            yield received


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    stores = {name: await open_store(f"sqlite:{tmp_path}/{name}.db") for name in (OWNER, LISTENER)}
    for store in stores.values():
        await store.setup(["cases"], [])
    bus = await open_bus(f"local:{tmp_path}/bus.db")
    await bus.setup(TOPICS)
    yield Two(tmp_path, stores, bus)
    for store in stores.values():
        await store.close()
    await bus.close()


def documents_in_memory() -> int:
    return sum(isinstance(each, Kept) for each in gc.get_objects())


def sequences(folder: Path, service: str) -> list[str]:
    lines = files.read_lines(folder / saving.topic_path_of(f"{service}.v1"))
    return [dict(line["headers"])["ce_sequence"] for line in lines]


async def test_a_listener_that_went_on_after_its_author_was_read_is_saved_with_it(two: Two) -> None:
    """INVARIANT: nobody has heard, in a backup, what its author has not said there."""
    await two.says(OWNER, 1)

    async def goes_on() -> None:
        await two.says(OWNER, 2)
        await two.says(LISTENER, 1, heard={OWNER: 2})

    folder = await two.saved("backup", {OWNER: goes_on})

    assert two.document(folder, LISTENER).seen == {OWNER: 2}
    assert two.document(folder, OWNER).emitted == 2
    assert sequences(folder, OWNER) == ["1", "2"]


async def test_an_event_said_after_its_document_was_saved_is_not_in_the_topic(two: Two) -> None:
    """INVARIANT: the sequence that the restored author gives out next is free."""
    await two.says(OWNER, 1)

    async def goes_on() -> None:
        await two.says(OWNER, 2)

    folder = await two.saved("backup", {"topics": goes_on})

    assert two.document(folder, OWNER).emitted == 1
    assert sequences(folder, OWNER) == ["1"]


async def test_a_case_that_came_while_topics_were_read_is_left_out_whole(two: Two) -> None:
    async def comes() -> None:
        await two.says(OWNER, 1)

    folder = await two.saved("backup", {"topics": comes})

    assert list(documents(folder, check(folder), OWNER, "cases")) == []
    assert sequences(folder, OWNER) == []


async def test_what_was_not_sent_yet_is_saved_in_its_document(two: Two) -> None:
    await two.says(OWNER, 1)
    await two.writes(OWNER, 2)

    folder = await two.saved("backup")

    assert [event.sequence for event in two.document(folder, OWNER).unsent] == [2]
    assert sequences(folder, OWNER) == ["1"]


async def test_documents_of_moved_keys_are_in_memory_a_few_at_a_time(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many moved. Restored are those that moved and those that did not."""
    monkeypatch.setattr(saving, "KEYS_AT_ONCE", 2)
    keys = [f"c_{number}" for number in range(1, 21)]
    for key in [*keys, "c_at-rest"]:
        await two.says(OWNER, 1, key=key)
    gc.collect()
    in_memory, before = list[int](), documents_in_memory()
    some = SqliteArchive.some

    async def counting(archive: SqliteArchive, collection: str, ids: Sequence[str]) -> dict[str, Kept]:
        in_memory.append(documents_in_memory() - before)
        return await some(archive, collection, ids)

    monkeypatch.setattr(SqliteArchive, "some", counting)

    async def all_go_on() -> None:
        for key in keys:
            await two.says(OWNER, 2, key=key)
            await two.says(LISTENER, 1, heard={OWNER: 2}, key=key)

    folder = await two.saved("backup", {OWNER: all_go_on})

    assert len(in_memory) >= 2 * len(keys) / 2
    assert max(in_memory) <= 2 * 2 * 2  # two keys of two services, and the two that were read before them
    found = {kept.id: kept.emitted for kept in documents(folder, check(folder), OWNER, "cases")}
    assert found == dict.fromkeys(keys, 2) | {"c_at-rest": 1}
    assert {kept.id for kept in documents(folder, check(folder), LISTENER, "cases")} == set(keys)


async def test_keys_that_do_not_fit_are_waited_for_and_named(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    await two.says(OWNER, 1)
    monkeypatch.setattr(saving, "SETTLE_SECONDS", 0.2)

    async def hears_too_much() -> None:
        await two.says(LISTENER, 1, heard={OWNER: 7})

    with pytest.raises(BackupRefused, match=f"do not come to rest \\({KEY} is one\\)"):
        await two.saved("backup", {OWNER: hears_too_much})

    with pytest.raises(BackupRefused, match="cut off"):
        check(two.folder / "backup")


async def test_documents_that_do_not_fit_are_found(two: Two) -> None:
    await two.says(OWNER, 1)
    await two.says(LISTENER, 1, heard={OWNER: 7})

    folder = await two.saved("backup")

    with pytest.raises(BackupRefused, match="notify has heard event 7 of intake, which has not said it"):
        check(folder)


async def test_a_stone_whose_author_has_removed_its_own_is_fit(two: Two) -> None:
    """Each service removes the stone of an erased case at its own time, when topics have long forgotten it."""
    await two.stores[LISTENER].write([create("cases", KEY, {"status": "erased"}, seen={OWNER: 7})])

    folder = await two.saved("backup")

    assert two.document(folder, LISTENER).seen == {OWNER: 7}


async def test_a_listener_without_an_author_whose_records_are_there_is_found(two: Two) -> None:
    await two.says(OWNER, 1)
    await two.stores[LISTENER].write([create("cases", KEY, {}, seen={OWNER: 1})])
    await two.stores[OWNER].write([remove("cases", KEY)])

    folder = await two.saved("backup")

    with pytest.raises(BackupRefused, match="notify has heard event 1 of intake, which has not said it"):
        check(folder)


async def test_an_event_that_is_nowhere_is_found(two: Two) -> None:
    await two.says(OWNER, 1)
    await two.writes(OWNER, 2)
    two.stores[OWNER].note_sent(await two.stores[OWNER].pending(10))
    await two.stores[OWNER].mark_sent()

    folder = await two.saved("backup")

    with pytest.raises(BackupRefused, match="event 2 of intake is neither in its topic nor waiting to be sent"):
        check(folder)


async def test_a_changed_file_is_refused(two: Two) -> None:
    await two.says(OWNER, 1)
    folder = await two.saved("backup")
    path = folder / saving.path_of(OWNER, "cases")
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(BackupRefused, match="its digest differs"):
        check(folder)


async def test_a_backup_is_open_to_its_owner_alone_and_replaces_none(two: Two) -> None:
    folder = await two.saved("backup")

    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    with pytest.raises(BackupRefused, match="is there already"):
        await two.saved("backup")


async def test_nothing_is_restored_over_anything(two: Two, tmp_path: Path) -> None:
    await two.says(OWNER, 1)
    folder = await two.saved("backup")

    async def into(stores: str, bus: str) -> None:
        archive = await open_bus_archive(f"local:{tmp_path}/{bus}.db")
        opened: dict[str, Any] = {
            name: await open_store_archive(f"sqlite:{tmp_path}/{stores}{name}.db", writable=True)
            for name in (OWNER, LISTENER)
        }
        try:
            await restore(folder, opened, archive, print)
        finally:
            for store in opened.values():
                await store.close()
            await archive.close()

    with pytest.raises(BackupRefused, match=r"topic intake\.v1 is not empty"):
        await into("new-", "bus")
    await into("new-", "new")
    with pytest.raises(BackupRefused, match="the store of intake is not empty"):
        await into("new-", "newer")


async def test_a_group_goes_on_at_the_first_record_that_it_had_not_done(two: Two, tmp_path: Path) -> None:
    for key in ("c_1", "c_2"):
        for sequence in (1, 2, 3):
            assert await two.bus.publish([an_event(OWNER, sequence, key).record]) == [True]
    said = await two.bus.read_all(f"{OWNER}.v1")
    consumer = await two.bus.consumer(f"zhicheng.{LISTENER}", [f"{OWNER}.v1"])
    await consumer.poll(10, 60.0)
    await consumer.commit({said[4].partition: said[4].offset})
    await consumer.close()
    folder = await two.saved("backup")

    archive = await open_bus_archive(f"local:{tmp_path}/new.db")
    stores = {n: await open_store_archive(f"sqlite:{tmp_path}/new-{n}.db", writable=True) for n in (OWNER, LISTENER)}
    await archive.setup([replace(TOPICS[0], name="other.v1")])
    assert await archive.publish([Record("other.v1", "k", (), b"")] * 7)  # so that offsets differ
    await restore(folder, dict(stores), archive, print)
    for store in stores.values():
        await store.close()
    await archive.close()

    bus = await open_bus(f"local:{tmp_path}/new.db")
    try:
        consumer = await bus.consumer(f"zhicheng.{LISTENER}", [f"{OWNER}.v1"])
        found = await consumer.poll(10, 60.0)
        assert [(each.key, each.header("ce_sequence")) for each in found] == [("c_2", "2"), ("c_2", "3")]
    finally:
        await bus.close()


async def test_what_was_said_after_a_backup_is_named(two: Two, tmp_path: Path) -> None:
    await two.says(OWNER, 1)
    folder = await two.saved("backup")
    await two.says(OWNER, 2)
    await two.says(OWNER, 3)
    assert await two.bus.publish([an_event(OWNER, 2).record, an_event(OWNER, 1, "c_2").record]) == [True, True]

    bus = await open_bus_archive(f"local:{tmp_path}/bus.db")
    found = await since(folder, bus)
    await bus.close()

    assert [(each.service, each.key, len(each.types)) for each in found] == [(OWNER, KEY, 2), (OWNER, "c_2", 1)]


async def test_a_restore_waits_for_members_that_were_stopped_a_moment_ago(two: Two, tmp_path: Path) -> None:
    await two.says(OWNER, 1)
    consumer = await two.bus.consumer(f"zhicheng.{LISTENER}", [f"{OWNER}.v1"])
    [received] = await consumer.poll(1, 60.0)
    await consumer.commit({received.partition: received.offset + 1})
    await consumer.close()
    folder = await two.saved("backup")
    bus = await open_bus(f"local:{tmp_path}/new.db")
    await bus.setup(TOPICS)
    member = await bus.consumer(f"zhicheng.{LISTENER}", [f"{OWNER}.v1"])
    told: list[str] = []
    left = []

    def say(words: str) -> None:
        told.append(words)
        if words.endswith("waiting") and not left:
            left.append(asyncio.ensure_future(member.close()))

    archive = await open_bus_archive(f"local:{tmp_path}/new.db")
    stores = {n: await open_store_archive(f"sqlite:{tmp_path}/new-{n}.db", writable=True) for n in (OWNER, LISTENER)}
    await restore(folder, dict(stores), archive, say)

    assert f"zhicheng.{LISTENER} is not free yet: waiting" in told
    assert len(await archive.committed(f"zhicheng.{LISTENER}", [f"{OWNER}.v1"])) == 1
    await asyncio.gather(*left)
    for each in (*stores.values(), archive, bus):
        await each.close()
