"""Mutual recognition and exemptions beside the roads."""

from __future__ import annotations

from services.equivalence.domain.exemptions import exemptions_of
from services.equivalence.domain.values import Held, Title
from tests.equivalence.facts import held, some_facts, supplementary


def ids(*certificates: Held, titles: tuple[Title, ...] = ()) -> list[str]:
    return [each.id for each in exemptions_of(some_facts(certificates=certificates, titles=titles), supplementary())]


def test_an_hkicpa_member_sees_the_arrangement_with_the_mainland_examination() -> None:
    [found] = exemptions_of(some_facts(certificates=(held("hkicpa", "member"),)), supplementary())

    assert found.id == "ref-hkicpa-to-cicpa"
    assert not found.of_the_list
    assert (found.direction, found.mode, found.source, found.year) == (
        "overseas-to-domestic",
        "exam-exemption",
        "S97",
        2025,
    )


def test_no_entry_of_the_list_itself_is_known() -> None:
    assert not any(each.of_the_list for each in supplementary().arrangements)


def test_shapes_for_tests_are_not_served() -> None:
    served = {each.id for each in supplementary().served}

    assert not served & {"ref-cicpa-to-icaew", "ref-cma-to-acca", "ref-futures-bj"}
    assert "ref-cicpa-to-icaew" not in ids(held("cicpa", "member"))


def test_the_direction_abroad_is_there_too() -> None:
    assert "ref-cicpa-to-hkicpa" in ids(held("cicpa", "member"))


def test_the_grade_decides() -> None:
    assert "ref-cicpa-to-hkicpa" not in ids(held("cicpa", "full-pass"))


def test_the_examination_system_of_the_source_decides() -> None:
    before = ids(held("cicpa", "member", issued="2005-01"))
    since = ids(held("cicpa", "member", issued="2015-01"))

    assert "ref-cicpa-to-acca-new" not in before
    assert "ref-cicpa-to-acca-old" in before
    assert "ref-cicpa-to-acca-new" in since


def test_an_exemption_that_lives_by_its_source_lapses_with_it() -> None:
    assert ids(held("iap", "holder")) == ["ref-iap-to-cia"]
    assert ids(held("iap", "holder", lapses="2024-01")) == []


def test_a_title_may_be_the_source() -> None:
    senior = (Title("accounting", "associate_senior", 2020),)

    assert ids(titles=senior) == ["ref-title-to-cicpa", "ref-title-to-cma"]
    assert ids(titles=(Title("accounting", "assistant", 2020),)) == []


def test_what_remains_and_on_what_condition_is_said() -> None:
    [found] = exemptions_of(some_facts(certificates=(held("hkis", "member"),)), supplementary())

    assert "third-party recognition does not count" in found.effect.en
    assert "第三方互认" in found.effect.zh


def test_nobody_is_matched_by_a_group_in_words() -> None:
    assert ids(held("unlisted", "unlisted")) == []
