"""What the overseas road says to one person."""

from __future__ import annotations

from datetime import date

import pytest

from services.equivalence.domain.assess import assess
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import Target, Text, Title
from tests.equivalence.facts import (
    a_degree,
    a_job,
    codes,
    content_of,
    held,
    item,
    list_version,
    list_with_engineering_row,
    some_facts,
)


def test_a_cgma_holder_may_go_for_senior_accountant_once_the_certificate_is_verified() -> None:
    answer = assess(some_facts(), list_version())

    assert answer.status == "open-if"
    assert codes(answer.conditions) == ["certificate-verified"]
    assert answer.opens is not None
    assert (answer.opens.series, answer.opens.level) == ("accounting", "associate_senior")
    assert answer.opens.title == Text("高级会计师", "Senior Accountant")
    assert answer.opens.only
    assert answer.opens.confidence == "news"
    assert not answer.needs_officer
    assert ("overseas-ladder", "S11") in [(each.id, each.source) for each in answer.clauses]


def test_the_series_of_an_fcca_is_inferred_and_said_to_be() -> None:
    answer = assess(some_facts(certificates=(held("acca", "fellow"),)), list_version())

    assert answer.opens is not None
    assert answer.opens.confidence == "inferred"


def test_a_plain_acca_member_is_told_which_grade_has_a_title() -> None:
    answer = assess(some_facts(certificates=(held("acca", "member"),)), list_version())

    assert answer.status == "closed"
    assert codes(answer.missing) == ["row-without-title"]
    assert answer.missing[0].values["classes"] == "A"
    other = item(answer.notes, "other-grade")
    assert other.values["abbr"] == "FCCA"
    assert "FCCA" in other.text.zh
    assert "FCCA" in other.text.en


def test_a_doctor_with_one_year_of_two_lacks_the_years_and_nothing_else() -> None:
    facts = some_facts(education=(a_degree("doctorate", awarded=2023),), work=(a_job("2024-01", "2025-01"),))

    answer = assess(facts, list_version())

    assert answer.status == "closed"
    assert codes(answer.missing) == ["years"]
    assert answer.missing[0].values == {"have": 1, "need": 2, "until": "2024-12-31"}
    assert answer.missing[0].text.en == "For the associate senior level: 1 of 2 years counted to 31 December 2024."
    assert answer.missing[0].text.zh == "申报副高级须从事相关专业工作满2年，截至2024年12月31日计1年。"
    assert "高级会计师（副高级）" in item(answer.evidence, "row").text.zh


def test_a_row_that_is_not_known_to_us_waits_for_an_officer() -> None:
    facts = some_facts(round_year=2026, received_on=date(2026, 3, 1))

    answer = assess(facts, list_version("3.0"))

    assert answer.status == "open-if"
    assert answer.needs_officer
    assert codes(answer.conditions) == ["officer-confirms-row", "certificate-verified"]
    assert answer.opens is None
    assert item(answer.notes, "ladder-reached").values["level"] == "associate_senior"


def test_a_row_with_unknown_classes_is_not_known_to_be_out_of_class_c() -> None:
    answer = assess(some_facts(certificates=(held("acm", "fellow"),)), list_version())

    assert answer.status == "open-if"
    assert answer.needs_officer
    assert item(answer.evidence, "row").values["classes"] == "B"


def test_a_certificate_outside_the_vocabulary_waits_for_an_officer() -> None:
    answer = assess(some_facts(certificates=(held("unlisted", "unlisted"),)), list_version())

    assert answer.status == "open-if"
    assert codes(answer.conditions)[0] == "officer-confirms-row"


def test_not_listed_is_said_only_when_every_row_of_the_class_is_known() -> None:
    content = content_of("1.0")
    content["classes"]["C"]["rows_total"] = 2

    answer = assess(some_facts(certificates=(held("frm", "holder"),)), ListVersion.parse(content))

    assert answer.status == "closed"
    assert codes(answer.missing) == ["not-listed"]


def test_without_a_certificate_the_road_does_not_apply() -> None:
    answer = assess(some_facts(certificates=()), list_version())

    assert answer.status == "closed"
    assert codes(answer.missing) == ["no-certificate"]


def test_a_list_that_maps_no_titles_opens_none() -> None:
    answer = assess(some_facts(certificates=(held("frm", "holder"),)), list_version("pudong-2021"))

    assert answer.status == "closed"
    assert codes(answer.missing) == ["list-without-titles"]


