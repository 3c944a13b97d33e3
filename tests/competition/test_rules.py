"""What the rules answer, one situation each."""

from __future__ import annotations

import pytest

from services.competition.domain import Answer, Item, View, assess, own_rows
from tests.competition.facts import (
    SOMEBODY,
    a_claim,
    a_member,
    a_project,
    a_register,
    an_edition,
    some_facts,
)


def codes(items: tuple[Item, ...]) -> list[str]:
    return [item.code for item in items]


def values(items: tuple[Item, ...], code: str) -> dict[str, str | int]:
    return dict(next(item for item in items if item.code == code).values)


def test_a_place_in_the_final_opens_an_assessment_up_to_the_editions_highest_level():
    answer = assess(some_facts(), a_register(a_project()))

    assert answer.status == "open"
    assert answer.opens is not None
    assert (answer.opens.series, answer.opens.level, answer.opens.only) == ("engineering", "senior", False)
    assert answer.opens.title.zh == "正高级工程师"
    assert codes(answer.outstanding) == ["committee-assessment"]
    assert not answer.needs_officer


def test_a_level_skipped_is_shown_as_an_exception_with_both_ends():
    answer = assess(some_facts(), a_register(a_project()))

    assert values(answer.exceptions, "level-skip") == {"from": "none", "to": "senior", "allowed": "yes"}


@pytest.mark.parametrize(("level", "skips"), [("assistant", True), ("intermediate", True), ("associate_senior", False)])
def test_a_skip_is_more_than_one_level_above_the_current_title(level: str, skips: bool):
    answer = assess(some_facts(titles=(("engineering", level),)), a_register(a_project()))

    assert bool(answer.exceptions) is skips


def test_a_title_of_another_series_is_no_step_on_the_engineering_ladder():
    answer = assess(some_facts(titles=(("accounting", "associate_senior"),)), a_register(a_project()))

    assert values(answer.exceptions, "level-skip")["from"] == "none"
    assert answer.exceptions[0].text.zh.startswith("由无工程系列职称")


def test_where_no_source_says_that_levels_may_be_skipped_the_exception_says_so():
    answer = assess(some_facts(), a_register(a_project(), editions=(an_edition(skips=False),)))

    assert answer.status == "open"
    assert values(answer.exceptions, "level-skip")["allowed"] == "not-known"
    assert "No text seen says" in answer.exceptions[0].text.en


def test_the_highest_title_is_not_opened_again_to_somebody_who_holds_it():
    answer = assess(some_facts(titles=(("engineering", "senior"),)), a_register(a_project()))

    assert (answer.status, codes(answer.missing)) == ("closed", ["title-held"])


def test_a_role_that_nobody_has_confirmed_is_outstanding_and_holds_nothing_shut():
    answer = assess(some_facts(), a_register(a_project(a_member(confirmed=False))))

    assert answer.status == "open"
    assert values(answer.outstanding, "role-confirmation")["state"] == "unconfirmed"


def test_a_disputed_role_is_outstanding_even_if_somebody_confirmed_it():
    answer = assess(some_facts(), a_register(a_project(a_member(confirmed=True, disputed=True))))

    assert values(answer.outstanding, "role-confirmation")["state"] == "disputed"


def test_a_role_claimed_above_the_registered_one_is_outstanding_with_both():
    answer = assess(some_facts(a_claim(role="project-lead")), a_register(a_project(a_member(role="member"))))

    assert values(answer.outstanding, "role-confirmation") == {
        "claimed": "project-lead",
        "registered": "member",
        "state": "differs",
    }


def test_evidence_names_edition_project_stage_award_and_role():
    answer = assess(some_facts(), a_register(a_project()))

    assert values(answer.evidence, "register-entry") == {
        "edition": "sh-ymec-2024",
        "project": "P-1",
        "stage": "final",
        "track": "智能制造",
        "award": "优胜奖",
    }
    assert values(answer.evidence, "team-member")["role"] == "technical-lead"


def test_rows_that_describe_nobody_say_so_in_every_sentence_that_rests_on_them():
    answer = assess(some_facts(), a_register(a_project(synthetic=True)))

    assert all("合成" in item.text.zh and "synthetic" in item.text.en for item in answer.evidence)
    assert all(item.values["synthetic"] == "true" for item in answer.evidence)
    assert answer.clauses[-1].confidence == "synthetic"


