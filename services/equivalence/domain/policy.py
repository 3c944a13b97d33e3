"""A list version as the rules read it. The content is the JSON value of a file in policy/lists/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.equivalence.domain.values import Clause, Text


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of the span in which a version came into force, and where that is known from."""

    day: date
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class RowTitle:
    """The title that a class C row maps to. Level and series are known from different places."""

    series: str
    level: str
    name: Text
    level_confidence: str
    series_confidence: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is known to us. `grade` None: the source names no grade, the row speaks of any."""

    certificate: str
    grade: str | None
    abbr: str
    name: Text
    classes: tuple[str, ...]
    complete: bool  # the source names all its classes
    field: str
    title: RowTitle | None
    sources: tuple[str, ...]
    confidence: str

    @property
    def id(self) -> str:
        return f"row-{self.certificate}-{self.grade or 'any'}"


@dataclass(frozen=True, slots=True)
class ListClass:
    """`rows_total` None = not known to us."""

    id: str
    leads_to_title: bool
    rows_total: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A clause of the list version, once for each of its sources, and the numbers that it sets."""

    id: str
    clauses: tuple[Clause, ...]
    confidence: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leads:
    """What certificates of a field lead to: `series` None = the series of the row; `only`: exactly the row's title."""

    series: str | None
    only: bool


@dataclass(frozen=True, slots=True)
class Step:
    degree: str
    years: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """Degree and years per level. `ranks`: degree -> step, 1 the lowest; degrees on one step count alike."""

    ranks: Mapping[str, int]
    levels: Mapping[str, tuple[Step, ...]]

    def years_needed(self, level: str, rank: int) -> int | None:
        """Whole years for a level with a degree of this rank; None when the degree is too low for every step."""
        return min((step.years for step in self.levels[level] if rank >= self.ranks[step.degree]), default=None)

    def lowest_degree(self, level: str) -> str:
        return min(self.levels[level], key=lambda step: self.ranks[step.degree]).degree


@dataclass(frozen=True, slots=True)
class ListVersion:
    jurisdiction: str
    version: str
    supersedes: str | None
    earliest: Bound
    latest: Bound
    classes: Mapping[str, ListClass]
    rows: tuple[Row, ...]
    leads: Mapping[str, Leads]  # by field of the certificate
    titles: Mapping[str, Mapping[str, Text]]  # series -> level -> title
    ceiling: str | None  # highest level that the road reaches
    ladder: Ladder | None
    rules: Mapping[str, Rule]  # by id, in the order of the file

    @property
    def id(self) -> str:
        return f"{self.jurisdiction}/{self.version}"

    @property
    def title_class(self) -> ListClass | None:
        """The class whose rows lead to a title."""
        return next((each for each in self.classes.values() if each.leads_to_title), None)

    def rows_known(self, class_id: str) -> int:
        return sum(class_id in row.classes for row in self.rows)

    def row(self, certificate: str, grade: str) -> Row | None:
        return next((row for row in self.rows if row.certificate == certificate and row.grade in (grade, None)), None)

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> ListVersion:
        """KeyError or ValueError for content that is not a list version."""
        leads = content["leads"]
        in_force = content["in_force"]
        return cls(
            jurisdiction=content["jurisdiction"],
            version=content["version"],
            supersedes=content["supersedes"],
            earliest=_bound(in_force["earliest"]),
            latest=_bound(in_force["latest"]),
            classes={
                id: ListClass(id, each["leads_to_title"], each["rows_total"]) for id, each in content["classes"].items()
            },
            rows=tuple(_row(each) for each in content["rows"]),
            leads={} if leads is None else {field: Leads(**each) for field, each in leads["by_field"].items()},
            titles={}
            if leads is None
            else {
                series: {level: Text(**name) for level, name in levels.items()}
                for series, levels in leads["titles"].items()
            },
            ceiling=None if content["ceiling"] is None else content["ceiling"]["level"],
            ladder=None if content["ladder"] is None else _ladder(content["ladder"]),
            rules={id: _rule(id, each) for id, each in content["clauses"].items()},
        )


def _bound(content: Mapping[str, str]) -> Bound:
    return Bound(date.fromisoformat(content["day"]), content["source"], content["why"])


def _row(content: Mapping[str, Any]) -> Row:
    title = content["title"]
    return Row(
        certificate=content["certificate"],
        grade=content["grade"],
        abbr=content["abbr"],
        name=Text(**content["name"]),
        classes=tuple(content["classes"]),
        complete=content["classes_known"] == "complete",
        field=content["field"],
        title=None
        if title is None
        else RowTitle(
            title["series"],
            title["level"],
            Text(**title["name"]),
            title["level_confidence"],
            title["series_confidence"],
            tuple(title["sources"]),
        ),
        sources=tuple(content["sources"]),
        confidence=content["confidence"],
    )


def _ladder(content: Mapping[str, Any]) -> Ladder:
    steps: Sequence[Sequence[str]] = content["degrees"]
    return Ladder(
        ranks={degree: rank for rank, degrees in enumerate(steps, start=1) for degree in degrees},
        levels={level: tuple(Step(**each) for each in rows) for level, rows in content["levels"].items()},
    )


def _rule(id: str, content: Mapping[str, Any]) -> Rule:
    known = ("text", "sources", "confidence", "note")
    values = {name: value for name, value in content.items() if name not in known}
    confidence = content["confidence"]
    return Rule(id, tuple(Clause(id, source, confidence) for source in content["sources"]), confidence, values)
