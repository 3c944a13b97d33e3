"""Whole documents leave one store and stand in another as they were, on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.adapters import open_store
from chassis.backup.adapters import open_store_archive
from chassis.backup.ports import Kept
from chassis.store import Outcome, Store, change, push
from tests.conformance.store.things import THINGS, a_thing, an_event, one, places, put, read, sent
from tests.servers.mongo import another_database


@pytest.fixture
async def empty_url(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Another store of the same kind."""
    if url.startswith("sqlite:"):
        yield f"sqlite:{tmp_path}/empty.db"
        return
    with another_database(request.getfixturevalue("mongo_server")) as address:
        yield address


async def every(url: str) -> dict[str, Kept]:
    archive = await open_store_archive(url, writable=False)
    try:
        return {kept.id: kept async for kept in archive.read(THINGS)}
    finally:
        await archive.close()


async def moved(url: str, empty_url: str) -> None:
    documents = list((await every(url)).values())
    archive = await open_store_archive(empty_url, writable=True)
    await archive.put(THINGS, documents)
    await archive.close()


async def test_a_document_keeps_its_version_its_marks_and_what_it_has_to_send(
    store: Store, url: str, empty_url: str
) -> None:
    await put(
        store, a_thing(events=[an_event(1, value=bytes(range(256)))], seen={"intake": 3}, name="张", tags=[1, None])
    )
    await put(store, change(THINGS, await read(store), {"n": 2}, seen={"intake": 4}, events=[an_event(2)]))
    there, waiting = await read(store), await store.pending(10)

    await moved(url, empty_url)

    other = await open_store(empty_url)
    try:
        assert await read(other) == there
        assert [(one.sequence, one.record) for one in await other.pending(10)] == [
            (one.sequence, one.record) for one in waiting
        ]
    finally:
        await other.close()


async def test_a_restored_document_goes_on_where_it_stood(store: Store, url: str, empty_url: str) -> None:
    await put(store, a_thing(events=[an_event(1)], seen={"intake": 3}, lines=[]))
    await moved(url, empty_url)

    other = await open_store(empty_url)
    try:
        document = await read(other)
        assert await one(other, change(THINGS, document, {}, seen={"intake": 3})) is Outcome.CONFLICT
        assert await one(other, push(THINGS, "t1", {"lines": ["x"]}, seen={"intake": 4})) is Outcome.WRITTEN
        assert await one(other, change(THINGS, await read(other), {}, events=[an_event(2)])) is Outcome.WRITTEN
        assert places(await other.pending(10)) == [("t1", 1), ("t1", 2)]
        await sent(other, await other.pending(10))
        assert await other.pending(10) == []
    finally:
        await other.close()


async def test_more_documents_than_a_page_come_each_once_and_some_by_their_ids(store: Store, url: str) -> None:
    ids = [f"t{number:04}" for number in range(1203)]
    for start in range(0, len(ids), 100):
        await put(store, *[a_thing(id) for id in ids[start : start + 100]])
    archive = await open_store_archive(url, writable=False)
    try:
        assert [kept.id async for kept in archive.read(THINGS)] == ids
        assert sorted(await archive.some(THINGS, [*ids[::2], "nobody"])) == ids[::2]
        assert await archive.some(THINGS, []) == {}
        assert THINGS in await archive.collections()
        assert not [name for name in await archive.collections() if name.startswith("_")]
    finally:
        await archive.close()


async def test_what_is_put_again_stands_in_place_of_what_was_there(store: Store, url: str, empty_url: str) -> None:
    await put(store, a_thing(events=[an_event(1)], n=1))
    await moved(url, empty_url)
    await sent(store, await store.pending(10))
    await put(store, change(THINGS, await read(store), {"n": 2}))

    await moved(url, empty_url)

    [kept] = (await every(empty_url)).values()
    assert (kept.version, kept.data["n"], kept.unsent) == (2, 2, ())
