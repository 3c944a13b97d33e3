"""Releases and discards as they are asked for: again, cut off, tried out."""

from __future__ import annotations

import pytest

from chassis import parked, releases
from chassis.clock import later
from chassis.problems import KeyReused, NotFound
from chassis.releases import COLLECTION, DISCARD, OUTCOMES, RELEASE, Asked
from chassis.store import StoreUnavailable, change
from tests.chassis.bench import A, B, C, failing, withdrawn
from tests.parked.lines import parked_are, parked_line
from tests.parked.operator import LONG, WHY, Operated
from tests.waiting import until


async def test_a_release_that_is_asked_for_again_changes_nothing(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        first = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        await bench.done(first.document.id)
        await parked_line(bench, B)
        bench.bad.clear()
        again = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        assert again == await bench.releases.progress(first.document.id)
        with pytest.raises(KeyReused):
            await bench.ask(RELEASE, {"key": B}, key="the-same-key")
        with pytest.raises(KeyReused):
            await bench.ask(DISCARD, {"key": A}, key="the-same-key")
    assert await bench.store.count(COLLECTION, {}) == 1
    assert await parked_are(bench, B, 3)


async def test_a_request_that_was_cut_off_is_finished_when_it_comes_again(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench)
        bench.bad.clear()
        broken = failing(bench, lambda writes: any(write.fields.get("release") for write in writes))
        with pytest.raises(StoreUnavailable):
            await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        assert broken
        again = await bench.ask(RELEASE, {"key": A}, key="the-same-key")
        await bench.done(again.document.id)
        await bench.has(A, 1, 2, 3)


async def test_a_dry_run_says_what_would_go_on_and_writes_nothing(bench: Operated) -> None:
    async with bench.running():
        await parked_line(bench, A)
        await parked_line(bench, B, events=2)
        await bench.bus.publish([withdrawn(C, 2)])
        await until(lambda: parked_are(bench, C, 1), seconds=LONG)
        before = await bench.store.find(parked.COLLECTION, {})
        preview = await bench.releases.preview({})
        some = await bench.releases.preview({"reason": "no-such-thing"})
    assert (preview.lines, preview.events, preview.complete) == (3, 6, True)
    assert dict(preview.by_reason) == {"no-such-thing": 2, "gap": 1}
    assert dict(preview.by_topic) == {"intake.case.v1": 3}
    assert (some.lines, some.events, len(some.first_ids)) == (2, 5, 2)
    assert await bench.store.find(parked.COLLECTION, {}) == before
    assert await bench.store.count(COLLECTION, {}) == await bench.store.count(OUTCOMES, {}) == 0


async def test_the_record_says_who_when_why_and_what(bench: Operated) -> None:
    asked = Asked(RELEASE, {"key": A}, WHY)
    progress = await bench.releases.ask(asked, client="operator-1", key="some-key")
    [kept] = await bench.releases.releases(limit=10, after=None)
    assert kept == progress
    data = kept.document.data
    assert (data["client"], data["why"], data["filter"], data["verb"]) == ("operator-1", WHY, {"key": A}, "release")
    assert data["at"] <= bench.clock.now()


async def test_the_records_of_old_releases_are_removed_when_nothing_waits_for_them(bench: Operated) -> None:
    async with bench.running():
        for case in (A, B):
            await parked_line(bench, case)
        bench.bad.clear()
        done, recent = await bench.release(key=A), await bench.release(key=B)
        for id in (done, recent):
            await bench.done(id)
        await parked_line(bench, C)
    waiting = await bench.release(key=C)  # while nobody runs
    for id in (done, waiting):
        release = (await bench.releases.progress(id)).document
        long_ago = later(release.data["at"], -releases.KEPT_DAYS * 86_400.0 - 1.0)
        await bench.store.write([change(COLLECTION, release, {"at": long_ago})])

    assert await bench.releases.remove_old() == 1
    assert await bench.releases.remove_old() == 0
    with pytest.raises(NotFound):
        await bench.releases.progress(done)
    assert await bench.store.count(OUTCOMES, {"release": done}) == 0
    assert (await bench.releases.progress(recent)).handled == 3
    assert (await bench.releases.progress(waiting)).state == "working"
