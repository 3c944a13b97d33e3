"""The ladder of titles as frozen values: what a table of `policy/ladder.yaml` says, and the names of titles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.intake.domain.answers import Clause, Text

LEVELS = ("technician", "assistant", "intermediate", "associate_senior", "senior")
DEGREES = ("secondary-vocational", "college", "bachelor", "second-bachelor", "master", "doctorate")
STEM = ("science", "engineering")
OTHER = "other"  # a degree or field that the filing's list does not name


@dataclass(frozen=True, slots=True)
class Diploma:
    """A degree of at least this level; `stem`: in science or engineering."""

    degree: str
    stem: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One way to a title. `years`: from the appointment to `prior`, or of work since the degree if there is none."""

    needs: Diploma
    years: int
    clause: Clause
    prior: str | None = None
    also: Diploma | None = None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    code: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Table:
    """The ways to one title in one jurisdiction. `rows` None: they exist and are not known to us.

    `cutoff`: "12-31", the day of the round's year to which years count; `counting`: the clauses by which they do.
    `late_degree_wait`: years after which a degree counts that was earned after the appointment to the title below.
    """

    series: str
    level: str
    jurisdiction: str
    clause: Clause
    rows: tuple[Row, ...] | None
    cutoff: str = "12-31"
    counting: tuple[Clause, ...] = ()
    prior: str | None = None
    late_degree_wait: int = 0
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    text: Text
    confidence: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """All tables with the names of titles, as one dated policy."""

    id: str
    version: str
    digest: str
    tables: tuple[Table, ...]
    results: Clause  # a file of results is reviewed
    early_promotion: Clause
    outstanding: Mapping[str, tuple[Clause, ...]]  # by jurisdiction: asked for, and not shown by our facts
    series_transfer: Mapping[tuple[str, str], Clause]  # by jurisdiction and the series that one goes to
    titles: Mapping[tuple[str, str], Name]
    series: Mapping[str, Text]
    levels: Mapping[str, Text]

    def table(self, series: str, level: str, jurisdiction: str) -> Table | None:
        """The table of the jurisdiction itself, else of the nearest one around it: CN-SH, then CN."""
        found = [
            table
            for table in self.tables
            if (table.series, table.level) == (series, level)
            and (jurisdiction + "-").startswith(table.jurisdiction + "-")
        ]
        return max(found, key=lambda table: len(table.jurisdiction), default=None)

    def name(self, series: str, level: str) -> Text:
        """The title's name, or series and level where we do not know it."""
        known = self.titles.get((series, level))
        if known is not None:
            return known.text
        series_name, level_name = (
            self.series.get(series, Text(series, series)),
            self.levels.get(level, Text(level, level)),
        )
        return Text(f"{series_name.zh}（{level_name.zh}）", f"{series_name.en} ({level_name.en})")


def rank(level: str) -> int:
    """1 to 5, from 员级 to 正高级; 0 for a level that is none of them."""
    return LEVELS.index(level) + 1 if level in LEVELS else 0


def degree_rank(degree: str) -> int:
    """1 to 6; 0 for a degree that the list does not name."""
    return DEGREES.index(degree) + 1 if degree in DEGREES else 0
