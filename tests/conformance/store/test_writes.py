"""What a write may do to a document, on every store."""

import asyncio
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from chassis.store import Document, Outcome, Store, Write, change, create, push, remove
from tests.conformance.store.things import CLAIMS, THINGS, a_thing, an_event, one, put, read

RACES = 200


class Colour(StrEnum):
    RED = "red"


class Named(NamedTuple):
    n: int


class Odd(float): ...


async def test_a_created_document_is_read_back_as_it_was_written(store: Store) -> None:
    await put(
        store, create(THINGS, "t1", {"a": 1, "b": {"c": [1, {"d": None}]}}, append={"log": ["x"]}, seen={"intake": 3})
    )

    assert await read(store) == Document(
        "t1", 1, {"a": 1, "b": {"c": [1, {"d": None}]}, "log": ["x"]}, {"intake": 3}, 0
    )


async def test_what_is_not_there_is_none(store: Store) -> None:
    assert await store.get(THINGS, "t1") is None
    assert await store.get("never_made", "t1") is None
    assert await store.find("never_made", {}) == []
    assert await store.count("never_made", {}) == 0


async def test_an_id_is_given_once(store: Store) -> None:
    await put(store, a_thing(n=1, events=[an_event(1)]))

    assert await one(store, a_thing(n=2, events=[an_event(1)])) is Outcome.EXISTS
    assert (await read(store)).data == {"n": 1}
    assert len(await store.pending(10)) == 1


async def test_a_collection_is_made_by_its_first_write(store: Store) -> None:
    await put(store, create("brand_new", "b1", {"n": 1}))

    assert (await store.get("brand_new", "b1") or pytest.fail("not written")).data == {"n": 1}


async def test_a_change_sets_its_fields_and_leaves_the_others(store: Store) -> None:
    await put(store, a_thing(a=1, b={"x": 1, "y": 2}, seen={"intake": 1}))

    await put(store, change(THINGS, await read(store), {"b": {"x": 3}, "c": None}, seen={"notify": 5}))

    assert await read(store) == Document("t1", 2, {"a": 1, "b": {"x": 3}, "c": None}, {"intake": 1, "notify": 5}, 0)


async def test_a_change_of_an_old_version_is_refused_and_leaves_nothing(store: Store) -> None:
    await put(store, a_thing(n=1))
    old = await read(store)
    await put(store, change(THINGS, old, {"n": 2}))

    refused = change(THINGS, old, {"n": 3}, append={"log": [1]}, seen={"intake": 1}, events=[an_event(1)])

    assert await one(store, refused) is Outcome.CONFLICT
    assert await read(store) == Document("t1", 2, {"n": 2}, {}, 0)
    assert await store.pending(10) == []


async def test_a_change_of_a_missing_document_is_refused(store: Store) -> None:
    assert await one(store, change(THINGS, Document("t1", 1, {}), {"n": 1})) is Outcome.CONFLICT
    assert await store.get(THINGS, "t1") is None


async def test_the_number_of_the_last_event_is_remembered(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1), an_event(2)]))
    assert (await read(store)).emitted == 2

    await put(store, change(THINGS, await read(store), {"n": 1}))
    assert (await read(store)).emitted == 2

    await put(store, change(THINGS, await read(store), {}, events=[an_event(3)]))
    assert (await read(store)).emitted == 3


async def test_a_push_extends_lists_and_moves_marks_but_not_the_version(store: Store) -> None:
    await put(store, a_thing(n=1, log=["a"]))

    await put(store, push(THINGS, "t1", {"log": ["b"], "notes": [{"z": 1}]}, seen={"notify": 1}))

    assert await read(store) == Document("t1", 1, {"n": 1, "log": ["a", "b"], "notes": [{"z": 1}]}, {"notify": 1}, 0)


@pytest.mark.parametrize("mark", [0, 1, 3, 4])
async def test_a_push_moves_a_mark_by_exactly_one(store: Store, mark: int) -> None:
    """INVARIANT: an event that was handled is not handled again, and none is handled past a gap."""
    await put(store, a_thing(log=[], seen={"notify": 1}))

    assert await one(store, push(THINGS, "t1", {"log": ["x"]}, seen={"notify": mark})) is Outcome.CONFLICT
    assert await one(store, push(THINGS, "t1", {"log": ["y"]}, seen={"notify": 2})) is Outcome.WRITTEN
    assert await one(store, push(THINGS, "t1", {"log": ["y"]}, seen={"notify": 2})) is Outcome.CONFLICT
    assert (await read(store)).data == {"log": ["y"]}


