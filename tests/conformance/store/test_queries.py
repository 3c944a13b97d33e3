"""Filters, orders and pages, on every store."""

import itertools
from typing import Any

import pytest

from chassis.store import Cond, Store, Where, change, create
from tests.conformance.store.things import THINGS, a_thing, ids, put, read


@pytest.fixture
async def people(store: Store) -> Store:
    await put(
        store,
        create(
            THINGS,
            "ann",
            {"n": 1, "status": "open", "tags": ["a", "b"], "done": False, "at": "2026-01-01T00:00:00.000Z"},
        ),
        create(THINGS, "bob", {"n": 2, "status": "closed", "tags": [], "done": True, "at": "2026-01-02T00:00:00.000Z"}),
        create(
            THINGS,
            "cem",
            {"n": 10, "status": "open", "tags": ["b", "文"], "done": True, "at": "2026-01-03T00:00:00.000Z"},
        ),
        create(THINGS, "dee", {"n": None, "status": None, "tags": None, "done": None, "at": None}),
        create(THINGS, "eve", {}),
    )
    return store


FILTERS: list[tuple[Where, list[str]]] = [
    ({}, ["ann", "bob", "cem", "dee", "eve"]),
    ({"status": "open"}, ["ann", "cem"]),
    ({"status": "Open"}, []),
    ({"status": None}, ["dee", "eve"]),
    ({"n": 2}, ["bob"]),
    ({"n": 2.0}, ["bob"]),
    ({"n": "2"}, []),
    ({"done": True}, ["bob", "cem"]),
    ({"done": False}, ["ann"]),
    ({"done": None}, ["dee", "eve"]),
    ({"id": "bob"}, ["bob"]),
    ({"id": Cond("above", "bob")}, ["cem", "dee", "eve"]),
    ({"never": None}, ["ann", "bob", "cem", "dee", "eve"]),
    ({"never": 1}, []),
    ({"n": Cond("below", 2)}, ["ann"]),
    ({"n": Cond("at_most", 2)}, ["ann", "bob"]),
    ({"n": Cond("above", 2)}, ["cem"]),
    ({"n": Cond("at_least", 2)}, ["bob", "cem"]),
    ({"n": Cond("above", -(2**53))}, ["ann", "bob", "cem"]),
    ({"at": Cond("below", "2026-01-02T00:00:00.000Z")}, ["ann"]),
    ({"at": Cond("at_least", "2026-01-02T00:00:00.000Z")}, ["bob", "cem"]),
    ({"status": Cond("one_of", ["closed", "lost"])}, ["bob"]),
    ({"status": Cond("one_of", ["closed", None])}, ["bob", "dee", "eve"]),
    ({"status": Cond("one_of", [])}, []),
    ({"id": Cond("one_of", ["eve", "ann", "zoe"])}, ["ann", "eve"]),
    ({"status": Cond("is_not", "open")}, ["bob", "dee", "eve"]),
    ({"status": Cond("is_not", None)}, ["ann", "bob", "cem"]),
    ({"done": Cond("is_not", True)}, ["ann", "dee", "eve"]),
    ({"tags": Cond("holds", "b")}, ["ann", "cem"]),
    ({"tags": Cond("holds", "文")}, ["cem"]),
    ({"tags": Cond("holds", "z")}, []),
    ({"tags": [Cond("holds", "a"), Cond("holds", "b")]}, ["ann"]),
    ({"n": [Cond("above", 1), Cond("below", 10)]}, ["bob"]),
    ({"at": [Cond("is_not", None), Cond("below", "2026-01-02T00:00:00.000Z")]}, ["ann"]),
    ({"status": "open", "n": Cond("above", 1), "tags": Cond("holds", "b")}, ["cem"]),
]


@pytest.mark.parametrize(("where", "found"), FILTERS, ids=lambda value: str(value)[:50])
async def test_a_filter_finds_these(people: Store, where: Where, found: list[str]) -> None:
    assert ids(await people.find(THINGS, where)) == found
    assert await people.count(THINGS, where) == len(found)


MISTAKES: list[dict[str, Any]] = [
    {"where": {"n": Cond("below", None)}},
    {"where": {"n": Cond("near", 1)}},
    {"where": {"n": []}},
    {"where": {"n": [1, 2]}},
    {"where": {"n": {"$gt": 1}}},
    {"where": {"n": Cond("is", {"$gt": 1})}},
    {"where": {"a.b": 1}},
    {"where": {"$where": "1"}},
    {"where": {}, "order": ("id", "n")},
    {"where": {}, "order": ("n'",)},
    {"where": {}, "order": ("n",), "after": [1]},
]


