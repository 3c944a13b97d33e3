"""Listed, not listed and not known to us; and which version was in force on a day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.equivalence.domain.listing import Listing, listing_of, versions_on
from services.equivalence.domain.policy import ListVersion
from tests.equivalence.facts import content_of, list_version

CITY = [list_version(version) for version in ("3.0", "1.0", "pudong-2021", "2.0")]


def test_a_row_of_the_class_is_listed() -> None:
    assert listing_of(list_version(), "cgma", "fellow", "C") is Listing.LISTED


def test_a_row_whose_classes_are_all_known_is_in_those_only() -> None:
    assert listing_of(list_version(), "acca", "member", "C") is Listing.OTHER_CLASSES_ONLY


def test_a_row_whose_other_classes_are_not_visible_is_not_known() -> None:
    assert listing_of(list_version(), "raes", "fellow", "C") is Listing.NOT_KNOWN


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0", "pudong-2021"])
def test_nowhere_are_all_rows_of_a_class_known_today(version: str) -> None:
    policy = list_version(version)
    for id, its_class in policy.classes.items():
        assert policy.rows_known(id) != its_class.rows_total
        assert listing_of(policy, "no-such", "grade", id) is Listing.NOT_KNOWN


def test_a_class_whose_rows_are_all_known_does_not_list_another_certificate() -> None:
    content = content_of("1.0")
    content["classes"]["C"]["rows_total"] = 2

    assert listing_of(ListVersion.parse(content), "frm", "holder", "C") is Listing.NOT_LISTED


def test_eleven_of_the_eighty_five_rows_of_the_first_list_are_known() -> None:
    policy = list_version()

    assert {id: (policy.rows_known(id), each.rows_total) for id, each in policy.classes.items()} == {
        "A": (4, 48),
        "B": (5, 15),
        "C": (2, 22),
    }


@pytest.mark.parametrize(
    ("day", "candidates", "certain"),
    [
        (date(2023, 9, 19), [], True),
        (date(2023, 12, 1), ["1.0"], False),
        (date(2024, 3, 3), ["1.0"], False),
        (date(2024, 3, 4), ["1.0"], True),
        (date(2024, 10, 31), ["1.0"], True),
        (date(2024, 11, 1), ["1.0", "2.0"], False),
        (date(2024, 12, 5), ["1.0", "2.0"], False),
        (date(2024, 12, 6), ["2.0"], True),
        (date(2025, 11, 13), ["2.0"], True),
        (date(2025, 11, 14), ["3.0"], True),
        (date(2026, 11, 24), ["3.0"], True),
    ],
)
def test_the_version_on_a_day_and_both_where_the_change_is_not_known_to_the_day(
    day: date, candidates: list[str], certain: bool
) -> None:
    found = versions_on(CITY, "CN-SH", day)

    assert [each.version for each in found.candidates] == candidates
    assert found.certain is certain
    assert ("not known to us" in found.text.en) is not certain


def test_the_district_pilot_is_asked_about_by_itself() -> None:
    assert [each.version for each in versions_on(CITY, "CN-SH-PD", date(2022, 6, 1)).candidates] == ["pudong-2021"]


@given(st.integers(0, 2000))
def test_a_day_has_one_candidate_or_two_neighbours(days: int) -> None:
    found = versions_on(CITY, "CN-SH", date(2023, 9, 20) + timedelta(days=days))

    assert 1 <= len(found.candidates) <= 2
    if len(found.candidates) == 2:
        older, newer = found.candidates
        assert newer.supersedes == older.version
        assert not found.certain
