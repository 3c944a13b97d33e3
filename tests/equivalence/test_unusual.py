"""Filings that are unusual and allowed: what a competent officer would say of them."""

from __future__ import annotations

from datetime import date

from contracts.certificates import CERTIFICATES_FILE, certificates
from services.equivalence.domain.assess import assess
from services.equivalence.domain.values import DOMESTIC, Title
from tests.equivalence.facts import (
    a_degree,
    a_job,
    codes,
    held,
    item,
    list_version,
    list_with_engineering_row,
    some_facts,
)


def test_a_degree_given_as_other_may_be_any_and_is_for_an_officer() -> None:
    answer = assess(some_facts(education=(a_degree("other"),)), list_version())

    assert (answer.status, answer.needs_officer) == ("open-if", True)
    assert codes(answer.conditions) == ["certificate-verified", "officer-confirms-degree"]


def test_a_degree_given_as_other_beside_a_bachelor_with_too_few_years_is_for_an_officer() -> None:
    facts = some_facts(education=(a_degree("bachelor"), a_degree("other")), work=(a_job("2018-01"),))

    assert "officer-confirms-degree" in codes(assess(facts, list_version()).conditions)


def test_years_that_are_too_few_for_every_degree_are_missing_whatever_other_is() -> None:
    facts = some_facts(education=(a_degree("other"),), work=(a_job("2024-01"),))

    assert assess(facts, list_version()).missing[0].values == {"have": 1, "need": 2, "until": "2024-12-31"}


def test_a_field_of_degree_given_as_other_is_for_an_officer() -> None:
    facts = some_facts(certificates=(held("iet", "fellow"),), education=(a_degree("master", "other"),))

    answer = assess(facts, list_with_engineering_row())

    assert answer.opens is not None
    assert "officer-confirms-degree-field" in codes(answer.conditions)


def test_without_any_education_named_the_answer_says_that_none_was() -> None:
    answer = assess(some_facts(education=()), list_version())

    assert codes(answer.missing) == ["degree"]
    assert answer.missing[0].text.zh.startswith("未填报学历")
    assert answer.missing[0].text.en.startswith("No degree was named")


def test_a_second_bachelor_counts_as_a_master_does() -> None:
    facts = some_facts(education=(a_degree("bachelor"), a_degree("second-bachelor")), work=(a_job("2018-01"),))

    assert assess(facts, list_version()).status == "open-if"


def test_a_doctorate_without_work_in_the_field_lacks_the_years() -> None:
    facts = some_facts(education=(a_degree("doctorate"),), work=(a_job("2012-01", in_field=False),))

    assert assess(facts, list_version()).missing[0].values == {"have": 0, "need": 2, "until": "2024-12-31"}


def test_two_jobs_at_once_count_once() -> None:
    facts = some_facts(work=(a_job("2014-01", "2022-01"), a_job("2016-01", "2023-01"), a_job("2018-01", "2018-06")))

    assert assess(facts, list_version()).missing[0].values == {"have": 9, "need": 10, "until": "2024-12-31"}


def test_work_abroad_alone_counts_and_leaves_shanghai_to_be_shown() -> None:
    answer = assess(some_facts(work=(a_job("2010-01", in_shanghai=False),)), list_version())

    assert codes(answer.conditions) == ["certificate-verified", "works-in-shanghai", "local-experience"]
    assert answer.needs_officer


def test_a_title_that_is_held_already_is_not_opened_again() -> None:
    answer = assess(some_facts(titles=(Title("accounting", "associate_senior", 2018),)), list_version())

    assert (answer.status, codes(answer.missing)) == ("closed", ["title-held"])


def test_the_same_level_in_another_series_is_another_title() -> None:
    facts = some_facts(titles=(Title("economics", "associate_senior", 2018),))

    assert assess(facts, list_version()).status == "open-if"


def test_a_certificate_of_the_mainland_is_none_of_this_road() -> None:
    answer = assess(some_facts(certificates=(held("cicpa", "member"),)), list_version())

    assert (answer.status, codes(answer.missing)) == ("closed", ["domestic-certificate"])
    assert {id for id in certificates() if _country(id) == "CN"} == DOMESTIC


def test_staff_of_a_public_institution_hear_their_limit_where_the_row_is_not_known_to_us_too() -> None:
    unknown = {"certificates": (held("pmp", "holder"),), "employer": "public-institution"}

    no_title = assess(some_facts(**unknown), list_version())  # type: ignore[arg-type]
    assistant = assess(some_facts(**unknown, titles=(Title("economics", "assistant", 2018),)), list_version())  # type: ignore[arg-type]

    assert "current-title" in codes(no_title.conditions)
    assert item(assistant.notes, "one-level-above").values["level"] == "intermediate"


def test_a_public_institution_without_consent_closes_the_road_and_says_only_what_was_stated() -> None:
    facts = some_facts(
        employer="public-institution",
        free_post=True,
        superior_consent=False,
        titles=(Title("accounting", "intermediate", 2018),),
    )

    answer = assess(facts, list_version())

    assert codes(answer.missing) == ["superior-consent"]
    assert "As stated" in answer.missing[0].text.en


def test_somebody_at_the_lowest_level_in_a_public_institution_cannot_go_three_up() -> None:
    facts = some_facts(
        employer="public-institution",
        free_post=True,
        superior_consent=True,
        titles=(Title("accounting", "technician", 2018),),
    )

    assert assess(facts, list_version()).missing[0].values == {"current": "technician", "level": "associate_senior"}


def test_another_certificate_is_named_as_people_name_it() -> None:
    several = (held("cgma", "fellow"), held("acca", "member"), held("pmp", "holder"), held("unlisted", "unlisted"))

    others = [each.text for each in assess(some_facts(certificates=several), list_version()).notes]
    zh = " ".join(text.zh for text in others)

    assert "另一证书（ACCA会员证书）" in zh
    assert "另一证书（PMP）" in zh
    assert "另一证书（未能识别的证书）" in zh
    assert not any("unlisted" in text.zh + text.en for text in others)


def test_a_lapsed_fellow_certificate_does_not_hide_one_that_is_valid() -> None:
    several = (held("acca", "fellow", lapses="2023-01"), held("cgma", "fellow"))

    answer = assess(some_facts(certificates=several), list_version())

    assert answer.status == "open-if"
    assert "已于2023年1月失效" in item(answer.notes, "other-certificate").text.zh


def test_earlier_rounds_in_a_round_under_the_third_list_close_nothing() -> None:
    facts = some_facts(
        earlier_rounds=("sh-overseas-1",), round="demo-2026", round_year=2026, received_on=date(2026, 3, 1)
    )

    answer = assess(facts, list_version("3.0"))

    assert answer.status == "open-if"
    assert "earlier-rounds-not-known" in codes(answer.notes)


def _country(certificate: str) -> str:
    lines = CERTIFICATES_FILE.read_text("utf-8").split(f"\n{certificate}:\n", 1)
    body = lines[1] if len(lines) == 2 else lines[0]
    return next(line.split(": ", 1)[1] for line in body.splitlines() if line.startswith("  country: "))
