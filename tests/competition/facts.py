"""Facts and registers of synthetic people for tests of the rules."""

from __future__ import annotations

from services.competition.domain import (
    Claim,
    Clause,
    Edition,
    Facts,
    LevelTitle,
    Member,
    Names,
    Project,
    Title,
    View,
)

ME = ("p1.me",)
SOMEBODY = ("p1.somebody",)
EDITION, PROJECT = "sh-ymec-2024", "P-1"
TITLES = {
    "intermediate": LevelTitle("intermediate", Names("工程师", "Engineer")),
    "associate_senior": LevelTitle("associate_senior", Names("高级工程师", "Senior Engineer")),
    "senior": LevelTitle("senior", Names("正高级工程师", "Professorate Senior Engineer")),
}


def a_claim(edition: str = EDITION, project: str = PROJECT, role: str = "technical-lead") -> Claim:
    return Claim(edition, project, role)


def some_facts(*claims: Claim, titles: tuple[tuple[str, str], ...] = (), person: tuple[str, ...] = ME) -> Facts:
    return Facts(person, claims or (a_claim(),), tuple(Title(*title) for title in titles))


def an_edition(
    id: str = EDITION,
    *,
    results: str = "partial",
    levels: tuple[str, ...] = ("associate_senior", "senior"),
    skips: bool = True,
) -> Edition:
    titles = tuple(TITLES[level] for level in levels)
    clauses = (Clause(f"{id}/final", "S24", "news"),)
    return Edition(id, Names("大赛", "Contest"), results, titles, "news", clauses, skips)


def a_member(
    person: tuple[str, ...] = ME, role: str = "technical-lead", *, confirmed: bool = True, disputed: bool = False
) -> Member:
    return Member(person, role, confirmed, disputed)


def a_project(
    *team: Member,
    edition: str = EDITION,
    id: str = PROJECT,
    stage: str = "final",
    disqualified: bool = False,
    synthetic: bool = False,
) -> Project:
    return Project(
        edition=edition,
        id=id,
        track=Names("智能制造", "smart manufacturing"),
        stage=stage,
        award=Names("优胜奖", "merit prize"),
        disqualified=disqualified,
        team=team or (a_member(),),
        synthetic=synthetic,
        source=Clause("competition-register/row", "organiser/file", "synthetic" if synthetic else "official"),
    )


def a_register(*projects: Project, results: str = "partial", editions: tuple[Edition, ...] = ()) -> View:
    return View(editions or (an_edition(results=results),), projects)
