"""The delivery log: which messages a case has had, in which state, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.callers import Caller, may
from chassis.paging import Cursor, cursor_of
from chassis.problems import Fault, InvalidInput, Problem, problems
from chassis.store import Document
from services.notify.domain import Message, State, Step, ToldCase
from services.notify.letters import Letters
from services.notify.store import ToldCases, load

Reader = Annotated[Caller, Depends(may("deliveries:read"))]


class NoSuchDelivery(Fault):
    """There is no such message among those of your cases."""


PROBLEMS: Mapping[type[Exception], Problem] = {NoSuchDelivery: Problem(404, "not-found")}


class Text(BaseModel):
    subject: str
    text: str


class Preview(BaseModel):
    """What the message says. The mail holds both languages, the applicant's first."""

    zh: Text
    en: Text


class Delivery(BaseModel):
    """One message. Times are instants in UTC."""

    model_config = ConfigDict(extra="forbid")

    message_id: str
    case_id: str
    case_number: str | None = Field(description="Null once the case is erased.")
    step: Step
    determination: int | None = Field(description="Number of the determination that it tells of.")
    revision: int | None = Field(description="Revision that it confirms, for the step `amended`.")
    kind: str
    recipient: str = Field(description="Who it is for, never an address.")
    state: State
    attempts: int
    reason: str | None = Field(description="Code of the last failure.")
    template_version: int
    created_at: str
    attempted_at: str | None
    ended_at: str | None = Field(description="When it was delivered, given up or cancelled.")
    due_at: str | None = Field(
        description="When it is tried next; while it is being sent, when the attempt counts as lost."
    )
    preview: Preview | None = Field(description="Null once the case is erased.")


class Deliveries(BaseModel):
    """Messages grouped by case, newest case first; the messages of a case in the order in which they were made."""

    items: list[Delivery]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


def routes(cases: ToldCases, letters: Letters) -> APIRouter:
    router = APIRouter(tags=["deliveries"])

    @router.get("/v1/deliveries", responses=problems(InvalidInput))
    async def list_deliveries(
        caller: Reader,
        after: Cursor,
        case_id: Annotated[str | None, Query(max_length=64)] = None,
        status: State | None = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Cases per page.")] = 50,
    ) -> Deliveries:
        """Messages of the caller's cases."""
        if case_id is not None:
            document = await cases.get(case_id)
            own = document is not None and document.data.get("partner_id") == caller.partner
            return Deliveries(items=_shown(document, status, letters) if document and own else [], next_cursor=None)
        page = await cases.page(caller.partner, state=status, after=after, limit=limit + 1)
        items = [delivery for document in page[:limit] for delivery in _shown(document, status, letters)]
        last = page[limit - 1] if len(page) > limit else None
        return Deliveries(items=items, next_cursor=cursor_of((last.data["created_at"], last.id) if last else None))

    @router.get("/v1/deliveries/{message_id}", responses=problems(NoSuchDelivery))
    async def get_delivery(message_id: str, caller: Reader) -> Delivery:
        """One message of the caller's cases."""
        document = await cases.with_message(message_id, partner=caller.partner)
        if document is None:
            raise NoSuchDelivery
        return next(one for one in _shown(document, None, letters) if one.message_id == message_id)

    return router


def _shown(document: Document, state: State | None, letters: Letters) -> list[Delivery]:
    case = load(document)
    return [_delivery(case, one, letters) for one in case.messages if state is None or one.state is state]


def _delivery(case: ToldCase, message: Message, letters: Letters) -> Delivery:
    return Delivery(
        message_id=message.id,
        case_id=case.id,
        case_number=case.case_number,
        step=message.step,
        determination=message.about if message.step is Step.DETERMINED else None,
        revision=message.about if message.step is Step.AMENDED else None,
        kind=message.kind,
        recipient=message.recipient,
        state=message.state,
        attempts=message.attempts,
        reason=message.reason,
        template_version=message.template,
        created_at=message.created_at,
        attempted_at=message.attempted_at,
        ended_at=message.ended_at,
        due_at=message.due_at,
        preview=_preview(message, letters),
    )


def _preview(message: Message, letters: Letters) -> Preview | None:
    params = message.params
    if params is None or not letters.knows(message.step, message.template):
        return None
    zh, en = (letters.write(message.step, message.template, params, language) for language in ("zh", "en"))
    return Preview(zh=Text(subject=zh.subject, text=zh.text), en=Text(subject=en.subject, text=en.text))
