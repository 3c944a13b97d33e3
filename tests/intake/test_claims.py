"""A person once in a round and road, whatever happens between a claim and its case."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.store import Document, StoreUnavailable, change, remove
from chassis.store_sqlite import SqliteStore
from services.intake.case import CLAIMS
from services.intake.store import CaseStore
from services.intake.use_cases.sweeps import Sweeps
from tests.filings import a_filing, another_person
from tests.town import OFFICER, OTHER_PARTNER, PARTNER, Town
from tests.waiting import until

AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Town(tmp_path) as open_town:
        yield open_town


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[Town]:
    """Intake alone: nobody answers it."""
    town = Town(tmp_path)
    await town.start("intake")
    yield town
    await town.stop("intake")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:{tmp_path}/claims.db?synchronous=normal")
    await store.setup([CLAIMS], [])
    yield store
    await store.close()


class Meddled:
    """The store, with something that happens right after the first document of another was read."""

    def __init__(self, store: SqliteStore, then: Callable[[Document], Awaitable[None]]) -> None:
        self._store = store
        self._then: Callable[[Document], Awaitable[None]] | None = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def get(self, collection: str, id: str) -> Document | None:
        found = await self._store.get(collection, id)
        if found is not None and self._then is not None:
            then, self._then = self._then, None
            await then(found)
        return found


async def claims_in(town: Town) -> dict[str, str]:
    found = await town.services["intake"].store.find(CLAIMS, {}, limit=1000)
    return {claim.id: claim.data["case_id"] for claim in found}


async def stored(town: Town, case_id: str) -> dict[str, Any]:
    document = await town.services["intake"].store.get("cases", case_id)
    assert document is not None
    return document.data


async def amend(town: Town, case_id: str, filing: dict[str, Any], revision: int) -> int:
    headers = {"If-Match": f'"{revision}"'}
    answer = await town.call("intake", "PUT", f"/v1/applications/{case_id}/filing", json=filing, headers=headers)
    return answer.status_code


async def test_a_claim_that_its_holder_frees_while_we_ask_for_its_name_is_ours(store: SqliteStore) -> None:
    """INVARIANT: no holder is named only where the claims were taken.

    Otherwise the case would go on without its claim, and a second application of the person would not be held.
    """
    await CaseStore(store).take_claims(["x"], case_id="rival", partner="p", at=AT)

    async def freed(claim: Document) -> None:
        await store.write([remove(CLAIMS, claim.id)])

    taking = await CaseStore(Meddled(store, freed)).take_claims(["x"], case_id="ours", partner="p", at=AT)

    there = await store.get(CLAIMS, "x")
    assert taking.holders == ()
    assert there is not None
    assert there.data["case_id"] == "ours"


async def test_a_claim_that_was_taken_once_more_is_not_freed_by_who_saw_it_before(store: SqliteStore) -> None:
    cases = CaseStore(store)
    first = await cases.take_claims(["x", "y"], case_id="ours", partner="p", at=AT)
    seen = await cases.held_claims(["x", "y"], case_id="ours")

    again = await cases.take_claims(["x"], case_id="ours", partner="p", at=AT)
    await cases.give_back(first.made)
    await cases.free_claims(seen, case_id="ours")

    assert again.made == ()
    assert sorted(await store.get_many(CLAIMS, ["x", "y"])) == ["x"]


async def test_a_claim_that_another_case_has_taken_since_is_not_freed_by_who_saw_it_before(store: SqliteStore) -> None:
    """INVARIANT: what a case frees twice is not another's. An amendment frees what it left, and then the sweep does."""
    cases = CaseStore(store)
    await cases.take_claims(["x"], case_id="ours", partner="p", at=AT)
    seen = await cases.held_claims(["x"], case_id="ours")
    await cases.free_claims(seen, case_id="ours")
    await cases.take_claims(["x"], case_id="another", partner="p", at=AT)

    await cases.free_claims(seen, case_id="ours")

    assert await cases.held_claims(["x"], case_id="another") == [["x", 1]]


async def test_what_was_taken_before_a_rival_was_met_is_free_again(store: SqliteStore) -> None:
    cases = CaseStore(store)
    await cases.take_claims(["b"], case_id="rival", partner="p", at=AT)
    taking = await cases.take_claims(["a", "b", "c"], case_id="ours", partner="p", at=AT)
    assert taking.holders == ("rival",)
    assert sorted(await store.get_many(CLAIMS, ["a", "b", "c"])) == ["b"]


