"""What the API's description says of intake's answers is all that is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from services.intake import example, shapes
from tests.filings import a_filing, an_engineer
from tests.town import OFFICER, Town


def held(shape: type[BaseModel], answer: Any) -> None:
    """Nothing is missing, nothing is of another kind, and nothing is there that the shape does not name."""
    again = shape.model_validate(answer).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert again == answer


async def test_an_application_has_the_published_shape_in_every_state(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        filing = a_filing()
        case = await town.filed(filing)
        path = f"/v1/applications/{case['case_id']}"
        held(shapes.Application, case)
        waiting = await town.filed(an_engineer(round="demo-2024", roads=["competition"]))
        assert waiting["status"] == "officer"
        held(shapes.Application, waiting)
        duplicate = await town.filed(filing)
        assert duplicate["status"] == "duplicate"
        held(shapes.Application, duplicate)
        await town.call("intake", "PUT", f"{path}/filing", json=filing | {"work": []}, headers={"If-Match": '"1"'})
        await town.idle()
        held(shapes.Application, await town.case(case["case_id"]))

        officer = (await town.call("intake", "GET", "/v1/officer/cases", partner=OFFICER)).json()
        assert {entry["status"] for entry in officer["items"]} == {"officer", "duplicate"}
        held(shapes.OfficerCases, officer)

        await town.call("intake", "POST", f"{path}/withdrawal", headers={"If-Match": '"2"'})
        await town.idle()
        withdrawn = await town.case(case["case_id"])
        assert withdrawn["status"] == "withdrawn"
        held(shapes.Application, withdrawn)
        held(shapes.Timeline, (await town.call("intake", "GET", f"{path}/timeline")).json())

        await town.call("intake", "DELETE", f"{path}/personal-data")
        held(shapes.ErasedApplication, await town.case(case["case_id"]))
        held(shapes.Applications, (await town.call("intake", "GET", "/v1/applications")).json())


async def test_the_example_of_the_description_can_be_filed(tmp_path: Path) -> None:
    async with Town(tmp_path) as town:
        case = await town.filed(example.FILING)
        assert case["status"] == "determined"
