"""The ordinary road: may this person apply for that title in this round?

The rule is a ladder (policy/ladder.yaml): a title is reached from the one below it, with a degree and after a number
of years from the appointment to the title below. The answer is never "open": a committee reviews the file in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.intake.domain import fitting, wording
from services.intake.domain.answers import CLOSED, NOT_KNOWN, OPEN_IF, Clause, Item, Opens, RoadAnswer, Text
from services.intake.domain.fitting import Education, Facts, Held, Tried, Work
from services.intake.domain.ladder import LEVELS, OTHER, STEM, Ladder, Table, degree_rank, rank

ROAD = "ordinary"
RULES_VERSION = "1"
_SERIES_OF_FIELD = {"accounting": "accounting", "economics": "economics"}


@dataclass(frozen=True, slots=True)
class Target:
    series: str
    level: str


def facts_from_json(value: Mapping[str, Any]) -> Facts:
    """The facts of an event, as plain JSON; what this road does not need is left out."""
    return Facts(
        education=tuple(
            Education(item["degree"], item["field"], item["awarded_year"]) for item in value.get("education", ())
        ),
        work=tuple(
            Work(_month(item["from"]), _month(item["to"]) if item.get("to") else None) for item in value.get("work", ())
        ),
        titles=tuple(Held(item["series"], item["level"], item["appointed_year"]) for item in value.get("titles", ())),
        early_promotion=value.get("early_promotion", False),
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: this target, for this person, in a round of this jurisdiction and year of counting."""

    facts: Facts
    ladder: Ladder
    target: Target
    jurisdiction: str
    year: int
    notes: tuple[Item, ...]

    @property
    def title(self) -> Text:
        return self.name(self.target.level)

    def name(self, level: str) -> Text:
        return self.ladder.name(self.target.series, level)

    def holds(self, level: str) -> bool:
        return any((held.series, held.level) == (self.target.series, level) for held in self.facts.titles)

    def opens(self) -> Opens | None:
        """None where we do not know the title's name."""
        known = self.ladder.titles.get((self.target.series, self.target.level))
        return Opens(self.target.series, self.target.level, known.text, known.confidence) if known else None


def judge(facts: Facts, ladder: Ladder, *, jurisdiction: str, year: int, target: Target | None) -> RoadAnswer:
    """What the ordinary road says. `year`: the round's year of counting.

    Without a target, the next title above the current one in its series is judged; without a title either,
    the first one of the series that the degree points to; where it points nowhere, a target is asked for.
    """
    notes: tuple[Item, ...] = ()
    if target is None:
        target, note = _assumed(facts, ladder)
        notes = (note,)
    if target is None:
        return RoadAnswer(ROAD, NOT_KNOWN if note.code == "target-needed" else CLOSED, missing=notes)
    asked = _Question(facts, ladder, target, jurisdiction, year, notes)
    if any(held.series == target.series and rank(held.level) >= rank(target.level) for held in facts.titles):
        return RoadAnswer(ROAD, CLOSED, missing=(wording.title_held(asked.title),), notes=notes)
    table = ladder.table(target.series, target.level, jurisdiction)
    if table is None:
        return _by_officer(asked, (), "requirements", wording.not_known_to_us(asked.title))
    if table.rows is None:
        return _without_years(asked, table)
    return _by_table(asked, table)


def _assumed(facts: Facts, ladder: Ladder) -> tuple[Target | None, Item]:
    """The title that is judged when none was named, and the note that says so; or None and why."""
    if not facts.titles:
        series = _series_of_degree(facts)
        if series is None:
            return None, wording.target_needed()
        doctor = any(item.degree == "doctorate" for item in facts.education)
        target = Target(series, "intermediate" if doctor else "assistant")
        return target, wording.target_defaulted(ladder.name(target.series, target.level))
    current = max(facts.titles, key=_height)
    if rank(current.level) == len(LEVELS):
        return None, wording.no_higher_level()
    target = Target(current.series, LEVELS[rank(current.level)])
    return target, wording.target_assumed(ladder.name(target.series, target.level))


def _series_of_degree(facts: Facts) -> str | None:
    """By the field of the highest degree that says anything; None where it points to no series that we judge."""
    telling = [item for item in facts.education if item.field != OTHER]
    if not telling:
        return None
    highest = max(telling, key=lambda item: (degree_rank(item.degree), item.awarded_year, item.field))
    return "engineering" if highest.field in STEM else _SERIES_OF_FIELD.get(highest.field)


