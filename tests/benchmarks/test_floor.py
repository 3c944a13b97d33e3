"""The floor is the same work: regrouped into bulks it can be made again, and leaves the same documents."""

from __future__ import annotations

from benchmarks.counted import EMBEDDED, as_it_comes
from benchmarks.floor import floor
from benchmarks.places import bare


async def test_the_bare_writes_leave_every_document_and_nothing_to_send() -> None:
    counted = await as_it_comes(3)

    for at_once in (1, 16):
        async with bare(EMBEDDED) as (stores, bus):
            await floor(
                counted.calls,
                stores,
                bus,
                applications=3,
                at_once=at_once,
                collections=counted.collections,
            )
            assert await stores["intake"].count("cases", {"status": "determined"}) == 3
            assert await stores["notify"].count("cases_told", {}) == 3
            assert [await store.pending(10) for store in stores.values()] == [[], [], [], []]
            assert len(await bus.read_all("intake.case.v1")) == 6