async def test_a_push_needs_its_document(store: Store) -> None:
    assert await one(store, push(THINGS, "t1", {"log": ["x"]}, seen={"notify": 1})) is Outcome.CONFLICT
    assert await store.get(THINGS, "t1") is None


async def test_marks_stand_per_producer(store: Store) -> None:
    await put(store, a_thing(seen={"intake": 7}))
    await put(store, push(THINGS, "t1", {"log": [1]}, seen={"notify": 1}))
    await put(store, push(THINGS, "t1", {"log": [2]}, seen={"intake": 8, "notify": 2}))

    assert await one(store, push(THINGS, "t1", {"log": [3]}, seen={"intake": 9, "notify": 2})) is Outcome.CONFLICT
    assert (await read(store)).seen == {"intake": 8, "notify": 2}


async def test_a_push_between_read_and_change_is_kept_by_both(store: Store) -> None:
    """INVARIANT: a change undoes no push that it has not seen: it sets and extends, it never replaces the document."""
    await put(store, a_thing(log=["filed"], seen={"intake": 1}))
    document = await read(store)
    await put(store, push(THINGS, "t1", {"log": ["delivered"]}, seen={"notify": 1}))

    await put(store, change(THINGS, document, {"n": 1}, append={"log": ["decided"]}, seen={"intake": 2}))

    after = await read(store)
    assert after.data == {"log": ["filed", "delivered", "decided"], "n": 1}
    assert after.seen == {"intake": 2, "notify": 1}


async def test_a_change_moves_no_mark_that_a_push_has_moved_meanwhile(store: Store) -> None:
    """INVARIANT: what an event adds is added once, by the push of one process or the change of another."""
    await put(store, a_thing(log=[], seen={"intake": 1}))
    document = await read(store)
    await put(store, push(THINGS, "t1", {"log": ["line"]}, seen={"notify": 1}))

    late = change(THINGS, document, {"n": 1}, append={"log": ["line"]}, seen={"intake": 2, "notify": 1})

    assert await one(store, late) is Outcome.CONFLICT
    assert (await read(store)).data == {"log": ["line"]}


async def test_a_push_leaves_a_document_alone_that_has_what_it_excludes(store: Store) -> None:
    await put(store, a_thing(log=[], status="erased"))

    def line(mark: int, **unless: str) -> Write:
        return push(THINGS, "t1", {"log": ["line"]}, seen={"notify": mark}, unless=unless)

    assert await one(store, line(1, status="erased")) is Outcome.CONFLICT
    assert await one(store, line(1, status="erased", other="x")) is Outcome.CONFLICT
    assert await one(store, line(1, status="open", other="x")) is Outcome.WRITTEN
    after = await read(store)
    assert (after.data["log"], after.seen["notify"]) == (["line"], 1)


async def test_a_list_keeps_its_last_entries(store: Store) -> None:
    await put(store, create(THINGS, "t1", {}, append={"log": list(range(600))}))
    assert (await read(store)).data["log"] == list(range(100, 600))

    await put(store, change(THINGS, await read(store), {}, append={"log": ["a"]}))
    assert (await read(store)).data["log"] == [*range(101, 600), "a"]

    await put(store, push(THINGS, "t1", {"log": ["b"]}, seen={"notify": 1}))
    assert (await read(store)).data["log"] == [*range(102, 600), "a", "b"]


async def test_a_list_that_is_set_and_extended_at_once_is_both(store: Store) -> None:
    await put(store, create(THINGS, "t1", {"log": [1]}, append={"log": [2]}))
    assert (await read(store)).data == {"log": [1, 2]}

    await put(store, change(THINGS, await read(store), {"log": [3]}, append={"log": [4]}))
    assert (await read(store)).data == {"log": [3, 4]}


async def test_only_a_list_can_be_extended(store: Store) -> None:
    await put(store, a_thing(n=1), a_thing("t2"))

    with pytest.raises(ValueError, match="list"):
        await store.write([push(THINGS, "t1", {"n": [2]}, seen={"notify": 1})])
    mistake = store.write([push(THINGS, "t1", {"n": [2]}, seen={"notify": 1})])
    fine = store.write([push(THINGS, "t2", {"n": [2]}, seen={"notify": 1})])
    answers = await asyncio.gather(mistake, fine, return_exceptions=True)

    assert isinstance(answers[0], ValueError)
    assert answers[1] == [Outcome.WRITTEN]
    assert await read(store) == Document("t1", 1, {"n": 1}, {}, 0)


