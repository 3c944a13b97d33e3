"""How much of a batch lies in memory at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chassis.bus import Partition, Received
from chassis.handlers import Retry
from chassis.portions import FIRST_GUESS, MOST_BYTES, Portions
from chassis.store import Document, create
from contracts.events import CaseWithdrawn
from tests.chassis.bench import Bench, withdrawn
from tests.waiting import until

LARGE = 100_000


def received(key: str, offset: int, size: int = 100, kind: str = "read") -> Received:
    return Received(Partition("t", 0), offset, "t", key, (("ce_type", kind),), b"x" * size, 0)


def portions(most: int = MOST_BYTES) -> Portions:
    return Portions(lambda event: event.header("ce_type") == "read", most)


def documents(count: int, size: int) -> list[Document]:
    return [Document(str(place), 1, {"text": "x" * size}) for place in range(count)]


def keys_in(part: Sequence[Received]) -> set[str]:
    return {event.key for event in part}


def test_every_event_is_in_one_part_and_those_of_a_key_are_together_in_their_order() -> None:
    batch = [received(f"k{offset % 7}", offset) for offset in range(70)]

    parts = portions(most=2 * FIRST_GUESS).of(batch)

    assert len(parts) > 3
    assert sorted((event for part in parts for event in part), key=lambda event: event.offset) == batch
    for key in {event.key for event in batch}:
        [part] = [part for part in parts if key in keys_in(part)]
        offsets = [event.offset for event in part if event.key == key]
        assert offsets == sorted(offsets)
        assert len(offsets) == 10


def test_a_small_batch_is_one_part() -> None:
    batch = [received(f"k{offset}", offset) for offset in range(20)]
    assert portions().of(batch) == [batch]
    assert portions().of([]) == []


def test_a_key_alone_may_be_more_than_a_part_holds() -> None:
    batch = [received("small", 0), received("large", 1, size=3000), received("small too", 2)]
    assert [len(part) for part in portions(most=1000).of(batch)] == [1, 1, 1]


def test_the_documents_that_were_seen_say_how_many_are_in_hand_at_once() -> None:
    some = portions()
    some.weigh(documents(8, 500_000))
    assert some.keys == 4
    assert max(len(keys_in(part)) for part in some.of([received(f"k{n}", n) for n in range(50)])) <= 4
    some.weigh(documents(800, 1000))
    assert some.keys > 1000
    some.weigh(documents(8, 3 * MOST_BYTES))
    assert some.keys == 1


def test_events_whose_documents_are_not_read_weigh_only_themselves() -> None:
    some = portions(most=2 * FIRST_GUESS)
    assert len(some.of([received(f"k{n}", n, kind="line") for n in range(100)])) == 1
    assert len(some.of([received(f"k{n}", n, kind="line", size=FIRST_GUESS) for n in range(100)])) == 50


@pytest.mark.parametrize("held", [False, True])
async def test_a_batch_over_large_documents_is_read_and_written_a_few_at_a_time(bench: Bench, held: bool) -> None:
    """Held keys too, that are due all at once."""
    cases = [f"c_{first}{second}" + "a" * 24 for first in "abcdefghijkl" for second in "abcdefghij"]
    await bench.store.write([create("things", case, {"ballast": "x" * LARGE}) for case in cases])
    get_many, write, in_hand = bench.store.get_many, bench.store.write, list[int]()
    ready = not held

    def act(event: CaseWithdrawn, document: Document | None) -> None:
        if event.revision == 2 and not ready:
            raise Retry("not-here-yet")

    async def counted_reads(collection: str, ids: Sequence[str]) -> dict[str, Document]:
        in_hand.append(len(ids) if collection == "things" else 0)
        return await get_many(collection, ids)

    async def counted_writes(writes: Sequence[object], *, ordered: bool = False) -> object:
        in_hand.append(len(writes))
        return await write(writes, ordered=ordered)  # type: ignore[arg-type]

    bench.act = act
    bench.store.get_many, bench.store.write = counted_reads, counted_writes  # type: ignore[assignment, method-assign]

    async def handled(revision: int) -> bool:
        return all([await bench.revisions(case) == list(range(1, revision + 1)) for case in cases])

    async with bench.running() as runner:
        await bench.bus.publish([withdrawn(case, 1) for case in cases])  # by these their weight is known
        await until(lambda: handled(1))
        in_hand.clear()
        await bench.bus.publish([withdrawn(case, 2) for case in cases])

        async def many_are_held() -> bool:
            return len(runner.held) > len(cases) / 2

        if held:
            await until(many_are_held)
            ready = True
        await until(lambda: handled(2))

    most = MOST_BYTES // LARGE
    assert 0 < max(in_hand) <= most + most // 4
