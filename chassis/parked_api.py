"""The admin API of every service for its parked events: see them, let them go on, discard them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from chassis.bodies import json_body, json_body_schema
from chassis.callers import Caller, may
from chassis.clock import Clock
from chassis.paging import Cursor, cursor_of
from chassis.problems import InvalidInput, KeyReused, MalformedJson, NotFound, problems
from chassis.releases import DISCARD, RELEASE, Asked, Preview, Progress, Releases
from chassis.store import Document, Store

_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
_WORD = r"^[A-Za-z0-9._:-]{1,100}$"
# On one line, without a control character, no blank at the ends.
_WHY = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"

Word = Annotated[str, Field(pattern=_WORD)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Instant = Annotated[str, Field(pattern=_INSTANT)]
EventId = Annotated[str, Field(pattern=r"^p_[0-9a-f]{32}$")]
EventInPath = Annotated[str, Path(pattern=r"^p_[0-9a-f]{32}$")]
ReleaseInPath = Annotated[str, Path(pattern=r"^r_[0-9a-f]{32}$")]
Limit = Annotated[int, Query(ge=1, le=200)]
Reader = Annotated[Caller, Depends(may("parked:read"))]
Releaser = Annotated[Caller, Depends(may("parked:release"))]
Discarder = Annotated[Caller, Depends(may("parked:discard"))]


class Matching(BaseModel):
    """What is left out is any; {} is everything that is parked. It is held against the first event of each line."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[EventId], Field(min_length=1, max_length=100)] | None = None
    key: Key | None = None
    topic: Word | None = None
    reason: Word | None = Field(None, description="The code with which it was parked.")
    producer: Word | None = None
    type: Word | None = None
    parked_before: Instant | None = None
    parked_after: Instant | None = None


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    filter: Matching
    why: str = Field(min_length=10, max_length=500, pattern=_WHY, description="For the record. Name no person.")
    past_gap: bool = Field(False, description="Also where events before it are missing. They are given up for good.")
    dry_run: bool = Field(False, description="Say what would be taken up, and write nothing.")


class ParkedEvent(BaseModel):
    """Where the record stands and why it waits. Without an envelope key, producer, sequence and type are null."""

    id: str
    topic: str
    partition: int
    offset: int
    key: str | None
    producer: str | None
    sequence: int | None
    type: str | None
    reason: str = Field(description="A code; `behind`: it only waits for the one before it.")
    head: bool = Field(description="The first of its line, at which releases and discards are marked.")
    parked_at: str
    release: str | None = Field(description="The release that is at work on its line.")
    tried: str | None = Field(description="The last release that tried it in vain.")


class ParkedRecord(ParkedEvent):
    """With everything that the record holds. Topics hold no direct identifier and are personal data all the same."""

    headers: list[tuple[str, str]]
    value_base64: str | None = Field(description="Null for a record without a value.")


class ParkedEvents(BaseModel):
    """Newest first."""

    items: list[ParkedEvent]
    next_cursor: str | None


class DryRun(BaseModel):
    """What would be taken up now. Nothing was written."""

    dry_run: Literal[True] = True
    lines: int
    events: int = Field(description="Those behind the first of each line included.")
    lines_by_topic: dict[str, int]
    lines_by_reason: dict[str, int]
    first_ids: list[str]
    complete: bool = Field(description="False: there are more lines than a dry run looks at.")


class Release(BaseModel):
    """A release or a discard: who, when, why, what, and how far it is."""

    id: str
    verb: Literal["release", "discard"]
    client: str
    at: str
    why: str
    filter: dict[str, str | list[str]] = Field(description="As it was asked for.")
    past_gap: bool
    state: Literal["marking", "working", "done"] = Field(description="marking: send the request once more.")
    waiting_lines: int
    handled: int
    repeated: int = Field(description="Events whose number was passed before: handled already, or given up.")
    discarded: int
    rejected: int = Field(description="Events that could not be handled again; they stay parked, with the new reason.")


class ReleaseList(BaseModel):
    """Newest first."""

    items: list[Release]
    next_cursor: str | None


class EventOutcome(BaseModel):
    """What became of one event. `event` is its id while it was parked."""

    event: str
    topic: str
    partition: int
    offset: int
    key: str | None
    producer: str | None
    sequence: int | None
    type: str | None
    outcome: Literal["handled", "repeated", "discarded", "rejected"]
    reason: str | None
    at: str


class EventOutcomes(BaseModel):
    """Newest first."""

    items: list[EventOutcome]
    next_cursor: str | None


Body = Annotated[Wish, Depends(json_body(Wish))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=128)]
_ASKED: dict[int | str, dict[str, Any]] = {200: {"model": DryRun, "description": "Of a dry run"}}