async def test_a_document_is_removed_in_the_version_that_was_meant(store: Store) -> None:
    await put(store, a_thing(events=[an_event(1)]), a_thing("t2"))
    await put(store, change(THINGS, await read(store), {"n": 1}))

    assert await one(store, remove(THINGS, "t1", expected=1)) is Outcome.CONFLICT
    assert await one(store, remove(THINGS, "t1", expected=2)) is Outcome.WRITTEN
    assert await one(store, remove(THINGS, "t1")) is Outcome.CONFLICT
    assert await one(store, remove(THINGS, "t2")) is Outcome.WRITTEN
    assert await store.count(THINGS, {}) == 0
    assert await store.pending(10) == []
    assert await one(store, a_thing(n=2)) is Outcome.WRITTEN
    assert (await read(store)).version == 1


async def test_each_write_of_a_call_stands_for_itself(store: Store) -> None:
    await put(store, a_thing("t2"))

    outcomes = await store.write([a_thing("t1"), a_thing("t2"), remove(THINGS, "t9"), create(CLAIMS, "c1", {})])

    assert outcomes == [Outcome.WRITTEN, Outcome.EXISTS, Outcome.CONFLICT, Outcome.WRITTEN]
    assert await store.count(THINGS, {}) == 2
    assert await store.write([]) == []


async def test_ordered_writes_stop_at_the_first_that_is_not_written(store: Store) -> None:
    await put(store, create(CLAIMS, "c2", {"by": "before"}))
    claims = [create(CLAIMS, id, {"by": "me"}) for id in ("c1", "c2", "c3")]

    outcomes = await store.write([*claims, a_thing()], ordered=True)

    assert outcomes == [Outcome.WRITTEN, Outcome.EXISTS, Outcome.SKIPPED, Outcome.SKIPPED]
    assert set(await store.get_many(CLAIMS, ["c1", "c2", "c3"])) == {"c1", "c2"}
    assert await store.get(THINGS, "t1") is None


async def test_of_two_racing_changes_exactly_one_is_written(store: Store, other: Store) -> None:
    """INVARIANT: no update is lost. Both racers write the same next version, so versions alone cannot tell who won."""
    await put(store, a_thing(n=0))
    for n in range(RACES):
        document = await read(store)
        racers = [(store, "a"), (other, "b"), (store, "c")]
        writes = (
            to.write([change(THINGS, document, {"by": [name, n]}, append={"log": [name]})]) for to, name in racers
        )
        outcomes = await asyncio.gather(*writes)

        assert sorted(outcome.value for [outcome] in outcomes) == ["conflict", "conflict", "written"]
        winner = racers[outcomes.index([Outcome.WRITTEN])][1]
        after = await read(store)
        assert (after.version, after.data["by"], after.data["log"][-1]) == (document.version + 1, [winner, n], winner)


async def test_of_racing_pushes_each_mark_moves_once(store: Store, other: Store) -> None:
    await put(store, a_thing(log=[]))
    for mark in range(1, 41):
        pushes = (
            to.write([push(THINGS, "t1", {"log": [mark]}, seen={"notify": mark})]) for to in (store, other, store)
        )
        outcomes = await asyncio.gather(*pushes)

        assert sorted(outcome.value for [outcome] in outcomes) == ["conflict", "conflict", "written"]
    assert (await read(store)).data["log"] == list(range(1, 41))


async def test_changes_and_pushes_at_the_same_time_are_all_kept(store: Store, other: Store) -> None:
    await put(store, a_thing(log=[]))

    async def changing() -> None:
        for n in range(30):
            while (
                await one(store, change(THINGS, await read(store), {"n": n}, append={"log": [f"c{n}"]}))
                is not Outcome.WRITTEN
            ):
                pass

    async def pushing(to: Store, producer: str) -> None:
        for n in range(30):
            assert (
                await one(to, push(THINGS, "t1", {"log": [f"{producer}{n}"]}, seen={producer: n + 1}))
                is Outcome.WRITTEN
            )

    await asyncio.gather(changing(), pushing(other, "p"), pushing(store, "q"))

    after = await read(store)
    assert sorted(after.data["log"]) == sorted(f"{name}{n}" for name in "cpq" for n in range(30))
    assert (after.version, after.seen) == (31, {"p": 30, "q": 30})
    for name in "cpq":
        assert [entry for entry in after.data["log"] if entry[0] == name] == [f"{name}{n}" for n in range(30)]


