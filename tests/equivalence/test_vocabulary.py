"""Free text becomes an id of the vocabulary, or is not recognised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.certificates import UNLISTED, _recognise, certificates, fold, recognise


@pytest.mark.parametrize(
    ("body", "name", "grade", "expected"),
    [
        ("ACCA", "ACCA", "member", ("acca", "member")),
        ("Association of Chartered Certified Accountants", "ACCA", "FCCA", ("acca", "fellow")),
        ("特许公认会计师公会", "特许公认会计师（ACCA）", "资深会员", ("acca", "fellow")),
        ("AICPA & CIMA", "CGMA", "holder", ("cgma", "fellow")),
        ("Aicpa and Cima", "Chartered Global Management Accountant", "持证人", ("cgma", "fellow")),
        ("CIMA", "CGMA", "准持证人", ("cgma", "candidate")),
        ("CIMA", "ＣＧＭＡ®", "Candidate.", ("cgma", "candidate")),
        ("CIMA", "CGMA™", "fellow", ("cgma", "fellow")),
        ("The IET", "FIET", "Fellow", ("iet", "fellow")),
        ("Royal Aeronautical Society", "FRAeS", "fellow", ("raes", "fellow")),
        ("ACM", "ACM Fellow", "fellow", ("acm", "fellow")),
        ("PMI", "PMP", "PMP", ("pmp", "holder")),
        ("HKICPA", "CPA", "member", ("hkicpa", "member")),
        ("中国注册会计师协会", "CPA", "会员", ("cicpa", "member")),
        ("ICAEW", "ACA", "ACA", ("icaew", "member")),
    ],
)
def test_certificates_are_recognised_as_people_write_them(
    body: str, name: str, grade: str, expected: tuple[str, str]
) -> None:
    assert recognise(body, name, grade) == expected


def test_the_name_fcca_makes_a_fellow_whatever_the_grade_is_called() -> None:
    assert recognise("ACCA", "FCCA", "certificate holder of some kind") == ("acca", "fellow")


def test_a_grade_that_contradicts_the_name_is_left_to_a_person() -> None:
    assert recognise("ACCA", "FCCA", "affiliate") == ("acca", UNLISTED)


def test_a_grade_that_is_not_known_leaves_the_certificate_recognised() -> None:
    assert recognise("ACCA", "ACCA", "platinum") == ("acca", UNLISTED)


def test_the_same_name_of_another_body_is_another_certificate() -> None:
    assert recognise("Institute of Certified Management Accountants", "CMA", "holder") == (UNLISTED, UNLISTED)


def test_a_name_with_more_in_it_than_the_vocabulary_knows_is_not_recognised() -> None:
    assert recognise("ACCA", "ACCA Diploma in IFRS", "member") == (UNLISTED, UNLISTED)


@pytest.mark.parametrize(
    ("body", "name", "grade"),
    [
        ("ACCA", "ACCA", "member no. 1234567, Wang Xiaoming"),
        ("ACCA", "ACCA 证书编号 1234567", "member"),
        ("王小明的公司", "ACCA", "member"),
    ],
)
def test_words_that_can_be_about_a_person_are_not_kept_in_memory(body: str, name: str, grade: str) -> None:
    """INVARIANT: an erasure leaves nothing behind. Words of the vocabulary say nothing about anybody."""
    _recognise.cache_clear()

    recognise(body, name, grade)
    assert _recognise.cache_info().currsize == 0

    for _ in range(2):
        assert recognise("ACCA", "ACCA", "member") == ("acca", "member")
    assert (_recognise.cache_info().currsize, _recognise.cache_info().hits) == (1, 1)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_written_only_ids_of_the_vocabulary_come_out(body: str, name: str, grade: str) -> None:
    certificate, its_grade = recognise(body, name, grade)

    assert certificate == UNLISTED or certificate in certificates()
    assert its_grade == UNLISTED or its_grade in certificates()[certificate].grades


@given(st.sampled_from(sorted(certificates())), st.randoms(use_true_random=False))
def test_case_width_and_punctuation_change_nothing(id: str, random: object) -> None:
    certificate = certificates()[id]
    for grade in certificate.grades.values():
        for alias in grade.aliases:
            body, name = sorted(certificate.bodies)[0], sorted(certificate.names)[0]
            spelled = recognise(body.upper(), f"  {name.upper()} ", f"({alias.upper()})")
            assert spelled == recognise(body, name, alias)
            assert spelled[0] != UNLISTED


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_every_grade_can_be_named_by_each_of_its_aliases() -> None:
    for id, certificate in certificates().items():
        for grade in certificate.grades.values():
            for alias in grade.aliases:
                for name in certificate.names:
                    found = {recognise(body, name, alias) for body in certificate.bodies}
                    assert found == {(id, grade.id)}, (id, name, alias)
