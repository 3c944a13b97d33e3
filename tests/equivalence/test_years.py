"""Years: whole months, [from, to), what overlaps once, to the end of the round year."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.equivalence.domain.values import Work, month_of, month_text
from services.equivalence.domain.years import months_counted
from tests.equivalence.facts import a_job

MONTHS = st.integers(min_value=month_of("1990-01"), max_value=month_of("2030-12"))
UNTIL = month_of("2025-01")


@st.composite
def jobs(draw: st.DrawFn) -> Work:
    start = draw(MONTHS)
    end = draw(st.none() | st.integers(min_value=start + 1, max_value=start + 300))
    return Work(start, end, draw(st.booleans()), draw(st.booleans()))


def months_of(work: list[Work]) -> set[int]:
    """The same, month by month."""
    return {month for job in work for month in range(job.start, UNTIL) if job.end is None or month < job.end}


def test_the_month_that_is_named_last_is_not_worked_any_more() -> None:
    assert months_counted([a_job("2020-01", "2021-01")], UNTIL) == 12


def test_work_at_two_places_at_once_counts_once() -> None:
    assert months_counted([a_job("2020-01", "2021-01"), a_job("2020-07", "2021-07")], UNTIL) == 18


def test_work_that_goes_on_counts_to_the_end_of_the_round_year() -> None:
    assert months_counted([a_job("2024-01")], UNTIL) == 12


def test_work_after_the_round_year_does_not_count() -> None:
    assert months_counted([a_job("2024-07", "2026-01"), a_job("2025-06", "2026-01")], UNTIL) == 6


@given(st.lists(jobs(), max_size=8))
def test_the_count_is_the_union_of_the_months(work: list[Work]) -> None:
    assert months_counted(work, UNTIL) == len(months_of(work))


@given(st.lists(jobs(), max_size=8), jobs())
def test_more_work_never_counts_less(work: list[Work], more: Work) -> None:
    assert months_counted([*work, more], UNTIL) >= months_counted(work, UNTIL)


@given(st.lists(jobs(), max_size=8).flatmap(lambda work: st.tuples(st.just(work), st.permutations(work))))
def test_the_order_in_which_work_is_stated_changes_nothing(both: tuple[list[Work], list[Work]]) -> None:
    work, shuffled = both
    assert months_counted(work, UNTIL) == months_counted(shuffled, UNTIL)


@given(MONTHS)
def test_a_month_is_written_as_it_was_read(month: int) -> None:
    assert month_of(month_text(month)) == month
