"""Published facts of contest editions, one file each in `policy/`; rosters of `policy/synthetic/` stand apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.competition.result_file import Row, Slug

POLICY = Path(__file__).with_name("policy")


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(Part):
    zh: str
    en: str


class Preliminary(Part):
    date: str
    place: str
    entries: int | None = None
    groups: int | None = None
    judges: int | None = None
    finalists: int | None = None
    note: str | None = None


class Track(Part):
    id: Slug
    zh: str
    en: str
    scope_zh: str | None = None
    preliminary: Preliminary | None = None


class Stage(Part):
    id: str
    zh: str
    date: str


class Award(Part):
    id: Slug
    zh: str
    en: str
    count: int | None = None


class RecognisedTitle(Part):
    level: Literal["technician", "assistant", "intermediate", "associate_senior", "senior"]
    zh: str
    en: str


class Statement(Part):
    """What a source says, and how sure we are of it."""

    id: str
    source: str
    confidence: Literal["official", "news", "inferred"]
    en: str


class Recognition(Part):
    """What a place in the stage leads to an assessment for. `levels_may_be_skipped`: None = no source says."""

    stage: Literal["final"]
    confidence: Literal["official", "news", "inferred"]
    titles: tuple[RecognisedTitle, ...] = Field(min_length=1)
    levels_may_be_skipped: bool | None = None
    clauses: tuple[Statement, ...] = Field(min_length=1)


class Source(Part):
    title: str
    publisher: str
    date: str
    kind: str
    url: str | None


class EditionFacts(Part):
    """An edition as its sources describe it; None = no source says."""

    id: Slug
    edition: int
    year: int
    name: Name
    motto_zh: str | None = None
    host_zh: str
    confidence: Literal["official", "news", "inferred"]
    sources: tuple[str, ...]
    tracks: tuple[Track, ...]
    stages: tuple[Stage, ...]
    entry_channels: tuple[str, ...] | None = None
    entries: int | None = None
    people: int | None = None
    awards: tuple[Award, ...] = ()
    recognition: Recognition
    benefits: tuple[str, ...] | None = None
    scoring_dimensions: tuple[str, ...] | None = None
    not_known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cited: dict[str, Source]

    @model_validator(mode="after")
    def _cites_its_sources(self) -> Self:
        named = {*self.sources, *(clause.source for clause in self.recognition.clauses)}
        if missing := named - set(self.cited):
            raise ValueError(f"{self.id}: sources without a citation: {sorted(missing)}")
        return self


class Roster(Part):
    """A synthetic result file: nobody and nothing in it exists."""

    synthetic: Literal[True]
    edition: Slug
    results: Literal["partial", "complete"]
    rows: tuple[Row, ...]


def load_editions(folder: Path = POLICY) -> list[EditionFacts]:
    """Every edition of the folder, by id. ValueError (of pydantic) for a file that breaks the shape."""
    return [EditionFacts.model_validate(content) for content in _contents(folder)]


def load_rosters(folder: Path = POLICY / "synthetic") -> list[Roster]:
    return [Roster.model_validate(content) for content in _contents(folder)]


def _contents(folder: Path) -> Sequence[object]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))]
