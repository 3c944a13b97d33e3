"""Facts and list versions for tests of the rules: complete, and admitted by list 1.0 unless a test says otherwise."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

from services.equivalence import policy_files
from services.equivalence.domain.exemptions import Supplementary
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import (
    Answer,
    Education,
    Employer,
    Facts,
    Held,
    Item,
    Target,
    Title,
    Work,
    month_of,
)


def content_of(version: str) -> dict[str, Any]:
    """A copy of a published list version, for a test to change."""
    [found] = [each for each in policy_files.lists() if each.version == version]
    return copy.deepcopy(dict(found.content))


def list_version(version: str = "1.0") -> ListVersion:
    return ListVersion.parse(content_of(version))


def list_with_engineering_row() -> ListVersion:
    """List 1.0 with a class C row of an engineering certificate, which no source names today."""
    content = content_of("1.0")
    row = next(each for each in content["rows"] if each["certificate"] == "iet")
    row |= {"classes": ["B", "C"], "classes_known": "complete"}
    return ListVersion.parse(content)


def supplementary() -> Supplementary:
    return Supplementary.parse(policy_files.supplementary().content)


def a_degree(degree: str = "bachelor", field: str = "accounting", awarded: int = 2010) -> Education:
    return Education(degree, field, awarded)


def a_job(start: str, end: str | None = None, *, in_shanghai: bool = True, in_field: bool = True) -> Work:
    return Work(month_of(start), None if end is None else month_of(end), in_shanghai, in_field)


def held(certificate: str = "cgma", grade: str = "fellow", issued: str = "2016-05", lapses: str | None = None) -> Held:
    return Held(certificate, grade, month_of(issued), None if lapses is None else month_of(lapses))


def some_facts(
    *,
    education: tuple[Education, ...] = (a_degree(),),
    work: tuple[Work, ...] = (a_job("2012-06", "2021-06", in_shanghai=False), a_job("2021-06")),
    titles: tuple[Title, ...] = (),
    certificates: tuple[Held, ...] = (held(),),
    employer: str = "company",
    free_post: bool | None = None,
    superior_consent: bool | None = None,
    earlier_rounds: tuple[str, ...] = (),
    target: Target | None = None,
    round: str = "demo-2024",
    round_year: int = 2024,
    received_on: date = date(2024, 6, 1),
) -> Facts:
    return Facts(
        education,
        work,
        titles,
        certificates,
        Employer(employer, free_post, superior_consent),
        earlier_rounds,
        target,
        round,
        round_year,
        received_on,
    )


def codes(items: tuple[Item, ...]) -> list[str]:
    return [each.code for each in items]


def item(items: tuple[Item, ...], code: str) -> Item:
    [found] = [each for each in items if each.code == code]
    return found


def every_item(answer: Answer) -> tuple[Item, ...]:
    return (*answer.conditions, *answer.outstanding, *answer.missing, *answer.notes, *answer.evidence)