@pytest.mark.parametrize(
    ("degree", "years", "open_now"),
    [
        ("bachelor", 10, True),
        ("bachelor", 9, False),
        ("master", 7, True),
        ("master", 6, False),
        ("second-bachelor", 7, True),
        ("second-bachelor", 6, False),
        ("doctorate", 2, True),
        ("doctorate", 1, False),
    ],
)
def test_degree_and_years_of_the_associate_senior_level(degree: str, years: int, open_now: bool) -> None:
    facts = some_facts(education=(a_degree(degree),), work=(a_job(f"{2025 - years}-01"),))

    answer = assess(facts, list_version())

    assert (answer.status == "open-if") is open_now
    assert codes(answer.missing) == ([] if open_now else ["years"])


def test_a_lower_degree_helps_where_the_higher_one_is_unknown() -> None:
    facts = some_facts(education=(a_degree("other"), a_degree("bachelor")))

    assert assess(facts, list_version()).status == "open-if"


def test_a_degree_below_the_ladder_is_what_is_missing_whatever_the_years() -> None:
    answer = assess(some_facts(education=(a_degree("college"),)), list_version())

    assert codes(answer.missing) == ["degree"]
    assert answer.missing[0].values == {"need": "bachelor"}


def test_only_work_in_the_field_counts() -> None:
    facts = some_facts(work=(a_job("2010-01", "2022-01", in_field=False), a_job("2022-01")))

    answer = assess(facts, list_version())

    assert answer.missing[0].values["have"] == 3


def test_work_that_goes_on_is_counted_to_the_cut_off_and_said_so() -> None:
    assert "open-work-counted" in codes(assess(some_facts(), list_version()).notes)
    ended = some_facts(work=(a_job("2012-01", "2024-07"),))
    assert "open-work-counted" not in codes(assess(ended, list_version()).notes)


def test_work_before_the_degree_is_counted_and_said_so() -> None:
    facts = some_facts(education=(a_degree("doctorate", awarded=2020),), work=(a_job("2015-01"),))

    assert item(assess(facts, list_version()).notes, "work-before-degree").values["months"] == 60


def test_less_than_a_year_in_shanghai_is_for_an_officer_because_the_rule_says_normally() -> None:
    facts = some_facts(work=(a_job("2010-01", "2024-03", in_shanghai=False), a_job("2024-03")))

    answer = assess(facts, list_version())

    assert codes(answer.conditions) == ["certificate-verified", "local-experience"]
    assert item(answer.conditions, "local-experience").values == {"have": 10, "need": 12, "until": "2024-12-31"}
    assert answer.needs_officer


def test_somebody_who_does_not_work_in_shanghai_now_has_to_show_that_they_do() -> None:
    facts = some_facts(work=(a_job("2012-01", "2024-06"),))

    assert "works-in-shanghai" in codes(assess(facts, list_version()).conditions)


def test_a_lapsed_certificate_closes_the_road_and_says_when() -> None:
    answer = assess(some_facts(certificates=(held(lapses="2024-05"),)), list_version())

    assert codes(answer.missing) == ["certificate-lapsed"]
    assert answer.missing[0].values == {"lapses": "2024-05"}


def test_a_certificate_that_lapses_in_the_month_of_receipt_has_to_be_shown_valid() -> None:
    answer = assess(some_facts(certificates=(held(lapses="2024-06"),)), list_version())

    assert codes(answer.conditions) == ["certificate-verified", "certificate-valid"]


def test_a_certificate_that_lapses_within_the_round_year_is_noted() -> None:
    answer = assess(some_facts(certificates=(held(lapses="2024-11"),)), list_version())

    assert codes(answer.conditions) == ["certificate-verified"]
    assert "certificate-lapses" in codes(answer.notes)


def test_a_certificate_issued_after_receipt_closes_the_road() -> None:
    answer = assess(some_facts(certificates=(held(issued="2024-07"),)), list_version())

    assert codes(answer.missing) == ["certificate-not-issued"]


@pytest.mark.parametrize("earlier", ["sh-overseas-1", "sh-overseas-2"])
def test_round_three_takes_nobody_who_was_in_rounds_one_or_two(earlier: str) -> None:
    facts = some_facts(round="sh-overseas-3", round_year=2025, earlier_rounds=(earlier,))

    answer = assess(facts, list_version("2.0"))

    assert answer.status == "closed"
    assert codes(answer.missing) == ["earlier-round"]


def test_whether_another_round_takes_participants_of_earlier_ones_is_not_known_and_said_so() -> None:
    facts = some_facts(round="sh-overseas-2", earlier_rounds=("sh-overseas-1",))

    answer = assess(facts, list_version())

    assert answer.status == "open-if"
    assert "earlier-rounds-not-known" in codes(answer.notes)
    assert "earlier-rounds-not-known" not in codes(assess(some_facts(), list_version()).notes)


