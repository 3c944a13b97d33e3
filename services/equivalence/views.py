"""What the catalogue answers over HTTP: shapes of the responses. Days are YYYY-MM-DD; null = not known to us."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from contracts.events import Text

Listed = Literal["listed", "other-classes-only", "not-listed", "not-known-to-us"]


class Source(BaseModel):
    """Where something was read."""

    title: str
    publisher: str | None
    date: str | None
    kind: str | None
    url: str | None


class BoundView(BaseModel):
    day: str
    source: str
    why: str


class InForceView(BaseModel):
    """`from` null: the day is not known to us; it lies between `earliest` and `latest`."""

    from_: str | None = Field(alias="from")
    earliest: BoundView
    latest: BoundView


class ClassView(BaseModel):
    """`rows_known` of `rows_total` rows are known to us."""

    id: str
    name: Text
    grants: list[Text]
    leads_to_title: bool
    rows_known: int
    rows_total: int | None
    sources: list[str]
    confidence: str
    note: str | None


class VersionView(BaseModel):
    """A list version; `digest` is over the canonical JSON of its whole content."""

    version: str
    jurisdiction: str
    title: Text
    document_number: str | None
    published: str
    supersedes: str | None
    in_force: InForceView
    classes: list[ClassView]
    ladder: dict[str, Any] | None
    clauses: dict[str, Any]
    digest: str
    sources: list[str]
    confidence: str
    note: str | None


class CatalogueView(BaseModel):
    """Versions of a jurisdiction, oldest first; with `on`, those that may have been in force, and if that is sure."""

    jurisdiction: str
    jurisdictions: list[str]
    on: str | None
    certain: bool | None
    text: Text | None
    versions: list[VersionView]
    sources: dict[str, Source]


class ClassAnswer(BaseModel):
    """Three answers that are not the same, and a fourth where the row is known whole and names other classes."""

    answer: Listed
    text: Text


class GradeView(BaseModel):
    """One grade of holder in one version: the row that is known to us, and what each class says."""

    grade: str
    name: Text
    row: dict[str, Any] | None
    answers: dict[str, ClassAnswer]


class CertificateInVersion(BaseModel):
    version: str
    jurisdiction: str
    digest: str
    grades: list[GradeView]


class CertificateView(BaseModel):
    """A certificate on a day, in each version that may have been in force. `mentions`: without version or class."""

    certificate: str
    abbr: str | None
    name: Text
    jurisdiction: str
    on: str
    certain: bool
    text: Text
    versions: list[CertificateInVersion]
    mentions: list[dict[str, Any]]
    sources: dict[str, Source]


class ArrangementView(BaseModel):
    id: str
    direction: str
    mode: str
    mode_name: Text
    field: str
    from_certificates: list[str]
    from_grades: list[str] | None
    from_issued: str | None
    from_titles: list[dict[str, Any]]
    from_group: Text | None
    to: Text
    effect: Text
    remaining: Text | None
    condition: Text | None
    lapses_with_source: bool
    chains: bool | None
    sources: list[str]
    year: int | None
    confidence: str


class EntriesView(BaseModel):
    """Entries of the supplementary list that fit the question; `known`: how many of the list we know at all."""

    known: int
    text: Text
    entries: list[ArrangementView]


class ExemptionsView(BaseModel):
    """Entries of the list and real arrangements of the same shape, kept apart."""

    credential: str | None
    direction: str | None
    list_version: str
    digest: str
    of_the_list: EntriesView
    arrangements: list[ArrangementView]
    sources: dict[str, Source]
