"""Canonical identity numbers: the dossier's vectors, and what the checks promise for every number."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import identity
from contracts.identity import IdentityError, canonical, credit_code
from tests.builders import (
    make_credit_code,
    make_foreign_permanent_residence,
    make_hmt_residence_permit,
    make_resident_id,
)

days = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))
resident_ids = st.builds(
    make_resident_id, region=st.from_regex(r"\A[1-8][0-9]{5}\Z"), born=days, sequence=st.integers(0, 999)
)
hmt_permits = st.builds(
    make_hmt_residence_permit,
    region=st.sampled_from(["810000", "820000", "830000"]),
    born=days,
    sequence=st.integers(0, 999),
)
residence_cards = st.builds(
    make_foreign_permanent_residence,
    province=st.from_regex(r"\A[0-9]{2}\Z"),
    nationality=st.from_regex(r"\A[0-9]{3}\Z"),
    born=days,
    sequence=st.integers(0, 999),
)
credit_signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
credit_codes = st.builds(make_credit_code, organisation=st.text(credit_signs, min_size=9, max_size=9))
documents = st.one_of(
    st.tuples(st.just("resident-id"), resident_ids),
    st.tuples(st.just("hmt-residence-permit"), hmt_permits),
    st.tuples(st.just("foreign-permanent-residence"), residence_cards),
    st.tuples(st.just("foreign-permanent-residence"), st.from_regex(r"\A[A-Z]{3}[0-9]{12}\Z")),
    st.tuples(st.just("hk-macao-travel-permit"), st.from_regex(r"\A(?:[HM][0-9]{8}(?:[0-9]{2})?|[HM]A[0-9]{7})\Z")),
    st.tuples(st.just("taiwan-travel-permit"), st.from_regex(r"\A(?:[0-9]{8}|[0-9]{10})\Z")),
    st.tuples(st.just("passport"), st.from_regex(r"\A[A-Z0-9]{1,9}\Z")),
)


def rule_of(type: str, number: str, **more: str) -> str:
    with pytest.raises(IdentityError) as error:
        canonical(type, number, **more)
    assert str(error.value) == error.value.rule  # and never the number
    return error.value.rule


@pytest.mark.parametrize(
    ("type", "number", "expected"),
    [
        ("resident-id", "440308199901101512", "440308199901101512"),
        ("resident-id", "31010119900307006X", "31010119900307006X"),
        ("resident-id", "31010119900307006x", "31010119900307006X"),
        ("resident-id", "３１０１０１１９９００３０７００６ｘ", "31010119900307006X"),
        ("resident-id", "310101-19900307-006Ｘ", "31010119900307006X"),
        ("resident-id", " 310101 1990 0307　006X ", "31010119900307006X"),
        ("hmt-residence-permit", "81000019980902013X", "81000019980902013X"),
        ("foreign-permanent-residence", "911124198108030024", "911124198108030024"),
        ("foreign-permanent-residence", "can110070121501", "CAN110070121501"),
        ("hk-macao-travel-permit", "h12345678", "H12345678"),
        ("hk-macao-travel-permit", "H1234567802", "H12345678"),
        ("hk-macao-travel-permit", "MA1234567", "MA1234567"),
        ("taiwan-travel-permit", "12345678", "12345678"),
        ("taiwan-travel-permit", "1234567801", "1234567801"),
        ("passport", "l898902c3", "L898902C3"),
    ],
)
def test_a_number_has_one_spelling(type: str, number: str, expected: str) -> None:
    assert canonical(type, number) == expected


@pytest.mark.parametrize(
    ("type", "number", "rule"),
    [
        ("hmt-residence-permit", "810000199809020130", "checksum"),
        ("hmt-residence-permit", "440308199901101512", "format"),
        ("resident-id", "440308199901101513", "checksum"),
        ("resident-id", "44030819990110151", "format"),
        ("resident-id", "4403081999011015X2", "format"),
        ("resident-id", "٤٤٠٣٠٨١٩٩٩٠١١٠١٥١٢", "format"),
        ("resident-id", "", "format"),
        ("foreign-permanent-residence", "440308199901101512", "format"),
        ("foreign-permanent-residence", "911124198108030025", "checksum"),
        ("foreign-permanent-residence", "CAN11007012150", "format"),
        ("hk-macao-travel-permit", "H123456780", "format"),
        ("hk-macao-travel-permit", "K12345678", "format"),
        ("taiwan-travel-permit", "123456789", "format"),
        ("passport", "L898902C36", "format"),
        ("passport", "ß1234", "format"),
        ("passport", "", "format"),
        ("library-card", "12345678", "type"),
    ],
)
def test_a_number_that_is_none_is_named_by_the_rule_it_breaks(type: str, number: str, rule: str) -> None:
    assert rule_of(type, number) == rule


@pytest.mark.parametrize("day", ["19990230", "19991301", "19990100", "00000101", "20230229"])
def test_a_birth_date_must_exist(day: str) -> None:
    body = f"310101{day}006"
    assert rule_of("resident-id", body + identity.mod_11_2(body)) == "birth-date"


def test_a_birth_date_on_a_leap_day_exists() -> None:
    number = make_resident_id(born=date(2000, 2, 29))
    assert canonical("resident-id", number) == number


@given(resident_ids)
def test_a_region_code_is_never_a_reason(number: str) -> None:
    assert canonical("resident-id", number) == number


def test_a_passport_may_be_checked_by_the_digit_of_its_machine_readable_zone() -> None:
    assert canonical("passport", "L898902C3", mrz_check="6") == "L898902C3"
    assert canonical("passport", "L898902C3", mrz_check="６") == "L898902C3"
    assert rule_of("passport", "L898902C3", mrz_check="7") == "checksum"
    assert rule_of("passport", "L898902C3", mrz_check="66") == "format"
    assert rule_of("taiwan-travel-permit", "12345678", mrz_check="6") == "type"


@given(documents)
def test_a_valid_number_passes_and_its_canonical_form_is_its_own(document: tuple[str, str]) -> None:
    type, number = document
    once = canonical(type, number)
    assert canonical(type, once) == once


@given(documents)
def test_case_width_and_separators_change_nothing(document: tuple[str, str]) -> None:
    type, number = document
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in number)
    assert canonical(type, number.lower()) == canonical(type, number)
    assert canonical(type, wide) == canonical(type, number)
    assert canonical(type, wide.lower()) == canonical(type, number)
    assert canonical(type, " - ".join(number)) == canonical(type, number)


@given(st.one_of(resident_ids, hmt_permits, residence_cards), st.data())
def test_any_single_digit_error_is_caught(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    assert rule_of("resident-id", number[:place] + wrong + number[place + 1 :]) == "checksum"


@given(st.one_of(resident_ids, hmt_permits, residence_cards), st.integers(0, 16))
def test_any_swap_of_neighbours_is_caught(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        assert rule_of("resident-id", swapped) in ("checksum", "format")


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91310115MA10000290", "91350100m000100y43"])
def test_a_credit_code_with_its_check_sign_passes(code: str) -> None:
    assert credit_code(code) == code.upper()


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("91350100M000100Y44", "checksum"),
        ("91350100M000100Y4", "format"),
        ("91350100M000100O43", "format"),
        ("", "format"),
    ],
)
def test_a_credit_code_that_is_none_is_named_by_the_rule_it_breaks(code: str, rule: str) -> None:
    with pytest.raises(IdentityError) as error:
        credit_code(code)
    assert error.value.rule == rule


def test_the_spelling_of_a_credit_code_is_there_without_its_check() -> None:
    assert identity.credit_code_format("91350100m000100y44") == "91350100M000100Y44"


@given(credit_codes)
def test_made_credit_codes_pass(code: str) -> None:
    assert credit_code(code) == code


@given(credit_codes, st.data())
def test_single_errors_and_swaps_in_a_credit_code_are_caught(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from([sign for sign in credit_signs if sign != code[place]]))
    swap_at = data.draw(st.integers(0, 16))
    swapped = code[:swap_at] + code[swap_at + 1] + code[swap_at] + code[swap_at + 2 :]
    for broken in {code[:place] + wrong + code[place + 1 :], swapped} - {code}:
        with pytest.raises(IdentityError) as error:
            credit_code(broken)
        assert error.value.rule == "checksum"
