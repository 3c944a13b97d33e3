"""Cases that wait: on whom, for how long, and who is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chassis import metrics
from chassis.clock import later
from chassis.store import change, create, remove
from services.intake.case import CLAIMS
from tests.filings import a_filing, another_person
from tests.town import Town
from tests.waiting import until


def longest(kind: str = "case") -> float:
    found = metrics.REGISTRY.get_sample_value("zhicheng_oldest_waiting_seconds", {"service": "intake", "kind": kind})
    return -1.0 if found is None else found


def found(kind: str, state: str) -> float | None:
    labels = {"service": "intake", "kind": kind, "state": state}
    return metrics.REGISTRY.get_sample_value("zhicheng_documents", labels)


def sweeps_of(town: Town) -> Any:
    [ask_again] = [each for each in town.services["intake"].service.periodic if each.name == "ask-again"]
    return ask_again.do.__self__  # type: ignore[attr-defined]


async def quiet_town(folder: Path, **settings: Any) -> Town:
    """Intake alone, its sweeps through once and not to come again by themselves."""
    for kind, state in (("case", "waiting"), ("claim", "without-case")):
        metrics.DOCUMENTS.labels("intake", kind, state).set(-1)
    town = Town(folder, settings={"intake": {"sweep_seconds": 3600, **settings}})
    await town.start("intake")

    async def swept() -> bool:
        return found("case", "waiting") == 0 and found("claim", "without-case") == 0

    await until(swept)
    return town


async def times_asked_again(town: Town, case_id: str) -> int:
    answer = await town.call("intake", "GET", f"/v1/applications/{case_id}/timeline")
    return [entry["step"] for entry in answer.json()["entries"]].count("asked-again")


async def test_the_age_of_the_case_that_waits_longest_is_measured(tmp_path: Path) -> None:
    town = Town(tmp_path, settings={"intake": {"answer_seconds": 0.001}})
    await town.start("intake")
    case = await town.case((await town.submit(a_filing())).json()["case_id"])
    assert case["waiting_on"] == ["equivalence", "competition"]

    async def older() -> bool:
        return longest() > 0.2

    await until(older)  # it is asked again meanwhile, which makes it no younger
    headers = {"If-Match": '"1"'}
    await town.call("intake", "POST", f"/v1/applications/{case['case_id']}/withdrawal", headers=headers)

    async def none() -> bool:
        return longest() == 0.0

    await until(none)
    await town.stop("intake")


async def test_only_the_service_that_owes_an_answer_is_waited_for(tmp_path: Path) -> None:
    town = Town(tmp_path, settings={"intake": {"answer_seconds": 0.05}})
    for name in ("intake", "equivalence"):
        await town.start(name)
    case_id = (await town.submit(a_filing())).json()["case_id"]

    async def asked() -> bool:
        answer = await town.call("intake", "GET", f"/v1/applications/{case_id}/timeline")
        entries = [entry for entry in answer.json()["entries"] if entry["step"] == "asked-again"]
        return bool(entries) and entries[-1]["values"]["services"] == "competition"

    await until(asked)
    assert (await town.case(case_id))["waiting_on"] == ["competition"]
    for name in ("intake", "equivalence"):
        await town.stop(name)


async def test_nobody_is_asked_again_by_an_intake_that_is_behind_and_the_waiting_is_measured_all_the_same(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, settings={"intake": {"answer_seconds": 0.001}})
    await town.start("intake")
    sweeps = sweeps_of(town)
    sweeps._behind = lambda: True
    case_id = (await town.submit(a_filing())).json()["case_id"]
    for _ in range(3):
        await sweeps.ask_again()
    assert await times_asked_again(town, case_id) == 0
    assert found("case", "waiting") == 1

    sweeps._behind = lambda: False

    async def asked() -> bool:
        return await times_asked_again(town, case_id) > 0

    await until(asked)
    await town.stop("intake")


@pytest.mark.parametrize(
    ("unread", "unsent", "behind"), [(0, 0, False), (500, 500, False), (501, 0, True), (0, 501, True), (None, 0, True)]
)
async def test_intake_is_behind_with_more_than_a_batch_unread_or_unsent_or_without_a_bus(
    tmp_path: Path, unread: int | None, unsent: int, behind: bool
) -> None:
    town = Town(tmp_path)
    await town.start("intake")
    health = town.services["intake"].health

    async def measured() -> bool:
        return health.unread == 0

    await until(measured)  # by the consumer
    health.unread, health.unsent = unread, unsent
    assert sweeps_of(town)._behind() is behind
    await town.stop("intake")


async def test_one_sweep_asks_for_a_hundred_cases_at_most(tmp_path: Path) -> None:
    town = await quiet_town(tmp_path, answer_seconds=0.001)
    sweeps = sweeps_of(town)
    sweeps._behind = lambda: False
    for _ in range(101):
        await town.submit(a_filing(person=another_person()))

    assert await sweeps.ask_again() == 0  # that would ask for the next hundred at once

    asked = [event for event in await town.services["intake"].store.find("cases", {"asked_again": 1}, limit=200)]
    assert len(asked) == 100
    await town.stop("intake")


async def test_claims_without_a_case_are_shown_with_their_age_until_they_are_freed(tmp_path: Path) -> None:
    town = await quiet_town(tmp_path)
    running = town.services["intake"]
    sweeps, now = sweeps_of(town), running.infra.clock.now()
    case_id = (await town.submit(a_filing())).json()["case_id"]
    left = {"case_id": "c_that-never-came", "partner_id": "p", "at": later(now, -120.0)}
    await running.store.write([create(CLAIMS, f"cl_{number}", left) for number in range(3)])
    await running.store.write([create(CLAIMS, "cl_listed-by-nobody", {**left, "case_id": case_id})])

    for _ in range(3):  # as long as they stand, not for one pass alone
        await pass_over_claims(sweeps)
        assert found("claim", "without-case") == 4
        assert longest("claim") >= 120.0

    for claim in (await running.store.get_many(CLAIMS, [f"cl_{number}" for number in range(3)])).values():
        await running.store.write([change(CLAIMS, claim, {"at": later(now, -601.0)})])
    await pass_over_claims(sweeps)

    assert await running.store.get_many(CLAIMS, [f"cl_{number}" for number in range(3)]) == {}
    assert await running.store.get(CLAIMS, "cl_listed-by-nobody") is not None
    assert found("claim", "without-case") == 1
    assert 120.0 <= longest("claim") < 601.0
    await running.store.write([remove(CLAIMS, "cl_listed-by-nobody")])
    await pass_over_claims(sweeps)
    assert (found("claim", "without-case"), longest("claim")) == (0, 0.0)
    assert await running.store.count(CLAIMS, {}) > 0  # of the case that is there
    await town.stop("intake")


async def test_a_claim_whose_case_comes_late_is_not_freed(tmp_path: Path) -> None:
    town = await quiet_town(tmp_path)
    running = town.services["intake"]
    sweeps, now = sweeps_of(town), running.infra.clock.now()
    early = {"case_id": "c_late", "partner_id": "p", "at": later(now, -120.0)}
    await running.store.write([create(CLAIMS, "cl_late", early)])
    await pass_over_claims(sweeps)
    assert found("claim", "without-case") == 1

    await running.store.write([create("cases", "c_late", {"partner_id": "p", "claims": ["cl_late"]})])
    [claim] = (await running.store.get_many(CLAIMS, ["cl_late"])).values()
    await running.store.write([change(CLAIMS, claim, {"at": later(now, -601.0)})])
    await pass_over_claims(sweeps)

    assert await running.store.get(CLAIMS, "cl_late") is not None
    assert found("claim", "without-case") == 0
    await town.stop("intake")


async def pass_over_claims(sweeps: Any) -> None:
    while await sweeps.free_orphans():
        pass
