"""HTTP for officers: messages that were given up, and sending them again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.bodies import json_body, json_body_schema
from chassis.callers import Caller, may
from chassis.paging import Cursor, cursor_of
from chassis.problems import InvalidInput, NotFound, Problem, problems
from services.notify.domain import Message, State, Step, ToldCase
from services.notify.resending import NotGivenUp, SendAgain
from services.notify.store import ToldCases, load

PROBLEMS: dict[type[Exception], Problem] = {NotGivenUp: Problem(409, "not-given-up")}


class SentAgain(BaseModel):
    """Which giving up was answered, by which client, when and why."""

    given_up_at: str
    by: str
    at: str
    reason: str | None = Field(description="Null once the case is erased.")


class GivenUp(BaseModel):
    """A message of any partner. No address and no text of it stands here."""

    message_id: str
    case_id: str
    case_number: str | None = Field(description="Null once the case is erased.")
    step: Step
    determination: int | None = Field(description="Number of the determination that it tells of.")
    revision: int | None = Field(description="Revision that it confirms, for the step `amended`.")
    state: State
    attempts: int
    reason: str | None = Field(description="Code of the last failure.")
    created_at: str
    given_up_at: str | None = Field(description="Null once it is on its way again.")
    resends: list[SentAgain]


class GivenUpMessages(BaseModel):
    """Grouped by case, oldest case first."""

    items: list[GivenUp]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


class Order(BaseModel):
    """`given_up_at` as the list says it: the same order again, whenever it comes, sends nothing twice."""

    model_config = ConfigDict(extra="forbid")

    given_up_at: str = Field(max_length=40, examples=["2026-03-01T02:00:00.000Z"])
    reason: str = Field(
        min_length=3, max_length=200, description="In your own words, kept with the message. Name no person."
    )


def routes(cases: ToldCases, send_again: SendAgain) -> APIRouter:
    router = APIRouter(tags=["officers"])

    @router.get("/v1/officer/deliveries", responses=problems(InvalidInput))
    async def list_given_up(
        caller: Annotated[Caller, Depends(may("officer:read"))],
        after: Cursor,
        limit: Annotated[int, Query(ge=1, le=200, description="Cases per page.")] = 50,
    ) -> GivenUpMessages:
        """Every partner's messages that were given up and wait for a person."""
        page = await cases.given_up(after=after, limit=limit + 1)
        shown = [load(document) for document in page[:limit]]
        items = [_given_up(case, one) for case in shown for one in case.messages if one.state is State.WAITING]
        last = page[limit - 1] if len(page) > limit else None
        return GivenUpMessages(items=items, next_cursor=cursor_of((last.data["created_at"], last.id) if last else None))

    @router.post(
        "/v1/officer/deliveries/{message_id}/resend",
        status_code=202,
        responses=problems(NotFound, NotGivenUp),
        openapi_extra=json_body_schema(Order),
    )
    async def resend(
        message_id: Annotated[str, Path(min_length=1, max_length=64)],
        order: Annotated[Order, Depends(json_body(Order))],
        caller: Annotated[Caller, Depends(may("deliveries:resend"))],
    ) -> GivenUp:
        """Puts a given-up message into the queue again, with all its attempts before it."""
        return _given_up(
            *await send_again(message_id, given_up_at=order.given_up_at, reason=order.reason, by=caller.client)
        )

    return router


def _given_up(case: ToldCase, message: Message) -> GivenUp:
    return GivenUp(
        message_id=message.id,
        case_id=case.id,
        case_number=case.case_number,
        step=message.step,
        determination=message.about if message.step is Step.DETERMINED else None,
        revision=message.about if message.step is Step.AMENDED else None,
        state=message.state,
        attempts=message.attempts,
        reason=message.reason,
        created_at=message.created_at,
        given_up_at=message.ended_at if message.state is State.WAITING else None,
        resends=[SentAgain(given_up_at=one.given_up_at, by=one.by, at=one.at, reason=one.reason)
                 for one in message.resends],
    )  # fmt: skip
