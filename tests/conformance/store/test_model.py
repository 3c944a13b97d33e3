"""Any sequence of calls answers on every store as it does in the model."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.store import Cond, Document, Index, Outcome, Store, Write, change, create, push, remove
from tests.conformance.store.model import Model
from tests.conformance.store.things import an_event, sent

IDS = ["a", "B", "é", "中", "😀"]
NUMBERS = st.none() | st.integers(-3, 3) | st.sampled_from([2**53, -(2**53), 0.5])
WORDS = st.none() | st.sampled_from(["", "a", "A", "b", "ab", "文", "é", "😀", "￿"])
TAGS = st.lists(st.sampled_from(["x", "y", "文"]), max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b.c", "键", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({}, optional={"n": NUMBERS, "w": WORDS, "tags": TAGS, "free": JSON, "b": st.booleans()})
APPEND = st.fixed_dictionaries({}, optional={"tags": TAGS, "log": st.lists(JSON, min_size=1, max_size=2)})
MARKS = st.dictionaries(st.sampled_from(["intake", "notify"]), st.integers(1, 3), max_size=2)

STEPS = st.one_of(
    st.tuples(st.just("create"), st.sampled_from(IDS), FIELDS, APPEND, MARKS, st.integers(0, 2)),
    st.tuples(st.just("change"), st.sampled_from(IDS), FIELDS, APPEND, MARKS, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("change"), st.sampled_from(IDS), FIELDS, APPEND, MARKS, st.integers(0, 2), st.just(True)),
    st.tuples(st.just("push"), st.sampled_from(IDS), APPEND, st.sampled_from(["intake", "notify"]), st.integers(0, 2)),
    st.tuples(st.just("remove"), st.sampled_from(IDS), st.none() | st.integers(0, 2)),
)
ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.lists(STEPS, min_size=1, max_size=4, unique_by=lambda step: step[1]), st.booleans()),
    st.tuples(st.just("write"), st.lists(STEPS, min_size=1, max_size=4, unique_by=lambda step: step[1]), st.booleans()),
    st.tuples(st.just("mark"), st.sets(st.integers(0, 6))),
)

RANGES = st.sampled_from(["below", "at_most", "above", "at_least"])
ON_N = st.one_of(
    NUMBERS,
    st.builds(Cond, RANGES, NUMBERS.filter(lambda value: value is not None)),
    st.builds(Cond, st.just("is_not"), NUMBERS),
    st.builds(Cond, st.just("one_of"), st.lists(NUMBERS, max_size=3)),
)
ON_W = st.one_of(
    WORDS,
    st.builds(Cond, RANGES, WORDS.filter(lambda value: value is not None)),
    st.builds(Cond, st.just("is_not"), WORDS),
    st.builds(Cond, st.just("one_of"), st.lists(WORDS, max_size=3)),
)
ON_TAGS = st.builds(Cond, st.just("holds"), st.sampled_from(["x", "y", "文", "z"]))
WHERE = st.fixed_dictionaries(
    {},
    optional={
        "n": ON_N,
        "w": ON_W | st.lists(ON_W.filter(lambda wanted: isinstance(wanted, Cond)), min_size=1, max_size=2),
        "tags": ON_TAGS,
        "b": st.none() | st.booleans(),
        "id": st.sampled_from(IDS) | st.builds(Cond, RANGES, st.sampled_from(IDS)),
    },
)
ORDERS = st.permutations(["n", "w", "b"]).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"-{name}"]) for name in names)).flatmap(
        lambda parts: st.integers(0, 3).map(lambda length: parts[:length])
    )
)
QUESTIONS = st.lists(st.tuples(WHERE, ORDERS), min_size=1, max_size=3)

counter = itertools.count()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=12), questions=QUESTIONS)
async def test_any_calls_answer_as_in_the_model(store: Store, actions: list[Any], questions: list[Any]) -> None:
    things = f"things_{next(counter)}"  # an empty collection for each example
    await store.setup([things], [Index(things, ("n",)), Index(things, ("w", "-n")), Index(things, ("tags",))])
    model = Model()

    for kind, *rest in actions:
        if kind == "write":
            steps, ordered = rest
            writes = [_write(things, model, *step) for step in steps]
            expected = model.write_ordered(writes) if ordered else [model.write(write) for write in writes]
            assert await store.write(writes, ordered=ordered) == expected
        else:
            waiting = [entry for entry in await store.pending(1000) if entry.collection == things]
            chosen = [entry for place, entry in enumerate(waiting) if place in rest[0]]
            await sent(store, chosen)
            model.mark_sent(chosen)

    await _compare(store, things, model)
    for where, order in questions:
        await _ask(store, things, model, where, order)
    await sent(store, [entry for entry in await store.pending(1000) if entry.collection == things])


def _write(things: str, model: Model, kind: str, id: str, *rest: Any) -> Write:
    """A write as a caller would make it: events and marks follow the document as it is, some versions are old."""
    there = model.documents.get(id, Document(id, 1, {}))
    match kind:
        case "create":
            fields, append, marks, events = rest
            return create(things, id, fields, append=append, seen=marks, events=_events(id, 0, events))
        case "change":
            fields, append, marks, events, fresh = rest
            read = there if fresh else Document(id, there.version - 1, there.data, there.seen, there.emitted)
            append = {name: added for name, added in append.items() if name != "free"}
            return change(things, read, fields, append=append, seen=marks, events=_events(id, there.emitted, events))
        case "push":
            append, producer, step = rest
            return push(things, id, append, seen={producer: there.seen.get(producer, 0) + step})
        case _:
            [behind] = rest
            return remove(things, id, expected=None if behind is None else there.version - behind)


def _events(id: str, after: int, count: int) -> list[Any]:
    return [an_event(after + n, about=id) for n in range(1, count + 1)]


async def _compare(store: Store, things: str, model: Model) -> None:
    for id in IDS:
        assert await store.get(things, id) == model.documents.get(id)
    assert await store.get_many(things, IDS) == model.documents
    waiting = [entry for entry in await store.pending(1000) if entry.collection == things]
    sending: dict[str, list[int]] = {}
    for entry in waiting:
        sending.setdefault(entry.document_id, []).append(entry.sequence)
        assert entry.record == an_event(entry.sequence, about=entry.document_id).record
    assert sending == model.sending()
    assert await store.pending_depth(1000) == len(sending)


async def _ask(store: Store, things: str, model: Model, where: dict[str, Any], order: tuple[str, ...]) -> None:
    expected = model.find(where, order)
    assert await store.find(things, where, order=order) == expected
    assert await store.count(things, where) == len(expected)
    fields = [*(part.removeprefix("-") for part in order), "id"]
    paged: list[Document] = []
    while page := await store.find(
        things,
        where,
        order=[*order, "id"],
        limit=2,
        after=[paged[-1].id if name == "id" else paged[-1].data.get(name) for name in fields] if paged else None,
    ):
        paged += page
        assert len(paged) <= len(expected)
    assert paged == expected


async def test_the_model_would_find_a_difference(store: Store) -> None:
    """The comparison itself is worth something: a mark that differs by one is seen."""
    model = Model()
    await store.setup(["plain"], [])
    for write in (
        create("plain", "a", {"n": 1}, seen={"intake": 1}, events=[an_event(1, about="a")]),
        create("plain", "B", {}),
    ):
        assert [model.write(write)] == await store.write([write]) == [Outcome.WRITTEN]
    await _compare(store, "plain", model)

    model.documents["a"] = Document("a", 1, {"n": 1}, {"intake": 2}, 1)
    with pytest.raises(AssertionError):
        await _compare(store, "plain", model)
