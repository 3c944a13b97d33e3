"""Whatever is refused, released or discarded when: no event twice, none out of order, and the end is the same."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import parked, releases
from chassis.bus import Topic
from chassis.bus_log import LogBus
from chassis.store import Document
from chassis.store_sqlite import SqliteStore
from tests.chassis.bench import TOPIC, A, B, withdrawn
from tests.parked.operator import LONG, Operated
from tests.waiting import until

EVENTS = 6
CASES = (A, B)

# What happens, one after the other: the next events come, some are good from now on, a release of a key or of all.
bad_ones = st.sets(st.tuples(st.sampled_from(CASES), st.integers(1, EVENTS)), max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from(CASES), st.integers(1, 3)),
        st.tuples(st.just("mend"), st.sampled_from(CASES), st.integers(1, EVENTS)),
        st.tuples(st.just("release"), st.sampled_from(CASES), st.just(0)),
        st.tuples(st.just("restart"), st.sampled_from(CASES), st.just(0)),
    ),
    max_size=10,
)


@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(bad=bad_ones, steps=steps)
def test_released_in_any_order_the_document_is_that_of_handling_without_parking(
    bad: set[tuple[str, int]], steps: list[tuple[str, str, int]]
) -> None:
    """INVARIANT: parking changes when events are handled, never in which order, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        found, handled = asyncio.run(lived(Path(folder), set(bad), steps))
    expected = list(range(1, EVENTS + 1))
    for case in CASES:
        assert found[case].data["revisions"] == expected
        assert found[case].seen == {"intake": EVENTS}
        assert found[case].emitted == EVENTS
        assert [number for key, number in handled if key == case] == expected


async def lived(
    folder: Path, bad: set[tuple[str, int]], steps: list[tuple[str, str, int]]
) -> tuple[dict[str, Document], list[tuple[str, int]]]:
    """Does the steps, then lets everything come and go on; the documents, and what the handlers saw."""
    store = await SqliteStore.open(f"sqlite:{folder}/store.db?synchronous=normal")
    collections = ["things", parked.COLLECTION, releases.COLLECTION, releases.OUTCOMES]
    await store.setup(collections, [*parked.INDEXES, *releases.INDEXES])
    bus = await LogBus.open(folder / "bus.db")
    await bus.setup([Topic(TOPIC, 1, 30), Topic("notify.message.v1", 1, 30)])
    bench = Operated(store, bus)
    bench.bad = bad
    bench.limits = replace(bench.limits, gap_seconds=0.0, release_seconds=0.0, poll_seconds=0.01)
    come = dict.fromkeys(CASES, 0)

    async def comes(case: str, number: int) -> None:
        last = min(come[case] + number, EVENTS)
        await bus.publish([withdrawn(case, n) for n in range(come[case] + 1, last + 1)])
        come[case] = last

    async def is_over() -> bool:
        if await store.count(parked.COLLECTION, {}):
            await bench.release()
            return False
        documents = await store.get_many("things", list(CASES))
        return all(case in documents and documents[case].seen["intake"] == EVENTS for case in CASES)

    rest = list(steps)
    while rest:
        async with bench.running():
            while rest:
                what, case, number = rest.pop(0)
                if what == "restart":
                    break
                if what == "come":
                    await comes(case, number)
                elif what == "mend":
                    bench.bad.discard((case, number))
                else:
                    await bench.release(key=case)
                await asyncio.sleep(0)
    bench.bad.clear()
    async with bench.running():
        for case in CASES:
            await comes(case, EVENTS)
        await until(is_over, seconds=LONG)
    found = await store.get_many("things", list(CASES))
    await bus.close()
    await store.close()
    return found, bench.handled
