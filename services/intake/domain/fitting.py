"""A row of the ladder held against a person: does the degree fit, is the title below held, for how many years?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.intake.domain import wording
from services.intake.domain.answers import Item
from services.intake.domain.ladder import OTHER, STEM, Diploma, Row, Table, degree_rank


@dataclass(frozen=True, slots=True)
class Education:
    degree: str
    field: str
    awarded_year: int


@dataclass(frozen=True, slots=True)
class Work:
    """[start, end) in months counted from year 0; `end` None = continues."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Held:
    series: str
    level: str
    appointed_year: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ordinary road sees of a person."""

    education: tuple[Education, ...] = ()
    work: tuple[Work, ...] = ()
    titles: tuple[Held, ...] = ()
    early_promotion: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """A row held against the facts.

    `degree`: what is missing; None = it fits, `late` = by a degree earned after the title below. `prior`: the title
    below is held, since the year `since`, or none is needed. `have`: years counted, of `row.years`.
    """

    row: Row
    degree: Item | None
    late: bool
    prior: bool
    since: int | None
    have: int

    @property
    def short(self) -> int:
        return max(0, self.row.years - self.have)


def nearest(facts: Facts, table: Table, year: int) -> Tried:
    """The row that the person comes nearest to: by degree, then by title, then by years."""
    tried = [_try(facts, table, row, year, lenient=False) for row in table.rows or ()]
    return min(tried, key=lambda t: (t.degree is not None, _needed_rank(t) if t.degree else 0, not t.prior, t.short))


def nearest_if_confirmed(facts: Facts, table: Table, year: int) -> Tried | None:
    """The lowest row that fits if a degree or field given as `other` is taken for what the row asks."""
    tried = [_try(facts, table, row, year, lenient=True) for row in table.rows or ()]
    fitting = [one for one in tried if one.degree is None]
    return min(fitting, key=lambda t: (_needed_rank(t), not t.prior, t.short), default=None)


def months_worked(work: Iterable[Work], start: int, end: int) -> int:
    """Months of [start, end) in which there was work; months of two jobs at once count once."""
    spans = sorted((max(job.start, start), min(end if job.end is None else job.end, end)) for job in work)
    total, reached = 0, start
    for first, last in spans:
        total += max(0, last - max(first, reached))
        reached = max(reached, last)
    return total


def _needed_rank(tried: Tried) -> int:
    return degree_rank(tried.row.needs.degree)


def _try(facts: Facts, table: Table, row: Row, year: int, *, lenient: bool) -> Tried:
    since = min(
        (held.appointed_year for held in facts.titles if (held.series, held.level) == (table.series, row.prior)),
        default=None,
    )
    awarded = tuple(item for item in facts.education if item.awarded_year <= year)
    early = tuple(item for item in awarded if not _late(item, since, table))
    counted = tuple(
        item for item in awarded if not _late(item, since, table) or year - item.awarded_year >= table.late_degree_wait
    )
    fits = _fits(row, counted, lenient)
    return Tried(
        row=row,
        degree=None if fits else _degree_gap(table, row, awarded, year, lenient),
        late=fits and not _fits(row, early, lenient),
        prior=row.prior is None or since is not None,
        since=since,
        have=_years(facts, row, since, year, degrees=[item for item in counted if _is(item, row.needs, lenient)]),
    )


def _late(item: Education, since: int | None, table: Table) -> bool:
    return since is not None and table.late_degree_wait > 0 and item.awarded_year > since


def _fits(row: Row, education: tuple[Education, ...], lenient: bool) -> bool:
    return all(
        any(_is(item, wanted, lenient) for item in education) for wanted in (row.needs, row.also) if wanted is not None
    )


def _is(item: Education, wanted: Diploma, lenient: bool) -> bool:
    high = degree_rank(item.degree) >= degree_rank(wanted.degree) or (lenient and item.degree == OTHER)
    return high and (not wanted.stem or item.field in STEM or (lenient and item.field == OTHER))


def _degree_gap(table: Table, row: Row, awarded: tuple[Education, ...], year: int, lenient: bool) -> Item:
    if _fits(row, awarded, lenient):
        newest = max(item.awarded_year for item in awarded)
        return wording.late_degree(year - newest, table.late_degree_wait)
    if any(degree_rank(item.degree) >= degree_rank(row.needs.degree) for item in awarded):
        other_way = next((one.also.degree for one in table.rows or () if one.also), None)
        return wording.degree_field_missing(other_way)
    return wording.degree_missing(row.needs.degree)


def _years(facts: Facts, row: Row, since: int | None, year: int, *, degrees: list[Education]) -> int:
    """Full years to the end of the round's year: from the appointment to the title below, or worked since the degree.

    The facts hold the year of an appointment; counted to 31 December that is exact.
    """
    if row.prior is not None:
        return max(0, year - since) if since is not None else 0
    if not degrees:
        return 0
    return months_worked(facts.work, min(item.awarded_year for item in degrees) * 12, (year + 1) * 12) // 12
