"""What intake puts right at its first start after a restore."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis import schema
from chassis.clock import Clock
from chassis.running import Running
from chassis.store import Document, Store, StoreUnavailable, create, remove
from services.intake.case import CASES, CLAIMS
from services.intake.store import CaseStore
from services.intake.use_cases import hold_again
from tests.filings import a_filing, another_person
from tests.town import BUILDS, Town
from tests.waiting import until


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    """Intake alone: nobody answers it."""
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


async def restarted(intake: Town, *, restored: bool = True) -> None:
    if restored:
        await store(intake).write([create(schema.COLLECTION, schema.RESTORED, {})])
    await intake.stop("intake")
    await intake.start("intake")


def store(intake: Town) -> Store:
    return intake.services["intake"].store


async def filed(intake: Town, person: dict[str, Any]) -> str:
    receipt = await intake.submit(a_filing(person=person))
    assert receipt.status_code == 202
    case_id: str = receipt.json()["case_id"]
    return case_id


async def claims(intake: Town) -> dict[str, str]:
    return {claim.id: claim.data["case_id"] for claim in await store(intake).find(CLAIMS, {})}


async def status(intake: Town, case_id: str) -> str:
    case = await store(intake).get(CASES, case_id)
    assert case is not None
    found: str = case.data["status"]
    return found


async def test_a_case_takes_the_claims_again_that_a_backup_did_not_hold(intake: Town) -> None:
    """INVARIANT: a person is once in a round and road, also after a restore."""
    person = another_person()
    case_id = await filed(intake, person)
    before = await claims(intake)
    assert before
    await store(intake).write([remove(CLAIMS, id) for id in before])

    await restarted(intake)

    assert await claims(intake) == before
    assert await status(intake, await filed(intake, person)) == "duplicate"
    assert await status(intake, case_id) == "waiting"
    assert await store(intake).get(schema.COLLECTION, schema.RESTORED) is None


async def test_a_claim_of_a_case_that_a_backup_did_not_hold_is_no_ones(intake: Town) -> None:
    await filed(intake, another_person())
    before = await claims(intake)
    await store(intake).write([remove(CLAIMS, id) for id in before])
    lost = {"case_id": "c_lost", "partner_id": "partner", "at": "2026-01-01T00:00:00.000Z"}
    await store(intake).write([create(CLAIMS, id, lost) for id in before])

    await restarted(intake)

    assert await claims(intake) == before


async def test_a_claim_that_another_case_holds_stays_there(intake: Town) -> None:
    person = another_person()
    holder, held = await filed(intake, person), await filed(intake, person)
    before = await claims(intake)

    await restarted(intake)

    assert await claims(intake) == before
    assert set(before.values()) == {holder}
    assert await status(intake, held) == "duplicate"


async def test_a_start_that_is_cut_off_is_gone_on_with_where_it_was(
    intake: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many cases there are, and however little time a start is given: each gets further."""
    cases = sorted([await filed(intake, another_person()) for _ in range(5)])
    before = await claims(intake)
    await store(intake).write([remove(CLAIMS, id) for id in before])
    await store(intake).write([create(schema.COLLECTION, schema.RESTORED, {})])
    monkeypatch.setattr(hold_again, "BATCH", 1)
    looked_at: list[str | None] = []
    holding = CaseStore.holding

    async def no_longer_than_two(cases: CaseStore, limit: int, after: str | None) -> list[Document]:
        looked_at.append(after)
        if len(looked_at) % 3 == 0:
            raise StoreUnavailable("the process was killed")
        return await holding(cases, limit, after)

    monkeypatch.setattr(CaseStore, "holding", no_longer_than_two)
    await intake.stop("intake")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await intake.start("intake")
    await intake.start("intake")

    assert looked_at == [None, cases[0], cases[1], cases[1], cases[2], cases[3], cases[3], cases[4]]
    assert await claims(intake) == before
    assert await store(intake).get(schema.COLLECTION, schema.RESTORED) is None


async def test_a_setup_of_its_own_puts_it_right_before_the_service_starts(intake: Town) -> None:
    """INVARIANT: a job, which no probe watches, may take its time. The service finds nothing left to do."""
    await filed(intake, another_person())
    before = await claims(intake)
    await store(intake).write([remove(CLAIMS, id) for id in before])
    await store(intake).write([create(schema.COLLECTION, schema.RESTORED, {})])
    await intake.stop("intake")

    kind, build = BUILDS["intake"]
    setting_up = Running(intake._settings("intake", kind), build, name="intake", role="setup")
    assert await setting_up.start()

    assert await setting_up.store.get(schema.COLLECTION, schema.RESTORED) is None
    await setting_up.stop()
    await intake.start("intake")
    assert await claims(intake) == before


async def test_a_case_that_ends_while_it_is_put_right_holds_nothing_again(
    intake: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have put everything right already, and work."""
    case_id = await filed(intake, another_person())
    cases = CaseStore(store(intake))
    pages = [await cases.holding(10, None), []]
    path = f"/v1/applications/{case_id}/withdrawal"
    assert (await intake.call("intake", "POST", path, headers={"If-Match": '"1"'})).status_code == 200

    async def none_is_held() -> bool:
        return await claims(intake) == {}

    await until(none_is_held)

    async def read_before(limit: int, after: str | None) -> list[Document]:
        return pages.pop(0)

    monkeypatch.setattr(cases, "holding", read_before)
    assert [place async for place in hold_again.HoldAgain(store(intake), cases, Clock())(None)] == [case_id]

    assert await claims(intake) == {}


async def test_without_a_restore_nothing_is_looked_at(intake: Town) -> None:
    await filed(intake, another_person())
    await store(intake).write([remove(CLAIMS, id) for id in await claims(intake)])

    await restarted(intake, restored=False)

    assert await claims(intake) == {}