@pytest.mark.parametrize("question", MISTAKES, ids=str)
async def test_a_question_that_stores_would_read_differently_is_refused(
    people: Store, question: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        await people.find(THINGS, **question)


WORDS = ["", " ", "0", "A", "Z", "a", "aa", "b", "é", "z", "ß", "中", "中文", "文", "ﬀ", "\uffff", "𠮷", "😀"]


async def test_text_sorts_by_its_code_points(store: Store) -> None:
    """Case, accents, Chinese and what lies beyond 16 bits (where UTF-16 would sort otherwise), in fields and in ids."""
    await put(store, *(create(THINGS, f"i{word}", {"w": word}) for word in reversed(WORDS)))

    assert [thing.data["w"] for thing in await store.find(THINGS, {}, order=("w",))] == sorted(WORDS)
    assert [thing.data["w"] for thing in await store.find(THINGS, {}, order=("-w", "id"))] == sorted(
        WORDS, reverse=True
    )
    assert ids(await store.find(THINGS, {})) == sorted(f"i{word}" for word in WORDS)
    for word in WORDS:
        assert await store.count(THINGS, {"w": Cond("below", word)}) == sum(other < word for other in WORDS)


async def test_numbers_sort_as_numbers(store: Store) -> None:
    numbers = [10, 9, -1, 0, 2**53, 2**53 - 1, -(2**53), 1.5, 2]
    await put(store, *(create(THINGS, f"t{place}", {"n": n}) for place, n in enumerate(numbers)))

    assert [thing.data["n"] for thing in await store.find(THINGS, {}, order=("n",))] == sorted(numbers)
    assert ids(await store.find(THINGS, {"n": 2**53})) == ["t4"]


async def test_null_sorts_first_and_the_id_decides_ties(people: Store) -> None:
    assert ids(await people.find(THINGS, {}, order=("n",))) == ["dee", "eve", "ann", "bob", "cem"]
    assert ids(await people.find(THINGS, {}, order=("-n", "id"))) == ["cem", "bob", "ann", "dee", "eve"]
    assert ids(await people.find(THINGS, {}, order=("status", "-id"))) == ["eve", "dee", "bob", "cem", "ann"]
    assert ids(await people.find(THINGS, {}, order=("-id",))) == ["eve", "dee", "cem", "bob", "ann"]


async def test_a_limit_cuts(people: Store) -> None:
    assert ids(await people.find(THINGS, {}, limit=2)) == ["ann", "bob"]
    assert await people.find(THINGS, {}, limit=0) == []


ORDERS = [("n",), ("-n",), ("status", "-n"), ("-status", "n", "-id"), ("id",), ("-id",), ("-at", "id")]


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_pages_visit_each_document_once_while_others_arrive(store: Store, order: tuple[str, ...]) -> None:
    values = itertools.product([None, 1, 2], [None, "a", "b"], [None, "2026", "2027"])
    things = {f"t{place:02}": {"n": n, "status": s, "at": at} for place, (n, s, at) in enumerate(values)}
    await put(store, *(create(THINGS, id, fields) for id, fields in things.items()))
    fields = [part.removeprefix("-") for part in order]
    seen: list[str] = []
    arrived = 0
    after = None
    while page := await store.find(THINGS, {}, order=order, limit=4, after=after):
        seen += [id for id in ids(page) if id.startswith("t")]
        last = page[-1]
        after = [last.id if name == "id" else last.data.get(name) for name in fields]
        if "id" not in fields:
            after.append(last.id)
        arrived += 1
        if arrived < 8:
            await put(store, *(create(THINGS, f"{where}{arrived}", {"n": 1, "status": "a"}) for where in ("a", "z")))

    assert sorted(seen) == sorted(things)
    assert len(seen) == len(set(seen))


async def test_a_page_may_begin_after_a_document_that_is_gone(people: Store) -> None:
    assert ids(await people.find(THINGS, {}, order=("n",), after=[1, "b-gone"])) == ["bob", "cem"]
    assert ids(await people.find(THINGS, {"status": "open"}, after=["bob"])) == ["cem"]


async def test_a_filter_sees_changes_at_once(people: Store, other: Store) -> None:
    await put(people, change(THINGS, await read(people, "ann"), {"status": "closed", "tags": ["new"]}))

    assert ids(await other.find(THINGS, {"status": "closed"})) == ["ann", "bob"]
    assert ids(await other.find(THINGS, {"tags": Cond("holds", "new")})) == ["ann"]
    assert ids(await other.find(THINGS, {"tags": Cond("holds", "a")})) == []


async def test_many_are_read_by_id(store: Store) -> None:
    await put(store, *(a_thing(f"t{n}", n=n) for n in range(1200)))

    found = await store.get_many(THINGS, [f"t{n}" for n in range(0, 2400, 2)])

    assert set(found) == {f"t{n}" for n in range(0, 1200, 2)}
    assert found["t42"] == await store.get(THINGS, "t42")
    assert await store.get_many(THINGS, []) == {}
    assert len(await store.find(THINGS, {}, limit=1100)) == 1100
