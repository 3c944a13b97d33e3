"""HTTP of intake: partners file, read, amend, withdraw and erase; officers see what waits for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel

from chassis.bodies import json_body, json_body_schema
from chassis.callers import Caller, may
from chassis.paging import Cursor, cursor_of
from chassis.problems import InvalidInput, KeyReused, MalformedJson, NotFound, problems
from chassis.store import Document
from chassis.web import use_case
from services.intake import errors, shapes, views
from services.intake.filing import Filing
from services.intake.sealed import Sealer
from services.intake.store import CaseStore, Page
from services.intake.use_cases.change import Change
from services.intake.use_cases.submit import Submit

router = APIRouter(tags=["applications"])

_REVISION = re.compile(r'("?)([1-9][0-9]{0,8})\1')  # clients lose the quotes of an ETag
CaseId = Annotated[str, Path(min_length=1, max_length=64)]
Limit = Annotated[int, Query(ge=1, le=200)]
_NOT_ANY = {"not": {"pattern": r"^\s*\*\s*$"}}  # `*` names no revision that was read
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=400, json_schema_extra=_NOT_ANY)]
Reader = Annotated[Caller, Depends(may("applications:read"))]
Writer = Annotated[Caller, Depends(may("applications:write"))]


class Receipt(BaseModel):
    """The same for the same request, however often and however late it comes."""

    case_id: str
    case_number: str
    received_at: str


class Revision(BaseModel):
    case_id: str
    revision: int


@router.post(
    "/v1/applications",
    status_code=202,
    responses=shapes.RECEIVED | problems(InvalidInput, MalformedJson, KeyReused, errors.Erased, errors.TooManyUnsent),
    openapi_extra=json_body_schema(Filing),
)
async def submit_application(
    body: Annotated[Filing, Depends(json_body(Filing))],
    caller: Writer,
    key: Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=128)],
    submit: Annotated[Submit, Depends(use_case(Submit))],
    response: Response,
) -> Receipt:
    """Takes an application in. What the roads say follows: read the application, or wait for the message."""
    accepted = await submit(body, partner=caller.partner, key=key)
    response.headers["Location"] = f"/v1/applications/{accepted.case_id}"
    return Receipt(case_id=accepted.case_id, case_number=accepted.case_number, received_at=accepted.received_at)


@router.get("/v1/applications", responses=shapes.LISTED | problems(InvalidInput))
async def list_applications(
    caller: Reader,
    cases: Annotated[CaseStore, Depends(use_case(CaseStore))],
    status: Literal["waiting", "determined", "officer", "duplicate", "withdrawn", "erased"] | None = None,
    road: Literal["ordinary", "overseas", "competition"] | None = None,
    round: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The partner's own applications, newest first. `next` is the cursor of the following page."""
    page = await cases.of_partner(caller.partner, status=status, road=road, round_id=round, limit=limit, after=cursor)
    return _listed(page, views.summary)


@router.get("/v1/officer/cases", responses=shapes.WAITING | problems(InvalidInput), tags=["officers"])
async def list_cases_for_officers(
    caller: Annotated[Caller, Depends(may("officer:read"))],
    cases: Annotated[CaseStore, Depends(use_case(CaseStore))],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every partner's cases that wait for a person, with the reasons, newest first."""
    page = await cases.for_officers(limit=limit, after=cursor)
    others = await cases.get_many(sorted({id for case in page.cases for id in case.data["duplicate_of"]}))
    return _listed(page, lambda case: views.officer_view(case, others))


@router.get("/v1/applications/{case_id}", responses=shapes.READ | problems(NotFound))
async def read_application(
    case_id: CaseId,
    caller: Reader,
    change: Annotated[Change, Depends(use_case(Change))],
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", max_length=400)] = None,
) -> Response:
    """The application with its current determination. ETag of the representation; If-None-Match gives 304."""
    body = views.encode(views.partner_view(await change.read(case_id, caller.partner)))
    etag = views.etag_of(body)
    if if_none_match is not None and not {etag, "*"}.isdisjoint(_tags(if_none_match)):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag})