async def test_twenty_claimants_leave_one_complete_winner(store: Store, other: Store) -> None:
    """INVARIANT: who claims several things in the same order gets all or stops at the first that is taken."""
    for round_ in range(5):
        claims = [f"{round_}.{n}" for n in range(3)]
        claimants = [
            (store, other)[n % 2].write([create(CLAIMS, claim, {"by": n}) for claim in claims], ordered=True)
            for n in range(20)
        ]
        outcomes = await asyncio.gather(*claimants)

        winners = [n for n, outcome in enumerate(outcomes) if outcome[0] is Outcome.WRITTEN]
        assert len(winners) == 1
        assert outcomes[winners[0]] == [Outcome.WRITTEN] * 3
        held = await store.get_many(CLAIMS, claims)
        assert {claim.data["by"] for claim in held.values()} == set(winners)


async def test_writers_that_are_cancelled_leave_the_others_written(store: Store) -> None:
    tasks = [
        asyncio.create_task(store.write([a_thing(f"t{n}", n=n, events=[an_event(1, about=f"t{n}")])]))
        for n in range(60)
    ]
    tasks[0].cancel()  # before it began
    await asyncio.sleep(0)
    for n in range(3, 60, 3):  # while it waits
        tasks[n].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    await put(store, a_thing("last"))
    written = await store.find(THINGS, {}, limit=100)
    assert {f"t{n}" for n in range(1, 60) if n % 3} <= {document.id for document in written}
    sending = {entry.document_id for entry in await store.pending(100)}
    assert sending == {document.id for document in written} - {"last"}, (
        "a document and its event come together or not at all"
    )


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**53,
    -(2**53),
    0.5,
    "",
    "职称评审",
    "𠮷😀é",
    "a\0b\n\"\\'",
    [],
    {},
    [[], {}, [None]],
    {"姓名": {"a.b": [1, "二"], "": 0, "_id": 1}},
    {"deep": [[[[[[[[1]]]]]]]]},
    "x" * 100_000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20].replace("\0", "0"))
async def test_a_json_value_comes_back_as_it_was(store: Store, value: Any) -> None:
    await put(store, a_thing(value=value, 值=value))
    await put(store, change(THINGS, await read(store), {"again": value}, append={"list": [value]}))

    data = (await read(store)).data
    assert data == {"value": value, "值": value, "again": value, "list": [value]}
    assert isinstance(data["again"], type(value))


async def test_an_enumeration_is_kept_as_its_text(store: Store) -> None:
    await put(store, a_thing(colour=Colour.RED, by={Colour.RED: 1}))

    assert (await read(store)).data == {"colour": "red", "by": {"red": 1}}
    assert await store.count(THINGS, {"colour": Colour.RED}) == 1


REFUSED: list[Any] = [
    2**53 + 1,
    -(2**60),
    float("nan"),
    float("inf"),
    b"x",
    {1: 2},
    {"$a": 1},
    {"a\0": 1},
    "\ud800",
    {1, 2},
    Named(1),
    Odd(1.5),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: ascii(value)[:20].replace("\\", "/"))
async def test_what_some_store_could_not_keep_is_refused_before_anything_is_written(store: Store, value: Any) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        await store.write([a_thing("fine"), a_thing(value=[value])])

    assert ascii(value) not in ascii(str(refused.value))
    assert await store.count(THINGS, {}) == 0


@pytest.mark.parametrize("name", ["", "id", "_v", "-a", "a.b", "$a", 'a"b', "a\\b"])
async def test_a_field_has_a_name_that_every_store_can_filter_by(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="name of a top-level field"):
        await store.write([create(THINGS, "t1", {name: 1})])


async def test_setup_can_be_repeated(store: Store) -> None:
    await put(store, a_thing())
    await store.setup([THINGS, CLAIMS], [])
    await store.setup([THINGS, CLAIMS], [])

    assert await store.count(THINGS, {}) == 1