def _by_table(asked: _Question, table: Table) -> RoadAnswer:
    """By the row that the person comes nearest to."""
    facts = asked.facts
    tried = fitting.nearest(facts, table, asked.year)
    confirmed = fitting.nearest_if_confirmed(facts, table, asked.year) if tried.degree else None
    tried = confirmed or tried
    row, until = tried.row, f"{asked.year}-{table.cutoff}"
    gaps = [tried.degree] if tried.degree else []
    if tried.prior and tried.short:
        gaps.append(wording.years_missing(tried.have, row.years, until, of_work=row.prior is None))
    explained, clauses = _explained(asked, table, tried, until)
    asked = replace(asked, notes=asked.notes + explained)
    if row.prior is not None and not tried.prior:
        return _without_prior(asked, row.prior, gaps, clauses)
    if gaps and not facts.early_promotion:
        return RoadAnswer(ROAD, CLOSED, missing=tuple(gaps), notes=asked.notes, clauses=clauses)

    conditions = [wording.plain("results-file-reviewed")]
    conditions += [wording.plain(code) for code in (*row.conditions, *(more.code for more in table.conditions))]
    if tried.since is not None and row.years and tried.have == row.years and table.cutoff != "12-31":
        conditions.append(wording.appointed_by(tried.since, table.cutoff))
    if confirmed:
        conditions.append(wording.officer_confirms("degree", asked.title))
    if gaps:
        conditions.append(wording.plain("early-promotion-evidence"))
    outstanding = asked.ladder.outstanding.get(asked.jurisdiction, ())
    cited = [*clauses, asked.ladder.results, *(more.clause for more in table.conditions)]
    cited += [asked.ladder.early_promotion] if gaps else []
    return RoadAnswer(
        ROAD,
        OPEN_IF,
        opens=asked.opens(),
        conditions=tuple(conditions),
        outstanding=tuple(wording.plain(clause.id) for clause in outstanding),
        exceptions=(wording.early_promotion(asked.title), *gaps) if gaps else (),
        notes=asked.notes,
        clauses=_once((*cited, *outstanding)),
        needs_officer=confirmed is not None,
    )


def _without_years(asked: _Question, table: Table) -> RoadAnswer:
    """The table exists and its years are not known to us; the title below may still be."""
    if table.prior and not asked.holds(table.prior):
        return _without_prior(asked, table.prior, [], (table.clause,))
    return _by_officer(asked, (table.clause,), "requirements", wording.not_known_to_us(asked.title))


def _without_prior(asked: _Question, prior: str, gaps: list[Item], clauses: tuple[Clause, ...]) -> RoadAnswer:
    """The title below is not held: closed, or a change of series, whose rule is not known to us."""
    others = [
        held for held in asked.facts.titles if held.series != asked.target.series and rank(held.level) >= rank(prior)
    ]
    if others and (not gaps or asked.facts.early_promotion):
        highest = max(others, key=_height)
        why = wording.series_transfer(asked.ladder.name(highest.series, highest.level), asked.title)
        transfer = asked.ladder.series_transfer.get((asked.jurisdiction, asked.target.series))
        return _by_officer(asked, (*clauses, transfer) if transfer else clauses, "series-transfer", why)
    needed = wording.prior_title(asked.name(prior), asked.target.series, prior)
    declared = (wording.early_promotion_and_prior(),) if asked.facts.early_promotion else ()
    return RoadAnswer(ROAD, CLOSED, missing=(*gaps, needed), notes=(*asked.notes, *declared), clauses=clauses)


def _by_officer(asked: _Question, clauses: tuple[Clause, ...], what: str, why: Item) -> RoadAnswer:
    return RoadAnswer(
        ROAD,
        NOT_KNOWN,
        opens=asked.opens(),
        conditions=(wording.officer_confirms(what, asked.title),),
        missing=(why,),
        notes=asked.notes,
        clauses=clauses,
        needs_officer=True,
    )


def _explained(asked: _Question, table: Table, tried: Tried, until: str) -> tuple[tuple[Item, ...], tuple[Clause, ...]]:
    """How the years were counted, and by which clauses."""
    row, notes, clauses = tried.row, [], [tried.row.clause]
    if table.jurisdiction != asked.jurisdiction:
        notes.append(wording.national_table(asked.title))
    if row.prior is not None and tried.since is not None:
        notes.append(wording.years_counted(asked.name(row.prior), tried.since, until, tried.have, row.years))
    if row.years:
        clauses += table.counting
        notes += [wording.plain(clause.id) for clause in table.counting if wording.has_words(clause.id)]
    if tried.late:
        notes.append(wording.late_degree_counted(table.late_degree_wait))
    return tuple(notes), _once(clauses)


def _height(held: Held) -> tuple[int, int, str]:
    return rank(held.level), held.appointed_year, held.series


def _once(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    return tuple(dict.fromkeys(clauses))


def _month(text: str) -> int:
    """Months since year 0 of "2024-03"."""
    return int(text[:4]) * 12 + int(text[5:7]) - 1
