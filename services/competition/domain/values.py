"""What the rules see and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LEVELS = ("technician", "assistant", "intermediate", "associate_senior", "senior")
RANK = {level: rank for rank, level in enumerate(LEVELS, start=1)}  # 0 = no title
SERIES = "engineering"  # the contest is one of engineers; its recognition leads to titles of this series

OPEN = "open"
OPEN_IF = "open-if"
NOT_KNOWN = "not-known"
CLOSED = "closed"

FINAL = "final"  # stages: entered, preliminary, final
COMPLETE = "complete"  # results of an edition in the register: none, partial, complete


@dataclass(frozen=True, slots=True)
class Names:
    zh: str
    en: str


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An entry as the applicant states it."""

    edition: str
    project: str
    role: str


@dataclass(frozen=True, slots=True, order=True)
class Title:
    series: str
    level: str


@dataclass(frozen=True, slots=True)
class Facts:
    """`person`: pseudonyms, one per identity document and key."""

    person: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    titles: tuple[Title, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class LevelTitle:
    level: str
    name: Names


@dataclass(frozen=True, slots=True)
class Edition:
    """What the rules need of an edition: `titles` are those that its recognition may lead to.

    `skips`: a source says that levels may be skipped.
    """

    id: str
    name: Names
    results: str
    titles: tuple[LevelTitle, ...]
    confidence: str
    clauses: tuple[Clause, ...]
    skips: bool = False

    @property
    def highest(self) -> LevelTitle:
        return max(self.titles, key=lambda title: RANK[title.level])


@dataclass(frozen=True, slots=True)
class Member:
    person: tuple[str, ...]
    role: str
    confirmed: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A row of the register."""

    edition: str
    id: str
    track: Names
    stage: str
    award: Names | None
    disqualified: bool
    team: tuple[Member, ...]
    synthetic: bool
    source: Clause

    def member(self, person: tuple[str, ...]) -> Member | None:
        """The person's place in the team; of several the confirmed one."""
        own = [member for member in self.team if not set(member.person).isdisjoint(person)]
        return min(own, key=lambda member: (member.disputed, not member.confirmed, member.role), default=None)


@dataclass(frozen=True, slots=True)
class View:
    """What the register says, at one of its versions, about the editions and projects that a person names."""

    editions: tuple[Edition, ...] = ()
    projects: tuple[Project, ...] = ()

    def edition(self, id: str) -> Edition | None:
        return next((edition for edition in self.editions if edition.id == id), None)

    def project(self, edition: str, id: str) -> Project | None:
        return next((project for project in self.projects if (project.edition, project.id) == (edition, id)), None)


def own_rows(view: View, person: tuple[str, ...]) -> View:
    """The view without the other people of the teams: it gives this person the same answer, and may be kept."""
    return View(view.editions, tuple(replace(project, team=_own(project, person)) for project in view.projects))


def _own(project: Project, person: tuple[str, ...]) -> tuple[Member, ...]:
    member = project.member(person)
    if member is None:
        return ()
    return (replace(member, person=tuple(name for name in member.person if name in person)),)


@dataclass(frozen=True, slots=True)
class Item:
    """One reason, condition or gap: a stable code, its values, and the sentence in both languages."""

    code: str
    text: Names
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opens:
    series: str
    level: str
    title: Names
    confidence: str
    only: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the road says to one person. `open` leads to an assessment by a committee, never to a title."""

    status: str
    opens: Opens | None = None
    conditions: tuple[Item, ...] = ()
    outstanding: tuple[Item, ...] = ()
    missing: tuple[Item, ...] = ()
    exceptions: tuple[Item, ...] = ()
    notes: tuple[Item, ...] = ()
    evidence: tuple[Item, ...] = ()
    clauses: tuple[Clause, ...] = ()
    needs_officer: bool = False
