"""HTTP in: the catalogue and the exemptions. Public, because they say what was published and nothing of anybody."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from chassis.problems import InvalidInput, Problem, problems
from chassis.web import use_case
from contracts.canonical import canonical_json, digest
from services.equivalence.reading import CITY, CertificateUnknown, Reading
from services.equivalence.views import CatalogueView, CertificateView, ExemptionsView

PUBLIC = ("/v1/catalogue", "/v1/catalogue/{certificate}", "/v1/exemptions")  # routes that need no client

PROBLEMS: dict[type[Exception], Problem] = {CertificateUnknown: Problem(404, "certificate-unknown")}

router = APIRouter(tags=["catalogue"])

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _a_day(value: Any) -> Any:
    """A number is no day, although pydantic would read it as seconds since 1970."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("date", "Write a day as YYYY-MM-DD.")
    return value


Day = Annotated[date | None, BeforeValidator(_a_day), Query(description="The day asked about, YYYY-MM-DD.")]
Jurisdiction = Annotated[str, Query(pattern=r"^[A-Z]{2}(-[A-Z]{2}){0,2}$", description="CN-SH, CN-SH-PD.")]
Seen = Annotated[str | None, Header(alias="If-None-Match", max_length=400)]
Read = Annotated[Reading, Depends(use_case(Reading))]


@router.get("/v1/catalogue", response_model=CatalogueView, responses=problems(InvalidInput))
async def list_versions(read: Read, on: Day = None, jurisdiction: Jurisdiction = CITY, seen: Seen = None) -> Response:
    """List versions with classes, clauses, and how many of their rows are known to us.

    With `on`: the version in force on that day, or both candidates where the change is not known to the day.
    """
    return _conditional(await read.versions(on, jurisdiction), seen)


@router.get(
    "/v1/catalogue/{certificate}", response_model=CertificateView, responses=problems(CertificateUnknown, InvalidInput)
)
async def read_certificate(
    certificate: str, read: Read, on: Day = None, jurisdiction: Jurisdiction = CITY, seen: Seen = None
) -> Response:
    """What each class says of each grade of holder on a day (default: today): listed, or not known to us.

    `not-listed` is said only where every row of the class is known to us.
    """
    return _conditional(await read.certificate(certificate, on, jurisdiction), seen)


@router.get("/v1/exemptions", response_model=ExemptionsView, responses=problems(InvalidInput))
async def list_exemptions(
    read: Read,
    credential: Annotated[str | None, Query(max_length=40, description="Id of a certificate that is held.")] = None,
    direction: Annotated[Literal["overseas-to-domestic", "domestic-to-overseas"] | None, Query()] = None,
    seen: Seen = None,
) -> Response:
    """Entries of the supplementary list; apart from them real arrangements of the same shape, with source and year."""
    return _conditional(await read.exemptions(credential, direction), seen)


def _conditional(answer: dict[str, Any], seen: str | None) -> Response:
    """The ETag is the digest of the answer: the same question of the same lists keeps it."""
    etag = f'"{digest(answer)}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60"}
    if seen is not None and etag in (each.strip().removeprefix("W/") for each in seen.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(canonical_json(answer), media_type="application/json", headers=headers)
