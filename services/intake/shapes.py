"""What intake's answers look like, for readers of its API. `views` makes them; a test holds the two together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.events import Because, Exemption, Facts, Item, PolicyRef, RoadAnswer, Status, Text


class Shape(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class ListVersion(Shape):
    """The list version that the round names, which the case is bound to."""

    version: str
    digest: str


class AskedTitle(Shape):
    series: str
    level: str


class UsedAssessment(Shape):
    """What a determination rests on: an assessment without its words."""

    service: str
    number: int
    assessment_id: str
    input_digest: str
    policy: PolicyRef
    rules_version: str
    result_digest: str


class Determination(Shape):
    """What the roads say together, about one revision. The same inputs give it again, byte for byte."""

    id: str
    number: int
    supersedes: int | None = Field(description="Number of the determination before it.")
    because: Because
    at: str
    revision: int
    roads: tuple[RoadAnswer, ...]
    exemptions: tuple[Exemption, ...]
    waits_for_officer: bool = Field(description="No road is open without a person. This is no refusal.")
    officer_reasons: tuple[Item, ...]
    inputs: tuple[UsedAssessment, ...]
    asked: tuple[str, ...] = Field(description="The roads that were asked for.")
    list_: ListVersion = Field(alias="list")
    facts: Facts = Field(description="What the rules saw of the person.")


class EarlierDetermination(Shape):
    number: int
    id: str
    revision: int
    because: Because
    at: str
    supersedes: int | None


class RememberedAssessment(Shape):
    """An assessment without its words."""

    service: str
    revision: int
    number: int
    assessment_id: str
    because: Because | None
    policy: PolicyRef
    rules_version: str
    result_digest: str
    status: Status


class Links(Shape):
    filing: str
    timeline: str


class Application(Shape):
    """An application with its current determination. Times are instants in UTC, `received_on` is a business day."""

    case_id: str
    status: Literal["waiting", "determined", "officer", "duplicate", "withdrawn"]
    status_text: Text
    case_number: str = Field(description="The number that people read out.")
    revision: int
    round: str
    round_year: int
    roads: tuple[str, ...]
    target: AskedTitle | None
    list_: ListVersion = Field(alias="list")
    received_at: str
    received_on: str
    waiting_on: tuple[str, ...] = Field(description="Services that have not answered this revision.")
    note: Text | None
    determination: Determination | None
    superseded_determinations: tuple[EarlierDetermination, ...]
    assessments: tuple[RememberedAssessment, ...]
    superseded_assessments: tuple[RememberedAssessment, ...]
    retention_due: str
    links: Links


class ErasedApplication(Shape):
    """What stays of an application for 60 days after its personal data were erased."""

    case_id: str
    status: Literal["erased"]
    status_text: Text
    erased_at: str


class Summary(Shape):
    """A line of the partner's list."""

    case_id: str
    status: Literal["waiting", "determined", "officer", "duplicate", "withdrawn"]
    status_text: Text
    case_number: str
    revision: int
    round: str
    roads: tuple[str, ...]
    received_at: str


class ErasedSummary(Shape):
    case_id: str
    status: Literal["erased"]
    status_text: Text


class Applications(Shape):
    items: tuple[Summary | ErasedSummary, ...]
    next: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


class Reason(Shape):
    code: str
    text: Text
    values: dict[str, str | int] | None = None


class OtherCase(Shape):
    case_id: str
    case_number: str | None


class OfficerCase(Summary):
    """A case that waits for a person, with the reasons. `other_cases`: those that a held one meets."""

    partner: str
    reasons: tuple[Reason, ...]
    other_cases: tuple[OtherCase, ...]
    determination: Determination | None


class OfficerCases(Shape):
    items: tuple[OfficerCase, ...]
    next: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


class Step(Shape):
    """`at`: when it happened at the service that did it; `heard`: when intake heard of it."""

    at: str
    heard: str
    service: str
    step: str
    values: dict[str, str | int | None] | None = None
    text: Text


class Timeline(Shape):
    case_id: str
    entries: tuple[Step, ...]


# `responses=` of the routes: their answers are bytes and plain dictionaries, so the framework does not know them.
Responses = dict[int | str, dict[str, Any]]
_ETAG = {"ETag": {"description": "Send it as If-None-Match or If-Match.", "schema": {"type": "string"}}}
_FILING = {"application/json": {"schema": {"$ref": "#/components/schemas/Filing"}}}

RECEIVED: Responses = {
    202: {"headers": {"Location": {"description": "The application's path.", "schema": {"type": "string"}}}}
}
READ: Responses = {
    200: {"model": Application | ErasedApplication, "headers": _ETAG},
    304: {"description": "Unchanged since the ETag in If-None-Match."},
}
LISTED: Responses = {200: {"model": Applications}}
WAITING: Responses = {200: {"model": OfficerCases}}
TOLD: Responses = {200: {"model": Timeline}}
FILED: Responses = {200: {"content": _FILING, "headers": _ETAG}}
REVISED: Responses = {200: {"headers": _ETAG}}