async def test_the_same_request_sixteen_times_at_once_is_one_application(intake: Town) -> None:
    filing = a_filing()
    receipts = await asyncio.gather(*(intake.submit(filing, key="sixteen-at-once") for _ in range(16)))

    assert {receipt.status_code for receipt in receipts} == {202}
    assert len({receipt.text for receipt in receipts}) == 1
    case_id = receipts[0].json()["case_id"]
    case = await stored(intake, case_id)
    assert case["status"] == "waiting"
    assert [entry["step"] for entry in case["timeline"]] == ["received"]
    assert await claims_in(intake) == dict.fromkeys(case["claims"], case_id)
    await until(lambda: nothing_pending(intake))
    assert len(await intake.events()) == 1


async def nothing_pending(town: Town) -> bool:
    return not await town.services["intake"].store.pending(1)


async def test_one_key_with_many_bodies_at_once_takes_one_and_frees_what_the_others_claimed(intake: Town) -> None:
    filings = [a_filing(person=another_person()) for _ in range(12)]
    answers = await asyncio.gather(*(intake.submit(filing, key="one-key-many") for filing in filings))

    taken = [place for place, answer in enumerate(answers) if answer.status_code == 202]
    assert len(taken) == 1
    assert {answer.status_code for answer in answers} == {202, 422}
    case_id = answers[taken[0]].json()["case_id"]
    assert await claims_in(intake) == dict.fromkeys((await stored(intake, case_id))["claims"], case_id)
    others = [filing for place, filing in enumerate(filings) if place != taken[0]]
    later = await intake.submit(others[0], key="another-key")
    assert (await intake.case(later.json()["case_id"]))["status"] == "waiting"


async def test_a_key_of_another_partner_is_another_key(intake: Town) -> None:
    mine = await intake.submit(a_filing(), key="the-same-key")
    theirs = await intake.submit(a_filing(), key="the-same-key", partner=OTHER_PARTNER)
    assert theirs.status_code == 202
    assert mine.json()["case_id"] != theirs.json()["case_id"]


async def test_amendments_at_once_give_one_revision_and_leave_its_claims(intake: Town) -> None:
    """INVARIANT: an amendment that comes too late frees nothing that the one before it needs."""
    for _ in range(6):
        person = another_person()
        case_id = (await intake.submit(a_filing())).json()["case_id"]
        outcomes = await asyncio.gather(*(amend(intake, case_id, a_filing(person=person), 1) for _ in range(6)))

        assert sorted(outcomes) == [200, 412, 412, 412, 412, 412]
        case = await stored(intake, case_id)
        held = {claim for claim, holder in (await claims_in(intake)).items() if holder == case_id}
        assert held == set(case["claims"])
        second = await intake.submit(a_filing(person=person))
        assert (await intake.case(second.json()["case_id"]))["status"] == "duplicate"


