"""Events that wait in their document until the bus has them, on every store."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from chassis.mongo_outbox import Outbox
from chassis.store import Document, Outcome, Pending, Store, StoreUnavailable, change, create, outbox_after
from tests.conformance.store.things import CLAIMS, THINGS, a_thing, an_event, one, places, put, read, sent


async def test_an_event_is_there_with_its_document(store: Store, other: Store) -> None:
    event = an_event(1, value=bytes(range(256)))
    await put(store, a_thing(events=[event]))

    [waiting] = await other.pending(10)

    assert (waiting.collection, waiting.document_id, waiting.sequence) == (THINGS, "t1", 1)
    assert waiting.record == event.record


async def test_events_of_a_document_keep_their_order(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1), an_event(2)]))
    await put(store, a_thing("t2", events=[an_event(1, about="t2")]))
    await put(store, change(THINGS, await read(store), {}, events=[an_event(3), an_event(4)]))

    waiting = places(await store.pending(100))

    assert [sequence for id, sequence in waiting if id == "t1"] == [1, 2, 3, 4]
    assert len(waiting) == 5


async def test_events_of_every_collection_wait_together(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1)]), create(CLAIMS, "c1", {}, events=[an_event(1, about="c1")]))

    assert {(entry.collection, entry.document_id) for entry in await store.pending(10)} == {
        (THINGS, "t1"),
        (CLAIMS, "c1"),
    }


async def test_a_limit_is_not_passed_and_what_comes_begins_with_the_first(store: Store) -> None:
    await put(store, a_thing(events=[an_event(n) for n in range(1, 6)]))
    await put(store, a_thing("t2", events=[an_event(n, about="t2") for n in range(1, 6)]))

    for limit in range(1, 11):
        waiting = places(await store.pending(limit))
        assert len(waiting) == limit
        for id in ("t1", "t2"):
            mine = [sequence for name, sequence in waiting if name == id]
            assert mine == list(range(1, len(mine) + 1))


async def test_what_waits_longest_comes_first(store: Store) -> None:
    """A document that keeps saying things does not fall behind, and none starves behind newer ones."""
    await put(store, a_thing("old", events=[an_event(1, about="old")]))
    await asyncio.sleep(0.003)  # the order is kept to the millisecond
    for n in range(10):
        await put(store, a_thing(f"new{n}", events=[an_event(1, about=f"new{n}")]))
    await put(store, change(THINGS, await read(store, "old"), {}, events=[an_event(2, about="old")]))

    assert places(await store.pending(1)) == [("old", 1)]


async def test_marking_sent_keeps_what_was_added_meanwhile(store: Store) -> None:
    """INVARIANT: marking sent removes the events that were published and no others.

    A relay that replaced the document or its outbox would undo the write that came in between.
    """
    await put(store, a_thing(n=1, events=[an_event(1), an_event(2)]))
    waiting = await store.pending(10)
    await put(store, change(THINGS, await read(store), {"n": 2}, events=[an_event(3)]))

    await sent(store, waiting)

    assert places(await store.pending(10)) == [("t1", 3)]
    assert (await read(store)).data == {"n": 2}
    assert (await read(store)).version == 2


async def test_marking_sent_takes_exactly_the_given_events(store: Store) -> None:
    await put(
        store, a_thing(events=[an_event(n) for n in range(1, 6)]), a_thing("t2", events=[an_event(1, about="t2")])
    )
    waiting = [entry for entry in await store.pending(10) if entry.document_id == "t1"]

    await sent(store, [waiting[1], waiting[3]])

    assert sorted(places(await store.pending(10))) == [("t1", 1), ("t1", 3), ("t1", 5), ("t2", 1)]


async def test_marking_twice_or_what_is_not_there_is_harmless(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1), an_event(2)]))
    waiting = await store.pending(10)
    await sent(store, waiting[:1])

    await sent(store, waiting[:1])
    await sent(store, [replace(waiting[0], document_id="nobody"), replace(waiting[0], collection=CLAIMS)])
    await sent(store, [])

    assert places(await store.pending(10)) == [("t1", 2)]


async def test_marks_do_not_disturb_a_change_of_the_version_that_was_read(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1)]))
    document = await read(store)
    await sent(store, await store.pending(10))

    assert await one(store, change(THINGS, document, {"n": 1}, events=[an_event(2)])) is Outcome.WRITTEN
    assert places(await store.pending(10)) == [("t1", 2)]


async def test_depth_counts_documents_with_unsent_events_up_to_a_limit(store: Store) -> None:
    assert await store.pending_depth(10) == 0
    for n in range(5):
        id = f"t{n}"
        await put(store, a_thing(id, events=[an_event(1, about=id), an_event(2, about=id)]), a_thing(f"silent{n}"))
    await put(store, create(CLAIMS, "c1", {}, events=[an_event(1, about="c1")]))

    assert await store.pending_depth(100) == 6
    assert await store.pending_depth(6) == 6
    assert await store.pending_depth(3) == 3

    await sent(store, await store.pending(100))
    assert await store.pending_depth(100) == 0


async def test_nothing_is_lost_between_writers_and_a_relay(store: Store, other: Store) -> None:
    """Writers add while a relay reads and marks: every event is seen, first ones first, and in the end none waits."""
    seen: dict[str, list[int]] = {}
    writing = True

    async def writer(id: str) -> None:
        await put(store, a_thing(id, events=[an_event(1, about=id)]))
        for sequence in range(2, 21):
            await put(store, change(THINGS, await read(store, id), {}, events=[an_event(sequence, about=id)]))

    async def relay() -> None:
        while writing or await other.pending_depth(1):
            waiting = await other.pending(7)
            for entry in waiting:
                seen.setdefault(entry.document_id, []).append(entry.sequence)
            await sent(other, waiting)

    relaying = asyncio.create_task(relay())
    await asyncio.gather(*(writer(f"t{n}") for n in range(8)))
    writing = False
    await relaying

    assert seen == {f"t{n}": list(range(1, 21)) for n in range(8)}


async def test_a_dump_shows_all_that_is_stored(store: Store) -> None:
    await put(store, a_thing(姓名="王小明", seen={"producer-x": 1}, events=[an_event(1, value="事件 body".encode())]))
    await put(store, create(CLAIMS, "claim-7", {"nested": [{"key-inside": 'quote " in it'}]}))

    dumped = b"\n".join([part async for part in store.dump()])

    for planted in (
        "王小明",
        "姓名",
        "producer-x",
        "事件 body",
        "thing.happened",
        "thing.v1",
        "claim-7",
        "key-inside",
        "in it",
    ):
        assert planted.encode() in dumped, planted


async def test_a_change_drops_what_was_sent_before(store: Store) -> None:
    """INVARIANT: a change drops what was sent and nothing else: what a document has said stands in it no longer."""
    await put(store, a_thing(events=[an_event(1, value=b"first"), an_event(2, value=b"second")]))
    await sent(store, (await store.pending(10))[:1])

    await put(store, change(THINGS, await read(store), {"n": 1}, events=[an_event(3, value=b"third")]))

    assert places(await store.pending(10)) == [("t1", 2), ("t1", 3)]
    dumped = b"\n".join([part async for part in store.dump()])
    assert b"first" not in dumped
    assert b"second" in dumped


async def test_a_document_that_has_ended_keeps_nothing_that_was_sent(store: Store) -> None:
    """INVARIANT: erasure empties the outbox too, as soon as the bus has what was in it, whoever sent it."""
    await put(store, a_thing(events=[an_event(1, value=b"a fact"), an_event(2, value=b"another fact")]))
    await sent(store, (await store.pending(10))[:1])
    erased = change(THINGS, await read(store), {"n": None}, events=[an_event(3, value=b"the end")], ends=True)
    await put(store, erased)
    assert places(await store.pending(10)) == [("t1", 2), ("t1", 3)]

    await sent(store, await store.pending(10))

    dumped = b"\n".join([part async for part in store.dump()])
    for said in (b"a fact", b"another fact", b"the end", b"_ends"):
        assert said not in dumped.replace(b'"_ends_1"', b"").replace(b'[["_ends", 1]]', b""), said
    assert await store.pending(10) == []


async def test_a_document_that_has_ended_is_emptied_also_after_a_crash(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: erasure empties the outbox too, where the process dies between the mark and the emptying."""

    async def dies(_: Outbox) -> int:
        raise StoreUnavailable("killed")

    await put(store, a_thing(events=[an_event(1, value=b"a fact")]))
    await put(store, change(THINGS, await read(store), {}, events=[an_event(2, value=b"the end")], ends=True))
    with monkeypatch.context() as crash, suppress(StoreUnavailable):
        crash.setattr(Outbox, "_empty_ended", dies)
        await sent(store, await store.pending(10))

    assert await other.pending(10) == []
    await other.mark_sent()

    dumped = b"\n".join([part async for part in store.dump()])
    assert b"a fact" not in dumped
    assert b"the end" not in dumped


async def test_a_document_that_is_known_from_its_writes_needs_no_look_into_its_outbox(store: Store) -> None:
    """Nobody read it: what was in the outbox follows from the write, as long as that had no events of its own."""
    heard: list[Pending] = []
    store.listen(heard.extend)
    made = a_thing(size=1)
    await put(store, made)
    known = Document("t1", 1, {"size": 1}, outbox=outbox_after(made))
    first = change(THINGS, known, {"size": 2}, events=[an_event(1)])
    await put(store, first)
    await sent(store, heard)

    quiet = change(THINGS, await read(store), {"size": 3})
    await put(store, quiet)
    known = Document("t1", 3, {"size": 3}, emitted=1, outbox=outbox_after(quiet))
    await put(store, change(THINGS, known, {"size": 4}, events=[an_event(2)]))

    assert outbox_after(first) is None
    assert [(entry.sequence, entry.after) for entry in heard] == [(1, False), (2, False)]
    assert places(await store.pending(10)) == [("t1", 2)]
