"""The public questions over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chassis.web import create_app
from services.equivalence import api, policy_files
from services.equivalence.views import CatalogueView, CertificateView, ExemptionsView
from tests.equivalence.office import an_office


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with an_office(tmp_path, today=date(2024, 6, 1)) as office:
        app = create_app(office.service, office.infra, office.settings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://equivalence") as found:
            yield found


async def read(client: httpx.AsyncClient, path: str, **query: str) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_catalogue_says_how_much_of_each_list_is_known(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue")

    assert [each["version"] for each in found["versions"]] == ["1.0", "2.0", "3.0"]
    assert {
        each["version"]: each["digest"] for each in found["versions"]
    }.items() <= policy_files.list_digests().items()
    known = {each["id"]: (each["rows_known"], each["rows_total"]) for each in found["versions"][0]["classes"]}
    assert known == {"A": (4, 48), "B": (5, 15), "C": (2, 22)}
    assert found["versions"][2]["classes"][3]["rows_total"] is None
    assert found["sources"]["S11"]["publisher"] == "Shanghai Municipal Government, English site"
    assert CatalogueView.model_validate(found)


async def test_in_an_uncertain_span_both_candidates_are_shown(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue", on="2024-11-20")

    assert [each["version"] for each in found["versions"]] == ["1.0", "2.0"]
    assert found["certain"] is False
    assert "not known to us" in found["text"]["en"]


async def test_the_district_has_a_catalogue_of_its_own(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue", jurisdiction="CN-SH-PD")

    assert [each["version"] for each in found["versions"]] == ["pudong-2021"]
    assert found["jurisdictions"] == ["CN-SH", "CN-SH-PD"]


async def test_a_certificate_is_answered_for_by_grade_of_holder_on_the_business_date(
    client: httpx.AsyncClient,
) -> None:
    found = await read(client, "/v1/catalogue/acca")

    [version] = found["versions"]
    answers = {
        grade["grade"]: {id: each["answer"] for id, each in grade["answers"].items()} for grade in version["grades"]
    }
    assert found["on"] == "2024-06-01"
    assert answers["fellow"] == {"A": "listed", "B": "listed", "C": "listed"}
    assert answers["member"] == {"A": "listed", "B": "other-classes-only", "C": "other-classes-only"}
    assert answers["affiliate"] == {"A": "not-known-to-us", "B": "not-known-to-us", "C": "not-known-to-us"}
    assert version["grades"][0]["row"]["title"]["series_confidence"] == "inferred"
    assert CertificateView.model_validate(found)


async def test_under_a_list_without_known_rows_nothing_is_said_to_be_missing(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue/cgma", on="2026-03-01")

    [version] = found["versions"]
    said = {each["answer"] for grade in version["grades"] for each in grade["answers"].values()}
    assert version["version"] == "3.0"
    assert said == {"not-known-to-us"}


async def test_a_certificate_in_an_uncertain_span_is_answered_for_in_both_versions(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue/cgma", on="2024-11-20")

    assert [each["version"] for each in found["versions"]] == ["1.0", "2.0"]
    assert found["certain"] is False


async def test_a_certificate_named_without_version_or_class_is_mentioned_as_such(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/catalogue/cia")

    assert [each["source"] for each in found["mentions"]] == ["S201"]
    said = {each["answer"] for grade in found["versions"][0]["grades"] for each in grade["answers"].values()}
    assert said == {"not-known-to-us"}


async def test_a_certificate_outside_the_vocabulary_is_a_problem_that_does_not_repeat_it(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/catalogue/no-such-thing")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:problem:equivalence:certificate-unknown"
    assert "no-such-thing" not in answer.text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/catalogue?on=20241120x", "on"),
        ("/v1/catalogue?jurisdiction=CN-BJ", "jurisdiction"),
        ("/v1/catalogue?jurisdiction=nowhere", "jurisdiction"),
        ("/v1/exemptions?credential=nothing-we-know", "credential"),
        ("/v1/exemptions?direction=sideways", "direction"),
    ],
)
async def test_a_question_that_breaks_a_rule_is_told_which_field(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    answer = await client.get(path)

    assert answer.status_code == 422
    assert [each["field"].split(".")[-1] for each in answer.json()["errors"]] == [field]
    assert path.split("=")[1] not in answer.text


async def test_the_exemptions_of_an_hkicpa_holder_are_kept_apart_from_the_list(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/exemptions", credential="hkicpa", direction="overseas-to-domestic")

    assert found["of_the_list"]["known"] == 0
    assert found["of_the_list"]["entries"] == []
    assert found["of_the_list"]["text"] == {
        "zh": "补充清单的条目本系统尚未掌握；下列安排另有来源，并非取自该清单。",
        "en": "No entry of the supplementary list is known to us; "
        "the arrangements below are real ones from other sources and not taken from it.",
    }
    [arrangement] = found["arrangements"]
    assert (arrangement["id"], arrangement["year"], arrangement["confidence"]) == ("ref-hkicpa-to-cicpa", 2025, "news")
    assert "S97" in found["sources"]
    assert ExemptionsView.model_validate(found)


async def test_where_there_is_no_arrangement_either_none_is_announced(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/exemptions", credential="raes")

    assert found["arrangements"] == []
    assert found["of_the_list"]["text"]["zh"].endswith("其他来源的同类安排亦未查见。")
    assert found["of_the_list"]["text"]["en"].endswith("nor is an arrangement from elsewhere.")


async def test_the_direction_abroad_is_served(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/exemptions", credential="cicpa", direction="domestic-to-overseas")

    assert "ref-cicpa-to-hkicpa" in [each["id"] for each in found["arrangements"]]
    assert {each["direction"] for each in found["arrangements"]} == {"domestic-to-overseas"}


async def test_shapes_for_tests_and_other_cities_are_never_served(client: httpx.AsyncClient) -> None:
    found = await read(client, "/v1/exemptions")

    served = {each["id"] for each in found["arrangements"]}
    hidden = {each["id"] for each in policy_files.supplementary().content["arrangements"] if each["test_only"]}
    assert len(hidden) == 3
    assert not served & hidden


@pytest.mark.parametrize("path", ["/v1/catalogue", "/v1/catalogue/acca", "/v1/exemptions"])
async def test_what_was_seen_already_is_not_sent_again(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = await client.get(path, headers={"If-None-Match": '"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert other.content == first.content


async def test_every_route_but_those_of_operators_is_public_and_on_the_list(client: httpx.AsyncClient) -> None:
    spec = (await client.get("/openapi.json")).json()
    closed = {path for path in spec["paths"] if path.startswith("/v1/parked/")}  # every service has them

    assert {path for path in spec["paths"] if path.startswith("/v1/")} - closed == set(api.PUBLIC)
