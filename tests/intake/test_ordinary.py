"""The ordinary road: what it says to whom, and what it never says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.json_values import json_value
from services.intake.domain.answers import RoadAnswer, answer_from_json
from services.intake.domain.fitting import Education, Facts, Held, Work, months_worked
from services.intake.domain.ladder import DEGREES, LEVELS
from services.intake.domain.ordinary import Target, facts_from_json, judge
from services.intake.policy import load_ladder

LADDER = load_ladder()

SENIOR_ENGINEER = Target("engineering", "associate_senior")
ENGINEER = Target("engineering", "intermediate")


def education(degree: str = "bachelor", field: str = "engineering", awarded: int = 2015) -> Education:
    return Education(degree, field, awarded)


def engineer(appointed: int = 2021) -> Held:
    return Held("engineering", "intermediate", appointed)


def asked(
    *,
    target: Target | None = SENIOR_ENGINEER,
    year: int = 2026,
    jurisdiction: str = "CN-SH",
    degrees: tuple[Education, ...] = (education(),),
    titles: tuple[Held, ...] = (engineer(),),
    work: tuple[Work, ...] = (),
    early_promotion: bool = False,
) -> RoadAnswer:
    facts = Facts(degrees, work, titles, early_promotion)
    return judge(facts, LADDER, jurisdiction=jurisdiction, year=year, target=target)


def codes(items: tuple[Any, ...]) -> list[str]:
    return [item.code for item in items]


def test_an_engineer_of_five_years_with_a_bachelor_is_open_if_a_results_file_is_reviewed() -> None:
    answer = asked()

    assert answer.status == "open-if"
    assert answer.opens is not None
    assert (answer.opens.level, answer.opens.title.zh) == ("associate_senior", "高级工程师")
    assert codes(answer.conditions) == ["results-file-reviewed"]
    assert not answer.needs_officer
    assert answer.clauses[0].id == "sh-eng-years-senior"
    assert "sh-cutoff-31-december" in [clause.id for clause in answer.clauses]


def test_without_a_target_the_next_title_above_the_current_one_is_judged_and_said() -> None:
    answer = asked(target=None)

    assert answer.opens is not None and answer.opens.title.zh == "高级工程师"
    assert "target-assumed" in codes(answer.notes)


@pytest.mark.parametrize(
    ("degrees", "target"),
    [
        ((education(),), "助理工程师"),
        ((education("doctorate", "science"),), "工程师"),
        ((education("bachelor", "accounting"),), "助理会计师"),
    ],
)
def test_without_target_and_title_the_degree_points_to_a_series(degrees: tuple[Education, ...], target: str) -> None:
    answer = asked(target=None, titles=(), degrees=degrees)
    assert codes(answer.notes)[0] == "target-assumed"
    assert target in answer.notes[0].text.zh


def test_where_the_degree_points_to_no_series_a_target_is_asked_for() -> None:
    for degrees in ((), (education("bachelor", "law"),), (education("bachelor", "other"),)):
        answer = asked(target=None, titles=(), degrees=degrees)
        assert (answer.status, codes(answer.missing)) == ("not-known", ["target-needed"])


def test_people_from_elsewhere_hear_that_they_may_apply_too() -> None:
    """The scope of household, permit or insurance is not the only way in (S44)."""
    answer = asked()

    assert codes(answer.outstanding)[:2] == ["sh-applicant-scope", "sh-foreign-applicants"]
    assert ("sh-foreign-applicants", "news") in [(clause.id, clause.confidence) for clause in answer.clauses]


def test_the_lowest_level_has_no_table_and_is_for_an_officer() -> None:
    answer = asked(target=Target("engineering", "technician"), titles=())

    assert (answer.status, answer.needs_officer) == ("not-known", True)
    assert "技术员" in answer.missing[0].text.zh


def test_days_are_written_as_people_write_them() -> None:
    texts = [
        item.text for answer in (asked(), asked(titles=(engineer(2023),))) for item in answer.notes + answer.missing
    ]

    assert any("2026年12月31日" in text.zh and "31 December 2026" in text.en for text in texts)
    assert not any("2026-12-31" in text.zh + text.en for text in texts)


def test_years_that_are_missing_are_named() -> None:
    answer = asked(titles=(engineer(2023),))

    assert answer.status == "closed"
    assert codes(answer.missing) == ["years"]
    assert answer.missing[0].values == {"have": 3, "need": 5, "until": "2026-12-31"}


def test_a_doctorate_needs_two_years() -> None:
    doctor = (education("doctorate", "engineering", 2020),)
    assert asked(degrees=doctor, titles=(engineer(2024),)).status == "open-if"
    assert asked(degrees=doctor, titles=(engineer(2025),)).missing[0].values["need"] == 2


def test_early_promotion_is_an_exception_with_evidence_of_its_own() -> None:
    answer = asked(titles=(engineer(2023),), early_promotion=True)

    assert answer.status == "open-if"
    assert codes(answer.conditions) == ["results-file-reviewed", "early-promotion-evidence"]
    assert codes(answer.exceptions) == ["early-promotion", "years"]


def test_early_promotion_that_is_not_needed_is_no_exception() -> None:
    assert asked(early_promotion=True) == asked()


def test_a_level_cannot_be_skipped_even_by_early_promotion() -> None:
    held = (Held("engineering", "assistant", 2015),)
    for early in (False, True):
        answer = asked(titles=held, early_promotion=early)
        assert answer.status == "closed"
        assert codes(answer.missing) == ["prior-title"]
        assert "工程师" in answer.missing[0].text.zh
        assert ("early-promotion-prior-title" in codes(answer.notes)) is early
        assert answer.missing[0].values == {"series": "engineering", "level": "intermediate"}


def test_a_title_of_another_series_is_not_known_to_us_and_goes_to_an_officer() -> None:
    answer = asked(titles=(Held("economics", "intermediate", 2018),))

    assert answer.status == "not-known"
    assert answer.needs_officer
    assert codes(answer.conditions) == ["officer-confirms-series-transfer"]
    assert "sh-series-transfer" in [clause.id for clause in answer.clauses]


def test_the_rule_about_a_change_of_series_is_cited_only_where_it_was_read() -> None:
    """S221 speaks of people who move to an engineering post."""
    answer = asked(target=Target("accounting", "associate_senior"), titles=(Held("economics", "intermediate", 2015),))

    assert (answer.status, answer.needs_officer) == ("not-known", True)
    assert "sh-series-transfer" not in [clause.id for clause in answer.clauses]


def test_a_lower_title_of_another_series_is_no_transfer() -> None:
    assert asked(titles=(Held("economics", "assistant", 2018),)).status == "closed"


def test_a_title_whose_requirements_we_do_not_know_goes_to_an_officer() -> None:
    answer = asked(target=Target("health", "senior"))

    assert answer.status == "not-known"
    assert answer.needs_officer
    assert codes(answer.missing) == ["requirements-not-known"]
    assert answer.opens is None


def test_of_full_senior_accountant_the_title_below_is_known_and_the_years_are_not() -> None:
    target = Target("accounting", "senior")
    above = asked(target=target, titles=(Held("accounting", "associate_senior", 2015),))
    below = asked(target=target, titles=(Held("accounting", "intermediate", 2015),))

    assert (above.status, codes(above.conditions)) == ("not-known", ["officer-confirms-requirements"])
    assert (below.status, codes(below.missing)) == ("closed", ["prior-title"])


def test_senior_accountant_comes_after_the_examination() -> None:
    answer = asked(
        target=Target("accounting", "associate_senior"),
        degrees=(education("college", "accounting", 2008),),
        titles=(Held("accounting", "intermediate", 2016),),
    )
    assert answer.status == "open-if"
    assert codes(answer.conditions) == ["results-file-reviewed", "exam-passed"]
    assert answer.clauses[0].confidence == "news"


def test_a_title_that_is_held_is_not_opened_again() -> None:
    assert codes(asked(target=ENGINEER).missing) == ["title-held"]


def test_above_the_highest_level_there_is_nothing() -> None:
    answer = asked(target=None, titles=(Held("engineering", "senior", 2020),))
    assert (answer.status, codes(answer.missing)) == ("closed", ["no-higher-level"])


def test_a_degree_outside_science_and_engineering_needs_a_technical_diploma_and_seven_years() -> None:
    finance = education("bachelor", "finance", 2012)
    diploma = education("college", "engineering", 2008)

    alone = asked(degrees=(finance,), titles=(engineer(2015),))
    both = asked(degrees=(finance, diploma), titles=(engineer(2019),))
    soon = asked(degrees=(finance, diploma), titles=(engineer(2020),))

    assert (alone.status, codes(alone.missing)) == ("closed", ["degree-field"])
    assert both.status == "open-if"
    assert soon.missing[0].values == {"have": 6, "need": 7, "until": "2026-12-31"}


def test_a_degree_or_field_given_as_other_is_for_an_officer_and_no_gap() -> None:
    for other in (education("bachelor", "other"), education("other", "engineering")):
        answer = asked(degrees=(other,))
        assert answer.status == "open-if"
        assert answer.needs_officer
        assert "officer-confirms-degree" in codes(answer.conditions)


def test_no_degree_at_all_is_a_gap() -> None:
    answer = asked(degrees=())
    assert (answer.status, codes(answer.missing)) == ("closed", ["degree"])


def test_a_degree_earned_after_the_title_counts_after_one_more_year() -> None:
    this_year = asked(degrees=(education("bachelor", "engineering", 2026),), titles=(engineer(2018),))
    last_year = asked(degrees=(education("bachelor", "engineering", 2025),), titles=(engineer(2018),))

    assert (this_year.status, codes(this_year.missing)) == ("closed", ["late-degree-wait"])
    assert this_year.missing[0].values == {"have": 0, "need": 1}
    assert last_year.status == "open-if"
    assert "late-degree-counted" in codes(last_year.notes)


def test_where_years_count_to_june_the_last_one_depends_on_the_day_of_the_appointment() -> None:
    """The facts hold the year of an appointment alone, so the day becomes a condition and no guess."""
    assistant = (Held("engineering", "assistant", 2022),)
    exact = asked(target=ENGINEER, titles=assistant)
    longer = asked(target=ENGINEER, titles=(Held("engineering", "assistant", 2021),))

    assert codes(exact.conditions) == ["results-file-reviewed", "appointed-by"]
    assert exact.conditions[1].values == {"day": "2022-06-30"}
    assert codes(longer.conditions) == ["results-file-reviewed"]


def test_a_doctor_becomes_engineer_at_once_after_a_check() -> None:
    answer = asked(target=ENGINEER, titles=(), degrees=(education("doctorate", "science", 2026),))
    assert answer.status == "open-if"
    assert "check-passed" in codes(answer.conditions)


def test_the_trial_year_of_an_assistant_counts_work_since_the_degree() -> None:
    target = Target("engineering", "assistant")

    def after(work: Work) -> RoadAnswer:
        return asked(target=target, titles=(), degrees=(education("bachelor", "engineering", 2025),), work=(work,))

    july = 2025 * 12 + 6
    assert after(Work(july, None)).status == "open-if"
    short = after(Work(july, july + 11))
    assert short.missing[0].values["have"] == 0
    assert short.missing[0].text.zh.startswith("取得学历后的工作年限")
    assert "national-table" in codes(short.notes)
    assert "national-table" not in codes(asked().notes)
    assert after(Work(2020 * 12, 2025 * 12)).status == "closed"


def test_elsewhere_the_national_table_stands_and_says_how_sure_we_are() -> None:
    answer = asked(jurisdiction="CN-ZJ", degrees=(education("bachelor", "law"),))
    assert answer.status == "open-if"
    assert (answer.clauses[0].id, answer.clauses[0].confidence) == ("cn-eng-associate-senior", "news")
    assert answer.outstanding == ()


def test_the_national_steps_add_up_to_the_overseas_ladder() -> None:
    """INVARIANT: bachelor 1, +4, +5 = 10; master 0, +2, +5 = 7; doctorate 0, +2 = 2 (dossier 2.4)."""

    def steps(degree: str, levels: tuple[str, ...]) -> list[int]:
        total, sums = 0, []
        for level in levels:
            table = LADDER.table("engineering", level, "CN")
            assert table is not None and table.rows is not None
            total += min(r.years for r in table.rows if DEGREES.index(degree) >= DEGREES.index(r.needs.degree))
            sums.append(total)
        return sums

    assert steps("bachelor", LEVELS[1:4]) == [1, 5, 10]
    assert steps("master", LEVELS[1:4]) == [0, 2, 7]
    assert steps("second-bachelor", LEVELS[1:4]) == [0, 2, 7]
    assert steps("doctorate", LEVELS[2:4]) == [0, 2]


spans = st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60))), max_size=6)


@given(spans, st.integers(0, 60), st.integers(0, 60))
def test_months_of_two_jobs_at_once_count_once(jobs: list[tuple[int, int | None]], start: int, end: int) -> None:
    worked = {month for first, last in jobs for month in range(first, 61 if last is None else last)}
    assert months_worked([Work(*job) for job in jobs], start, end) == len(worked & set(range(start, end)))


educations = st.builds(
    Education,
    st.sampled_from([*DEGREES, "other"]),
    st.sampled_from(["science", "engineering", "finance", "accounting", "law", "other"]),
    st.integers(1990, 2026),
)
series = st.sampled_from(["engineering", "accounting", "economics", "health"])
held = st.builds(Held, series, st.sampled_from(LEVELS), st.integers(1990, 2026))
work = st.builds(Work, st.integers(1990 * 12, 2026 * 12), st.none())
facts = st.builds(
    Facts,
    st.lists(educations, max_size=4).map(tuple),
    st.lists(work, max_size=3).map(tuple),
    st.lists(held, max_size=4).map(tuple),
    st.booleans(),
)
targets = st.one_of(st.none(), st.builds(Target, series, st.sampled_from(LEVELS)))


@given(facts, targets, st.sampled_from(["CN-SH", "CN-ZJ"]), st.randoms())
def test_every_answer_has_its_reasons_and_depends_on_no_order(
    person: Facts, target: Target | None, jurisdiction: str, random: Any
) -> None:
    answer = judge(person, LADDER, jurisdiction=jurisdiction, year=2026, target=target)

    assert answer.status in ("open-if", "closed", "not-known")
    if answer.status == "open-if":
        assert answer.opens and answer.clauses and "results-file-reviewed" in codes(answer.conditions)
    else:
        assert answer.missing
    assert answer.needs_officer == any(code.startswith("officer-confirms") for code in codes(answer.conditions))

    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    mixed = Facts(shuffled(person.education), shuffled(person.work), shuffled(person.titles), person.early_promotion)
    assert judge(mixed, LADDER, jurisdiction=jurisdiction, year=2026, target=target) == answer
    assert answer_from_json(json_value(answer)) == answer


@given(facts, targets)
def test_waiting_a_year_never_shuts_a_road(person: Facts, target: Target | None) -> None:
    def at(year: int) -> RoadAnswer:
        return judge(person, LADDER, jurisdiction="CN-SH", year=year, target=target)

    if at(2026).status == "open-if":
        assert at(2027).status == "open-if"


def test_facts_of_an_event_are_read_from_plain_json() -> None:
    read = facts_from_json(
        {
            "education": [{"degree": "bachelor", "field": "science", "awarded_year": 2015}],
            "work": [{"from": "2024-01", "to": None, "in_shanghai": True, "in_field": True}],
            "titles": [{"series": "engineering", "level": "intermediate", "appointed_year": 2021}],
            "employer": {"kind": "company"},
            "early_promotion": True,
        }
    )
    assert read == Facts((education("bachelor", "science", 2015),), (Work(2024 * 12, None),), (engineer(2021),), True)