@router.get("/v1/applications/{case_id}/timeline", responses=shapes.TOLD | problems(NotFound))
async def read_timeline(
    case_id: CaseId, caller: Reader, change: Annotated[Change, Depends(use_case(Change))]
) -> dict[str, Any]:
    """What happened to the application, oldest first, at most the last 500 entries."""
    document = await change.read(case_id, caller.partner)
    return {"case_id": case_id, "entries": views.timeline(document)}


@router.get("/v1/applications/{case_id}/filing", responses=shapes.FILED | problems(NotFound, errors.NotPossibleNow))
async def read_filing(
    case_id: CaseId,
    caller: Reader,
    change: Annotated[Change, Depends(use_case(Change))],
    sealer: Annotated[Sealer, Depends(use_case(Sealer))],
) -> Response:
    """What was filed, as it was filed. The ETag is the revision; send it as If-Match to amend or withdraw."""
    document = await change.read(case_id, caller.partner)
    if document.data["status"] == "erased":
        raise errors.NotPossibleNow(case_status="erased")
    body = sealer.open(case_id, document.data["sealed"])
    return Response(body, media_type="application/json", headers={"ETag": f'"{document.data["revision"]}"'})


@router.put(
    "/v1/applications/{case_id}/filing",
    responses=shapes.REVISED
    | problems(
        NotFound,
        InvalidInput,
        errors.NotPossibleNow,
        errors.RevisionMissing,
        errors.RevisionPassed,
        errors.TooManyRevisions,
        errors.TooManyUnsent,
    ),
    openapi_extra=json_body_schema(Filing),
)
async def amend_filing(
    case_id: CaseId,
    body: Annotated[Filing, Depends(json_body(Filing))],
    caller: Writer,
    change: Annotated[Change, Depends(use_case(Change))],
    response: Response,
    if_match: IfMatch = None,
) -> Revision:
    """Files the application again as the next revision. Possible until a human has taken the case."""
    revision = await change.amend(case_id, body, partner=caller.partner, seen=_seen(if_match))
    response.headers["ETag"] = f'"{revision}"'
    return Revision(case_id=case_id, revision=revision)


@router.post(
    "/v1/applications/{case_id}/withdrawal",
    responses=problems(NotFound, errors.NotPossibleNow, errors.RevisionMissing, errors.RevisionPassed),
)
async def withdraw_application(
    case_id: CaseId,
    caller: Writer,
    change: Annotated[Change, Depends(use_case(Change))],
    if_match: IfMatch = None,
) -> Revision:
    """Ends the application. No determination follows; the person may apply again."""
    revision = await change.withdraw(case_id, partner=caller.partner, seen=_seen(if_match))
    return Revision(case_id=case_id, revision=revision)


@router.delete("/v1/applications/{case_id}/personal-data", status_code=204, responses=problems(NotFound))
async def erase_personal_data(
    case_id: CaseId,
    caller: Annotated[Caller, Depends(may("applications:erase"))],
    change: Annotated[Change, Depends(use_case(Change))],
) -> None:
    """Erases what is stored about the person, here at once and in the other services as they hear of it.

    Topics forget within their retention of 30 days.
    """
    await change.erase(case_id, partner=caller.partner)


def _seen(if_match: str | None) -> frozenset[int]:
    """The revisions that If-Match names. `*` names none; a weak tag and one that we never gave match none."""
    if if_match is None or if_match.strip() == "*":
        raise errors.RevisionMissing
    return frozenset(int(found.group(2)) for tag in if_match.split(",") if (found := _REVISION.fullmatch(tag.strip())))


def _tags(if_none_match: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]


def _listed(page: Page, view: Callable[[Document], dict[str, Any]]) -> dict[str, Any]:
    return {"items": [view(case) for case in page.cases], "next": cursor_of(page.after)}
