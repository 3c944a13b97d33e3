"""What holds for whatever is filed."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.certificates import certificates
from services.equivalence.domain.assess import assess
from services.equivalence.domain.listing import Listing, listing_of
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import CLOSED, LEVELS, Education, Facts, Held, Target, Title, Work
from tests.equivalence.facts import every_item, list_version, list_with_engineering_row, some_facts

DEGREES = ("secondary-vocational", "college", "bachelor", "second-bachelor", "master", "doctorate", "other")
FIELDS = ("science", "engineering", "accounting", "arts", "other")
EMPLOYERS = ("company", "social-organisation", "individual-business", "public-institution", "other")
MONTHS = st.integers(min_value=1980 * 12, max_value=2030 * 12)
# Why a road may be closed although the row is not known: none of it depends on the row.
NOT_OF_THE_ROW = {
    *("certificate-lapsed", "certificate-not-issued", "domestic-certificate", "earlier-round"),
    *("free-post", "superior-consent"),
}

holdings = st.sampled_from(
    [(id, grade) for id, each in certificates().items() for grade in each.grades] + [("unlisted", "unlisted")]
)
lists = st.sampled_from([list_version("1.0"), list_version("2.0"), list_version("3.0"), list_with_engineering_row()])


@st.composite
def held_certificates(draw: st.DrawFn) -> Held:
    certificate, grade = draw(holdings)
    return Held(certificate, grade, draw(MONTHS), draw(st.none() | MONTHS))


@st.composite
def jobs(draw: st.DrawFn) -> Work:
    start = draw(MONTHS)
    end = draw(st.none() | st.integers(min_value=start + 1, max_value=start + 300))
    return Work(start, end, draw(st.booleans()), draw(st.booleans()))


@st.composite
def anybody(draw: st.DrawFn) -> Facts:
    return some_facts(
        education=tuple(
            draw(
                st.lists(
                    st.builds(Education, st.sampled_from(DEGREES), st.sampled_from(FIELDS), st.integers(1980, 2026)),
                    max_size=3,
                )
            )
        ),
        work=tuple(draw(st.lists(jobs(), max_size=5))),
        titles=tuple(
            draw(
                st.lists(
                    st.builds(
                        Title,
                        st.sampled_from(["engineering", "accounting"]),
                        st.sampled_from((*LEVELS, "other")),
                        st.integers(1980, 2026),
                    ),
                    max_size=2,
                )
            )
        ),
        certificates=tuple(draw(st.lists(held_certificates(), max_size=4))),
        employer=draw(st.sampled_from(EMPLOYERS)),
        free_post=draw(st.sampled_from([None, True, False])),
        superior_consent=draw(st.sampled_from([None, True, False])),
        earlier_rounds=tuple(draw(st.sets(st.sampled_from(["sh-overseas-1", "sh-overseas-2", "demo-2024"])))),
        target=draw(
            st.none()
            | st.builds(Target, st.sampled_from(["engineering", "accounting"]), st.sampled_from((*LEVELS, "other")))
        ),
        round=draw(st.sampled_from(["demo-2024", "sh-overseas-3"])),
        round_year=draw(st.integers(2023, 2027)),
        received_on=draw(st.dates(date(2023, 1, 1), date(2027, 12, 31))),
    )


@given(anybody(), lists)
def test_no_road_is_open_without_a_verified_certificate(facts: Facts, policy: ListVersion) -> None:
    answer = assess(facts, policy)

    assert answer.status in ("open-if", "closed")
    if answer.status == "open-if":
        assert "certificate-verified" in [each.code for each in answer.conditions]
        assert not answer.missing
    else:
        assert answer.missing
        assert answer.opens is None
        assert not answer.needs_officer


@given(anybody(), lists)
def test_what_is_not_known_to_us_is_never_a_reason_to_close(facts: Facts, policy: ListVersion) -> None:
    unknown = tuple(
        each
        for each in facts.certificates
        if listing_of(policy, each.certificate, each.grade, "C") is Listing.NOT_KNOWN
    )
    for certificate in unknown:
        answer = assess(some_facts_like(facts, certificate), policy)
        if answer.status == CLOSED:
            assert {each.code for each in answer.missing} <= NOT_OF_THE_ROW
        else:
            assert answer.needs_officer


def some_facts_like(facts: Facts, certificate: Held) -> Facts:
    return some_facts(
        education=facts.education,
        work=facts.work,
        titles=facts.titles,
        certificates=(certificate,),
        employer=facts.employer.kind,
        free_post=facts.employer.free_post,
        superior_consent=facts.employer.superior_consent,
        earlier_rounds=facts.earlier_rounds,
        target=facts.target,
        round=facts.round,
        round_year=facts.round_year,
        received_on=facts.received_on,
    )


@given(anybody(), lists)
def test_the_same_facts_give_the_same_answer(facts: Facts, policy: ListVersion) -> None:
    assert assess(facts, policy) == assess(facts, policy)


@given(anybody(), lists)
def test_everything_is_said_in_both_languages_and_nothing_is_refused(facts: Facts, policy: ListVersion) -> None:
    for each in every_item(assess(facts, policy)):
        assert each.text.zh
        assert each.text.en
        assert "refus" not in each.text.en.lower()
        assert "拒" not in each.text.zh


@given(anybody(), lists)
@settings(max_examples=50)
def test_every_clause_that_is_named_stands_in_the_list_version(facts: Facts, policy: ListVersion) -> None:
    rows = {each.id for each in policy.rows} | {f"{each.id}-title" for each in policy.rows}

    for clause in assess(facts, policy).clauses:
        assert clause.id in policy.rules or clause.id in rows


def test_the_overseas_ladder_is_the_running_sum_of_the_domestic_steps() -> None:
    """Steps of the ordinary engineering ladder: years from the level before, per degree."""
    steps = {"bachelor": (1, 4, 5), "master": (0, 2, 5), "doctorate": (None, 0, 2)}

    for version in ("1.0", "2.0", "3.0"):
        ladder = list_version(version).ladder
        assert ladder is not None
        for degree, years in steps.items():
            total = 0
            for level, step in zip(("assistant", "intermediate", "associate_senior"), years, strict=True):
                if step is None:
                    continue
                total += step
                own = [each.years for each in ladder.levels[level] if each.degree == degree]
                assert own == [total], (version, degree, level)
                assert ladder.years_needed(level, ladder.ranks[degree]) == total