def routes(store: Store, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/parked", tags=["parked events"])
    releases = Releases(store, clock)

    async def ask(verb: str, wish: Wish, caller: Caller, key: str) -> Response:
        matching = wish.filter.model_dump(exclude_none=True)
        if wish.dry_run:
            return JSONResponse(_dry_run(await releases.preview(matching)).model_dump())
        asked = Asked(verb, matching, wish.why, wish.past_gap)
        found = await releases.ask(asked, client=caller.client, key=key)
        where = f"/v1/parked/releases/{found.document.id}"
        return JSONResponse(_release(found).model_dump(), 202, headers={"Location": where})

    asking: dict[str, Any] = {
        "status_code": 202,
        "response_model": Release,
        "responses": _ASKED | problems(InvalidInput, MalformedJson, KeyReused),
        "openapi_extra": json_body_schema(Wish),
    }

    @router.post("/releases", **asking)
    async def release(body: Body, caller: Releaser, key: IdempotencyKey) -> Response:
        """Lets lines of parked events go on, each in its order. Sent again with the same key nothing changes."""
        return await ask(RELEASE, body, caller, key)

    @router.post("/discards", **asking)
    async def discard(body: Body, caller: Discarder, key: IdempotencyKey) -> Response:
        """Removes the first event of each line for good, and lets those behind it go on."""
        return await ask(DISCARD, body, caller, key)

    @router.get("/releases", responses=problems(InvalidInput))
    async def list_releases(caller: Reader, after: Cursor, limit: Limit = 50) -> ReleaseList:
        """Who let what go on or discarded it, and why."""
        found = await releases.releases(limit=limit + 1, after=after)
        documents = [progress.document for progress in found]
        return ReleaseList(
            items=[_release(progress) for progress in found[:limit]], next_cursor=_next(documents, limit, "at")
        )

    @router.get("/releases/{release_id}", responses=problems(NotFound))
    async def read_release(release_id: ReleaseInPath, caller: Reader) -> Release:
        """One release, and how far it is."""
        return _release(await releases.progress(release_id))

    @router.get("/releases/{release_id}/events", responses=problems(NotFound))
    async def list_outcomes(
        release_id: ReleaseInPath, caller: Reader, after: Cursor, limit: Limit = 50
    ) -> EventOutcomes:
        """What became of each event that a release took up."""
        found = await releases.outcomes(release_id, limit=limit + 1, after=after)
        items = [_of(EventOutcome, document) for document in found[:limit]]
        return EventOutcomes(items=items, next_cursor=_next(found, limit, "at"))

    @router.get("/events", responses=problems(InvalidInput))
    async def list_parked_events(
        caller: Reader,
        after: Cursor,
        key: Key | None = None,
        topic: Word | None = None,
        reason: Word | None = None,
        producer: Word | None = None,
        type: Word | None = None,
        parked_before: Instant | None = None,
        parked_after: Instant | None = None,
        heads: Annotated[bool, Query(description="Only the first event of each line.")] = False,
        limit: Limit = 50,
    ) -> ParkedEvents:
        """Parked events of this service."""
        wanted = {
            "key": key,
            "topic": topic,
            "reason": reason,
            "producer": producer,
            "type": type,
            "parked_before": parked_before,
            "parked_after": parked_after,
        }
        found = await releases.page(wanted, heads=heads, limit=limit + 1, after=after)
        return ParkedEvents(items=[_event(one) for one in found[:limit]], next_cursor=_next(found, limit, "parked_at"))

    @router.get("/events/{event_id}", responses=problems(NotFound))
    async def read_parked_event(event_id: EventInPath, caller: Reader) -> ParkedRecord:
        """One parked event with its headers and its value."""
        found = await releases.event(event_id)
        headers = [(name, value) for name, value in found.data["headers"]]
        return ParkedRecord(**_event(found).model_dump(), headers=headers, value_base64=found.data["value"])

    return router


def _event(document: Document) -> ParkedEvent:
    data = document.data
    fields = {name: data.get(name) for name in ParkedEvent.model_fields if name not in ("id", "key")}
    key = data["key"] if data["producer"] is not None else None  # without an envelope it may be anything
    return ParkedEvent(id=document.id, key=key, **fields)


def _of(model: type[EventOutcome], document: Document) -> EventOutcome:
    return model(**{name: document.data[name] for name in model.model_fields})


def _dry_run(preview: Preview) -> DryRun:
    return DryRun(
        lines=preview.lines,
        events=preview.events,
        lines_by_topic=_sorted(preview.by_topic),
        lines_by_reason=_sorted(preview.by_reason),
        first_ids=list(preview.first_ids),
        complete=preview.complete,
    )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _release(progress: Progress) -> Release:
    data = progress.document.data
    return Release(
        id=progress.document.id,
        state=progress.state,
        waiting_lines=progress.waiting,
        handled=progress.handled,
        repeated=progress.repeated,
        discarded=progress.discarded,
        rejected=progress.rejected,
        **{name: data[name] for name in ("verb", "client", "at", "why", "filter", "past_gap")},
    )


def _next(found: Sequence[Document], limit: int, instant: str) -> str | None:
    last = found[limit - 1] if len(found) > limit else None
    return cursor_of((last.data[instant], last.id) if last else None)
