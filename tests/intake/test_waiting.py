"""Cases that wait: on whom, for how long, and who is asked."""

from __future__ import annotations

from pathlib import Path

from chassis import metrics
from tests.filings import a_filing
from tests.town import Town
from tests.waiting import until


def longest() -> float:
    found = metrics.REGISTRY.get_sample_value("zhicheng_oldest_waiting_seconds", {"service": "intake", "kind": "case"})
    return -1.0 if found is None else found


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