def test_an_employer_of_a_kind_that_no_rule_names_is_for_an_officer() -> None:
    answer = assess(some_facts(employer="other"), list_version())

    assert "employer-kind" in codes(answer.conditions)
    assert answer.needs_officer


def test_what_a_public_institution_has_not_stated_is_a_condition() -> None:
    answer = assess(some_facts(employer="public-institution"), list_version())

    assert answer.status == "open-if"
    assert codes(answer.conditions) == ["certificate-verified", "current-title", "free-post", "superior-consent"]


def test_a_public_institution_without_free_post_or_consent_closes_the_road() -> None:
    facts = some_facts(employer="public-institution", free_post=False, superior_consent=False)

    assert codes(assess(facts, list_version()).missing) == ["free-post", "superior-consent"]


def test_staff_of_public_institutions_go_one_level_up_at_most() -> None:
    def answer(level: str) -> list[str]:
        facts = some_facts(
            employer="public-institution",
            free_post=True,
            superior_consent=True,
            titles=(Title("accounting", level, 2018),),
        )
        return codes(assess(facts, list_version()).missing)

    assert answer("assistant") == ["one-level-above"]
    assert answer("intermediate") == []


def test_an_engineering_certificate_opens_up_to_what_degree_and_years_reach() -> None:
    policy = list_with_engineering_row()

    def opens(degree: str, years: int) -> tuple[str, str, bool] | None:
        facts = some_facts(
            certificates=(held("iet", "fellow"),),
            education=(a_degree(degree, "engineering"),),
            work=(a_job(f"{2025 - years}-01"),),
        )
        found = assess(facts, policy).opens
        return None if found is None else (found.level, found.title.zh, found.only)

    assert opens("bachelor", 1) == ("assistant", "助理工程师", False)
    assert opens("bachelor", 5) == ("intermediate", "工程师", False)
    assert opens("bachelor", 30) == ("associate_senior", "高级工程师", False)
    assert opens("doctorate", 1) == ("intermediate", "工程师", False)


def test_the_next_level_says_what_it_still_needs() -> None:
    facts = some_facts(
        certificates=(held("iet", "fellow"),),
        education=(a_degree("master", "science"),),
        work=(a_job("2022-01"),),
    )

    answer = assess(facts, list_with_engineering_row())

    assert item(answer.notes, "next-level").values == {"level": "associate_senior", "have": 3, "need": 7}


def test_an_engineering_title_needs_a_science_or_engineering_degree() -> None:
    facts = some_facts(certificates=(held("iet", "fellow"),), education=(a_degree("master", "arts"),))

    assert codes(assess(facts, list_with_engineering_row()).missing) == ["degree-field"]


def test_staff_of_public_institutions_are_capped_where_the_level_is_not_fixed() -> None:
    facts = some_facts(
        certificates=(held("iet", "fellow"),),
        education=(a_degree("doctorate", "engineering"),),
        employer="public-institution",
        free_post=True,
        superior_consent=True,
        titles=(Title("engineering", "assistant", 2018),),
    )

    answer = assess(facts, list_with_engineering_row())

    assert answer.opens is not None
    assert answer.opens.level == "intermediate"
    assert "one-level-above" in codes(answer.notes)


def test_a_target_that_the_certificate_does_not_lead_to_is_noted() -> None:
    other = some_facts(target=Target("engineering", "associate_senior"))
    same = some_facts(target=Target("accounting", "associate_senior"))

    assert "target-differs" in codes(assess(other, list_version()).notes)
    assert "target-differs" not in codes(assess(same, list_version()).notes)


def test_the_best_of_several_certificates_answers_and_the_others_are_noted() -> None:
    several = (held("acca", "member"), held("unlisted", "unlisted"), held("cgma", "fellow"))

    answer = assess(some_facts(certificates=several), list_version())

    assert answer.opens is not None
    others = [each.values["certificate"] for each in answer.notes if each.code == "other-certificate"]
    assert others == ["unlisted", "acca"]


def test_the_order_in_which_certificates_are_stated_changes_nothing() -> None:
    several = (held("acca", "member"), held("acca", "fellow"), held("cgma", "fellow"), held("pmp", "holder"))

    forth = assess(some_facts(certificates=several), list_version())
    back = assess(some_facts(certificates=several[::-1]), list_version())

    assert forth == back


def test_a_holder_is_told_that_no_entry_of_the_supplementary_list_is_known() -> None:
    answer = assess(some_facts(certificates=(held("hkicpa", "member"),)), list_version())

    assert "No entry of the supplementary list is known to us" in item(answer.notes, "no-list-entry").text.en


def test_a_committee_still_has_to_assess() -> None:
    assert codes(assess(some_facts(), list_version()).outstanding) == ["committee"]
