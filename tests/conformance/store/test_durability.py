"""What was acknowledged stays: after closing, and after kill -9 of the process that wrote."""

import asyncio
import sys
from pathlib import Path

import pytest

from chassis.adapters import open_store
from chassis.store import Document, Pending, Store, StoreUnavailable, change
from tests.conformance.store.things import THINGS, a_thing, an_event, places, put, read, sent

ROOT = Path(__file__).parents[3]
ROUNDS = 10


async def test_everything_is_there_after_closing_and_opening(store: Store, url: str) -> None:
    await put(store, a_thing(n=1, seen={"intake": 4}, events=[an_event(1), an_event(2)]))
    await sent(store, (await store.pending(10))[:1])
    await put(store, change(THINGS, await read(store), {"名": "值"}, append={"log": [1]}))
    before = await read(store)
    await store.close()

    again = await open_store(url)
    try:
        assert await read(again) == before
        assert places(await again.pending(10)) == [("t1", 2)]
        await again.setup([THINGS], [])
        await put(again, change(THINGS, before, {"n": 2}, events=[an_event(3)]))
    finally:
        await again.close()


async def test_closing_writes_what_is_waiting_and_then_nothing_more(store: Store, url: str) -> None:
    waiting = [asyncio.create_task(put(store, a_thing(f"t{n}"))) for n in range(40)]
    await asyncio.sleep(0)

    await store.close()
    await store.close()

    await asyncio.gather(*waiting)
    with pytest.raises(StoreUnavailable):
        await store.write([a_thing("late")])
    again = await open_store(url)
    try:
        assert await again.count(THINGS, {}) == 40
    finally:
        await again.close()


async def test_a_killed_writer_loses_nothing_that_was_acknowledged(url: str) -> None:
    """INVARIANT: after kill -9 each acknowledged write is there, whole, with its events; nothing is there by half."""
    for round_ in range(ROUNDS):
        acknowledged = await _until_killed(url, str(round_), lines=150 + 97 * round_)
        store = await open_store(url)
        try:
            await _check(store, acknowledged)
        finally:
            await store.close()


async def _until_killed(url: str, run: str, *, lines: int) -> list[list[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.store.writer", url, run, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: list[bytes] = []
    try:
        while len(said) < lines:
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            assert line, "the writer ended by itself"
            said.append(line)
    finally:
        process.kill()
    said += (await asyncio.wait_for(process.stdout.read(), 30)).splitlines(keepends=True)
    await process.wait()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


async def _check(store: Store, acknowledged: list[list[str]]) -> None:
    found = await store.get_many(THINGS, list({id for id, _ in acknowledged}))
    for id, what in acknowledged:
        document = found[id]
        if what == "changed":
            assert document.version == 2
            assert "n" in document.data
        if what == "pushed":
            assert document.data["log"] == ["line"]
            assert document.seen == {"notify": 1}
    everything, pending = await _at_rest(store)
    sending: dict[str, list[int]] = {}
    for id, sequence in places(pending):
        sending.setdefault(id, []).append(sequence)
    assert sending == {document.id: list(range(1, document.emitted + 1)) for document in everything}
    assert all((document.version, document.emitted) in ((1, 1), (2, 3)) for document in everything)


async def _at_rest(store: Store) -> tuple[list[Document], list[Pending]]:
    """All documents and events at one moment: a server may still be making the last write of a writer that is gone."""
    before = await store.find(THINGS, {}, limit=1_000_000)
    while True:
        pending = await store.pending(1_000_000)
        after = await store.find(THINGS, {}, limit=1_000_000)
        if before == after:
            return after, pending
        before = after