def test_somebody_who_is_not_on_the_team_needs_an_officer_while_results_are_not_complete():
    answer = assess(some_facts(), a_register(a_project(a_member(SOMEBODY))))

    assert (answer.status, answer.needs_officer) == ("open-if", True)
    assert values(answer.conditions, "officer-confirms-entry")["why"] == "not-on-team"
    assert "team-member" not in codes(answer.evidence)


def test_somebody_who_is_not_on_the_team_of_complete_results_has_no_place_in_it():
    answer = assess(some_facts(), a_register(a_project(a_member(SOMEBODY)), results="complete"))

    assert (answer.status, codes(answer.missing)) == ("closed", ["not-on-team"])


@pytest.mark.parametrize("results", ["none", "partial"])
def test_a_project_that_is_not_known_to_us_is_never_the_applicants_fault(results: str):
    answer = assess(some_facts(), a_register(results=results))

    assert (answer.status, answer.needs_officer) == ("open-if", True)
    assert values(answer.conditions, "officer-confirms-entry")["why"] == "project-unknown"
    assert "role-confirmation" in codes(answer.outstanding)


def test_a_project_that_complete_results_do_not_hold_took_no_part():
    answer = assess(some_facts(), a_register(results="complete"))

    assert (answer.status, codes(answer.missing)) == ("closed", ["project-not-in-register"])


def test_an_edition_that_is_not_known_to_us_needs_an_officer_and_names_no_title():
    answer = assess(some_facts(a_claim("sh-ymec-2030")), a_register(a_project()))

    assert (answer.status, answer.needs_officer, answer.opens) == ("open-if", True, None)


@pytest.mark.parametrize("stage", ["entered", "preliminary"])
def test_a_project_before_the_final_waits_for_results(stage: str):
    answer = assess(some_facts(), a_register(a_project(stage=stage)))

    assert (answer.status, codes(answer.missing)) == ("not-known", ["result-outstanding"])


def test_a_project_that_ended_before_the_final_is_closed_once_results_are_complete():
    answer = assess(some_facts(), a_register(a_project(stage="preliminary"), results="complete"))

    assert (answer.status, codes(answer.missing)) == ("closed", ["not-in-final"])


def test_an_annulled_result_opens_nothing():
    answer = assess(some_facts(), a_register(a_project(disqualified=True)))

    assert (answer.status, codes(answer.missing)) == ("closed", ["disqualified"])


def test_without_an_entry_the_road_is_closed_and_says_so():
    facts = some_facts()
    answer = assess(type(facts)(facts.person), View())

    assert (answer.status, codes(answer.missing)) == ("closed", ["no-entry"])


def test_of_several_entries_the_best_answers_and_the_others_are_named():
    answer = assess(
        some_facts(a_claim(project="P-0"), a_claim(project="P-1"), a_claim(project="P-2")),
        a_register(
            a_project(id="P-0", stage="preliminary"), a_project(id="P-1"), a_project(id="P-2", disqualified=True)
        ),
    )

    assert answer.status == "open"
    others = [item.values for item in answer.notes if item.code == "other-entry"]
    assert [(other["project"], other["status"]) for other in others] == [("P-0", "not-known"), ("P-2", "closed")]


def test_of_two_open_entries_the_higher_level_wins():
    editions = (an_edition("a", levels=("intermediate",)), an_edition("b", levels=("senior",)))
    view = a_register(a_project(edition="a"), a_project(edition="b"), editions=editions)

    answer = assess(some_facts(a_claim("a"), a_claim("b")), view)

    assert answer.opens is not None
    assert answer.opens.level == "senior"


def every_answer() -> list[Answer]:
    return [
        assess(some_facts(), a_register(a_project())),
        assess(some_facts(), a_register(a_project(a_member(SOMEBODY)))),
        assess(some_facts(), a_register(a_project(stage="preliminary"))),
        assess(some_facts(), a_register(results="complete")),
        assess(type(some_facts())(("p1.me",)), View()),
    ]


def test_every_answer_says_that_a_result_never_grants_a_title():
    assert all("no-title-by-itself" in codes(answer.notes) for answer in every_answer())


def test_an_open_road_always_still_needs_a_committee():
    assert all(
        "committee-assessment" in codes(answer.outstanding)
        for answer in every_answer()
        if answer.status in ("open", "open-if")
    )


def test_what_is_kept_of_a_team_is_the_persons_own_place():
    view = a_register(a_project(a_member(SOMEBODY), a_member(("p1.me", "p1.passport"))))

    kept = own_rows(view, ("p1.me",))

    assert [member.person for member in kept.projects[0].team] == [("p1.me",)]
