"""The values that rules see and make. Months are counted from year 0: `year * 12 + month - 1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

OPEN_IF = "open-if"
CLOSED = "closed"  # the rules of the road, as they stand, do not admit the person; never a refusal of a title

# Certificates of the vocabulary that a mainland body issues: no list of overseas certificates can hold them.
DOMESTIC = frozenset({"cicpa", "cirea"})
LEVELS = ("technician", "assistant", "intermediate", "associate_senior", "senior")  # lowest first
CONFIDENCE = ("official", "news", "inferred", "synthetic")  # surest first


def month_of(text: str) -> int:
    """`YYYY-MM` as a count of months."""
    year, month = text.split("-")
    return int(year) * 12 + int(month) - 1


def month_text(month: int) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def level_rank(level: str) -> int | None:
    """1 for the lowest level; None for one that we do not know."""
    return LEVELS.index(level) + 1 if level in LEVELS else None


def weakest(*confidences: str) -> str:
    """The least sure of them."""
    return max(confidences, key=lambda each: CONFIDENCE.index(each) if each in CONFIDENCE else len(CONFIDENCE))


@dataclass(frozen=True, slots=True)
class Text:
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Item:
    """A reason, condition or gap: a stable code, its numbers, the sentence in both languages."""

    code: str
    text: Text
    values: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Clause:
    """Where a rule stands. A rule with two sources gives two of these."""

    id: str
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Opens:
    """What the road leads to; `only`: exactly this title, otherwise up to this level."""

    series: str
    level: str
    title: Text
    confidence: str
    only: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the overseas road says to one person."""

    status: str
    opens: Opens | None = None
    conditions: tuple[Item, ...] = ()
    outstanding: tuple[Item, ...] = ()
    missing: tuple[Item, ...] = ()
    notes: tuple[Item, ...] = ()
    evidence: tuple[Item, ...] = ()
    clauses: tuple[Clause, ...] = ()
    needs_officer: bool = False


@dataclass(frozen=True, slots=True)
class Exemption:
    """An arrangement between two credentials; `of_the_list`: an entry of the supplementary list itself."""

    id: str
    of_the_list: bool
    direction: str
    mode: str
    effect: Text
    source: str
    year: int | None
    confidence: str


@dataclass(frozen=True, slots=True)
class Education:
    degree: str
    field: str
    awarded_year: int


@dataclass(frozen=True, slots=True)
class Work:
    """Work in [start, end) months; `end` None = continues."""

    start: int
    end: int | None
    in_shanghai: bool
    in_field: bool


@dataclass(frozen=True, slots=True)
class Title:
    series: str
    level: str
    appointed_year: int


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate as it is held. Months; `lapses` None = does not lapse or not stated."""

    certificate: str
    grade: str
    issued: int
    lapses: int | None


@dataclass(frozen=True, slots=True)
class Employer:
    """`free_post`, `superior_consent`: None = not stated."""

    kind: str
    free_post: bool | None
    superior_consent: bool | None


@dataclass(frozen=True, slots=True)
class Target:
    series: str
    level: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules see of a person and of the round."""

    education: tuple[Education, ...]
    work: tuple[Work, ...]
    titles: tuple[Title, ...]
    certificates: tuple[Held, ...]
    employer: Employer
    earlier_rounds: tuple[str, ...]
    target: Target | None
    round: str
    round_year: int
    received_on: date

    @property
    def received_month(self) -> int:
        return self.received_on.year * 12 + self.received_on.month - 1

    @property
    def cut_off(self) -> int:
        """The month after the last that counts: work is counted to 31 December of the round year."""
        return (self.round_year + 1) * 12

    @property
    def last_day(self) -> date:
        return date(self.round_year, 12, 31)

    @property
    def until(self) -> str:
        return self.last_day.isoformat()

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> Facts:
        """From the JSON value that is stored with an assessment."""
        return cls(
            education=tuple(Education(**each) for each in stored["education"]),
            work=tuple(
                Work(
                    month_of(each["from"]),
                    None if each["to"] is None else month_of(each["to"]),
                    each["in_shanghai"],
                    each["in_field"],
                )
                for each in stored["work"]
            ),
            titles=tuple(Title(**each) for each in stored["titles"]),
            certificates=tuple(
                Held(
                    each["certificate"],
                    each["grade"],
                    month_of(each["issued"]),
                    None if each["lapses"] is None else month_of(each["lapses"]),
                )
                for each in stored["certificates"]
            ),
            employer=Employer(**stored["employer"]),
            earlier_rounds=tuple(stored["earlier_rounds"]),
            target=None if stored["target"] is None else Target(**stored["target"]),
            round=stored["round"],
            round_year=stored["round_year"],
            received_on=date.fromisoformat(stored["received_on"]),
        )
