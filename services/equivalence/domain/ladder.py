"""Degree and years: how far they reach, and what one level still needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.equivalence.domain import words
from services.equivalence.domain.findings import Finding, applied, condition, evidence, missing, note
from services.equivalence.domain.policy import Ladder
from services.equivalence.domain.values import LEVELS, Facts, Work
from services.equivalence.domain.years import months_counted

LADDER = "overseas-ladder"
OTHER = "other"  # a degree or field that the filing's list does not name


@dataclass(frozen=True, slots=True)
class Standing:
    """Rank of the highest degree (0 = none that the ladder names) and months of work in the field."""

    rank: int
    months: int

    @property
    def years(self) -> int:
        return self.months // 12


def in_field(facts: Facts) -> list[Work]:
    """The rule speaks of documented work in the field of the certificate: other work does not count."""
    return [job for job in facts.work if job.in_field]


def standing(facts: Facts, ladder: Ladder) -> Standing:
    return Standing(
        max((ladder.ranks.get(each.degree, 0) for each in facts.education), default=0),
        months_counted(in_field(facts), facts.cut_off),
    )


def reached(ladder: Ladder, stand: Standing, ceiling: str) -> str | None:
    """The highest level up to the ceiling whose step is met."""
    for level in reversed(LEVELS[: LEVELS.index(ceiling) + 1]):
        need = ladder.years_needed(level, stand.rank) if level in ladder.levels else None
        if need is not None and stand.years >= need:
            return level
    return None


def step(ladder: Ladder, stand: Standing, level: str, facts: Facts) -> Iterator[Finding]:
    """Is the step of this level met? One thing is missing if not: the degree, or the years.

    A degree that the filing's list does not name may be any: what it is equal to is for an officer, and no gap.
    """
    need = ladder.years_needed(level, stand.rank)
    if need is not None and stand.years >= need:
        yield applied(LADDER)
        return
    if any(each.degree == OTHER for each in facts.education):
        least = ladder.years_needed(level, max(ladder.ranks.values()))
        if least is not None and stand.years >= least:
            yield condition("officer-confirms-degree", words.officer_confirms_degree(), rule=LADDER, officer=True)
            return
        need = least if need is None else need
    if need is None:
        lowest = ladder.lowest_degree(level)
        text = words.degree(lowest, filed=bool(facts.education))
        yield missing("degree", text, rule=LADDER, need=lowest)
        return
    text = words.years(level, stand.years, need, facts.last_day)
    yield missing("years", text, rule=LADDER, have=stand.years, need=need, until=facts.until)


def counted(ladder: Ladder, stand: Standing, facts: Facts) -> Iterator[Finding]:
    """What was counted, and what the sources leave open about it."""
    yield evidence(
        "years-counted",
        words.years_counted(stand.months, facts.last_day),
        rule="experience-cutoff",
        months=stand.months,
        until=facts.until,
    )
    work = in_field(facts)
    if any(min(facts.cut_off, job.end or facts.cut_off) > facts.received_month + 1 for job in work):
        yield note("open-work-counted", words.open_work_counted(facts.last_day), until=facts.until)
    awarded = [each.awarded_year for each in facts.education if ladder.ranks.get(each.degree, 0) == stand.rank > 0]
    if awarded:
        before = months_counted(work, min(min(awarded) * 12, facts.cut_off))
        if before:
            yield note("work-before-degree", words.work_before_degree(before), months=before)