async def test_claims_that_an_amendment_left_are_freed_though_the_store_went_away(
    intake: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = another_person()
    case_id = (await intake.submit(a_filing(person=before))).json()["case_id"]

    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(CaseStore, "free_claims", away)
        assert await amend(intake, case_id, a_filing(), 1) == 503
    assert (await stored(intake, case_id))["revision"] == 2

    async def moved() -> bool:
        return set(await claims_in(intake)) == set((await stored(intake, case_id))["claims"])

    await until(moved)
    again = await intake.submit(a_filing(person=before))
    assert (await intake.case(again.json()["case_id"]))["status"] == "waiting"


async def test_a_claim_whose_case_never_came_is_freed_and_one_that_a_late_case_needs_is_not(intake: Town) -> None:
    """A request died between claim and case: its claims stand alone until the sweep, or until the request returns."""
    store = intake.services["intake"].store
    cases = CaseStore(store)
    kept = (await stored(intake, (await intake.submit(a_filing())).json()["case_id"]))["claims"]
    await cases.take_claims(["cl_dead"], case_id="c_never", partner=PARTNER, at="2020-01-01T00:00:00.000Z")
    [sweep] = [work for work in intake.services["intake"].service.periodic if work.name == "free-orphans"]
    assert isinstance(sweep.do.__self__, Sweeps)  # type: ignore[attr-defined]

    await sweep.do()

    assert set(await claims_in(intake)) == set(kept)


async def test_an_officer_reads_who_stands_in_the_way_now(town: Town) -> None:
    person = another_person()
    first, second, third = [await town.filed(a_filing(person=person)) for _ in range(3)]
    path = f"/v1/applications/{first['case_id']}/withdrawal"
    await town.call("intake", "POST", path, headers={"If-Match": '"1"'})

    async def named() -> bool:
        listed = await town.call("intake", "GET", "/v1/officer/cases", partner=OFFICER)
        others = {
            item["case_id"]: [other["case_id"] for other in item["other_cases"]] for item in listed.json()["items"]
        }
        waiting = [one["case_id"] for one in (second, third) if others.get(one["case_id"])]
        gone_on = {second["case_id"], third["case_id"]} - set(waiting)
        return len(waiting) == 1 and others[waiting[0]] == list(gone_on)

    await until(named)


async def test_a_held_case_goes_on_with_what_was_filed_last(town: Town) -> None:
    person = another_person()
    first = await town.filed(a_filing(person=person))
    second = await town.filed(a_filing(person=person))
    assert await amend(town, second["case_id"], a_filing(person=person, certificates=[]), 1) == 200
    assert (await town.case(second["case_id"]))["status"] == "duplicate"

    path = f"/v1/applications/{first['case_id']}/withdrawal"
    await town.call("intake", "POST", path, headers={"If-Match": '"1"'})

    async def answered() -> bool:
        return (await town.case(second["case_id"]))["determination"] is not None

    await until(answered)
    case = await town.case(second["case_id"])
    assert (case["revision"], case["determination"]["revision"], case["determination"]["number"]) == (2, 2, 1)
    overseas = next(road for road in case["determination"]["roads"] if road["road"] == "overseas")
    assert overseas["status"] == "closed"


async def test_a_person_is_known_again_after_the_key_of_pseudonyms_was_changed(tmp_path: Path) -> None:
    person, key = another_person(), "before-the-change"
    filing = a_filing(person=person)
    town = Town(tmp_path)
    await town.start("intake")
    first = await town.submit(filing, key=key)
    await town.stop("intake")
    old = json.loads((tmp_path / "keys.json").read_text())["INTAKE_PSEUDONYM_KEYS"]
    fresh = f"p2={base64.b64encode(secrets.token_bytes(32)).decode()}"

    changed = Town(tmp_path, settings={"intake": {"pseudonym_keys": f"{fresh},{old}"}})
    await changed.start("intake")
    assert (await changed.submit(filing, key=key)).json() == first.json()
    second = await changed.submit(a_filing(person=person))
    assert (await changed.case(second.json()["case_id"]))["status"] == "duplicate"
    case_id = first.json()["case_id"]
    assert await amend(changed, case_id, filing, 1) == 200
    case = await stored(changed, case_id)
    assert {name.partition(".")[0] for name in case["person"]} == {"p1", "p2"}
    assert await claims_in(changed) == dict.fromkeys(case["claims"], case_id)
    await changed.stop("intake")


async def test_a_held_filing_that_does_not_open_stops_none_behind_it(town: Town) -> None:
    """Its vault key is gone, say; whoever is held behind it goes on."""
    pairs = []
    for _ in range(2):
        person = another_person()
        first = (await town.submit(a_filing(person=person))).json()["case_id"]
        pairs.append((first, (await town.submit(a_filing(person=person))).json()["case_id"]))
    store = town.services["intake"].store
    broken = await store.get("cases", pairs[0][1])
    assert broken is not None
    await store.write([change("cases", broken, {"sealed": {**broken.data["sealed"], "key": "k9"}})])
    for first, _ in pairs:
        path = f"/v1/applications/{first}/withdrawal"
        assert (await town.call("intake", "POST", path, headers={"If-Match": '"1"'})).status_code == 200

    async def behind_goes_on() -> bool:
        return (await town.case(pairs[1][1]))["status"] == "determined"

    await until(behind_goes_on)
    assert (await town.case(pairs[0][1]))["status"] == "duplicate"
