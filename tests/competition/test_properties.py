"""What holds for every register and every person."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import canonical_json
from contracts.events import Because
from services.competition.assessments import make, recompute
from services.competition.domain import Answer, Facts, Title, View, assess, own_rows
from services.competition.domain.values import RANK
from services.competition.register import Version
from tests.competition.facts import a_claim, a_member, a_project, an_edition

people = st.lists(st.sampled_from(["p1.me", "p2.me", "p1.other", "p1.third"]), min_size=1, max_size=2, unique=True).map(
    tuple
)
roles = st.sampled_from(["technical-lead", "project-lead", "core-member", "member", "other"])
edition_ids = st.sampled_from(["e1", "e2", "e3"])
project_ids = st.sampled_from(["P-1", "P-2", "P-3"])
members = st.builds(
    lambda person, role, confirmed, disputed: a_member(person, role, confirmed=confirmed, disputed=disputed),
    people,
    roles,
    st.booleans(),
    st.booleans(),
)
projects = st.builds(
    lambda team, edition, id, stage, disqualified, synthetic: a_project(
        *team, edition=edition, id=id, stage=stage, disqualified=disqualified, synthetic=synthetic
    ),
    st.lists(members, min_size=1, max_size=3),
    st.sampled_from(["e1", "e2"]),
    project_ids,
    st.sampled_from(["entered", "preliminary", "final"]),
    st.booleans(),
    st.booleans(),
)
editions = st.builds(
    lambda results, levels: an_edition("e1", results=results, levels=tuple(levels)),
    st.sampled_from(["none", "partial", "complete"]),
    st.lists(st.sampled_from(["intermediate", "associate_senior", "senior"]), min_size=1, unique=True),
)
registers = st.builds(
    lambda one, two, rows: View((one, replace(two, id="e2")), tuple(rows)),
    editions,
    editions,
    st.lists(projects, max_size=5, unique_by=lambda row: (row.edition, row.id)),
)
claims = st.lists(st.builds(a_claim, edition_ids, project_ids, roles), max_size=5)
titles = st.lists(
    st.builds(Title, st.sampled_from(["engineering", "accounting"]), st.sampled_from(["assistant", "senior", "other"])),
    max_size=3,
)
facts = st.builds(lambda person, claims, titles: Facts(person, tuple(claims), tuple(titles)), people, claims, titles)


def finals_of(person: tuple[str, ...], view: View) -> set[tuple[str, str]]:
    return {
        (row.edition, row.id)
        for row in view.projects
        if row.stage == "final" and not row.disqualified and row.member(person) is not None
    }


@given(facts, registers)
def test_the_road_is_open_only_to_a_team_member_of_a_project_in_the_final(facts: Facts, view: View):
    """And to whom the edition has something left to open."""
    answer = assess(facts, view)

    held = max((RANK.get(title.level, 0) for title in facts.titles if title.series == "engineering"), default=0)
    higher = {edition.id for edition in view.editions if RANK[edition.highest.level] > held}
    claimed = {(claim.edition, claim.project) for claim in facts.claims if claim.edition in higher}
    assert (answer.status == "open") == bool(claimed & finals_of(facts.person, view))


@given(facts, registers)
def test_no_answer_grants_a_title(facts: Facts, view: View):
    answer = assess(facts, view)

    assert answer.status in ("open", "open-if", "not-known", "closed")
    assert any(note.code == "no-title-by-itself" for note in answer.notes)
    assert answer.opens is None or not answer.opens.only
    if answer.status in ("open", "open-if"):
        assert any(item.code == "committee-assessment" for item in answer.outstanding)


@given(facts, registers)
def test_a_closed_or_unknown_road_says_why_and_a_conditional_one_names_its_condition(facts: Facts, view: View):
    answer: Answer = assess(facts, view)

    assert bool(answer.missing) == (answer.status in ("closed", "not-known"))
    assert bool(answer.conditions) == answer.needs_officer == (answer.status == "open-if")


@given(facts, registers, st.randoms())
def test_the_order_of_entries_titles_and_rows_is_irrelevant(facts: Facts, view: View, dice: random.Random):
    def shuffled(values: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(dice.sample(values, len(values)))

    other_facts = Facts(shuffled(facts.person), shuffled(facts.claims), shuffled(facts.titles))  # type: ignore[arg-type]
    other_view = View(shuffled(view.editions), shuffled(view.projects))  # type: ignore[arg-type]

    assert assess(other_facts, other_view) == assess(facts, view)


@given(facts, registers)
def test_the_other_people_of_a_team_change_nothing_for_this_one(facts: Facts, view: View):
    assert assess(facts, own_rows(view, facts.person)) == assess(facts, view)


@given(facts, registers)
def test_a_kept_assessment_gives_its_result_again_byte_for_byte(facts: Facts, view: View):
    kept = make(
        "c_" + "a" * 26,
        revision=1,
        number=1,
        because=Because.FILED,
        facts=facts,
        version=Version(1, "sha256:" + "0" * 64),
        view=view,
    )

    assert canonical_json(recompute(kept)) == canonical_json(kept["result"])
