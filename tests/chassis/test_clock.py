from datetime import UTC, date, datetime

import pytest

from chassis.clock import BUSINESS_ZONE, Clock, business_day, instant, later, parse_instant


def test_instants_have_a_fixed_width_and_sort_as_times():
    early = instant(datetime(2026, 11, 24, 9, 59, 59, 999_999, tzinfo=UTC))
    late = instant(datetime(2026, 11, 24, 10, tzinfo=UTC))

    assert (early, late) == ("2026-11-24T09:59:59.999Z", "2026-11-24T10:00:00.000Z")
    assert sorted([late, early]) == [early, late]


def test_an_instant_is_utc_whatever_zone_the_moment_has():
    assert instant(datetime(2026, 11, 24, 18, tzinfo=BUSINESS_ZONE)) == "2026-11-24T10:00:00.000Z"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        instant(datetime(2026, 11, 24))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000+00:00", "2026-11-24", "now"),
        *("0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00"),
    ],
)
def test_other_spellings_of_an_instant_are_refused(text):
    with pytest.raises(ValueError, match=r"instant|match"):
        parse_instant(text)


def test_later_goes_forward_and_back():
    assert later("2026-12-31T23:59:59.500Z", 0.5) == "2027-01-01T00:00:00.000Z"
    assert later("2027-01-01T00:00:00.000Z", -86400) == "2026-12-31T00:00:00.000Z"


def test_the_business_day_is_the_day_in_shanghai():
    assert business_day("2026-11-24T15:59:59.999Z") == date(2026, 11, 24)
    assert business_day("2026-11-24T16:00:00.000Z") == date(2026, 11, 25)


def test_a_fixed_business_date_stands_still_while_instants_go_on():
    clock = Clock(date(2024, 6, 1))

    assert clock.today() == date(2024, 6, 1)
    assert clock.now() > "2026-01-01"


def test_a_clock_without_a_fixed_date_says_today_in_shanghai():
    clock = Clock()
    before = business_day(clock.now())

    assert clock.today() in (before, business_day(clock.now()))
