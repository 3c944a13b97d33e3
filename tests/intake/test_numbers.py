"""The number that people read out."""

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.numbers import case_number, read, valid

SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
numbers = st.builds(case_number, st.text(min_size=1), st.integers(2000, 2100))


@given(st.text(min_size=1), st.integers(2000, 2100))
def test_the_same_case_has_the_same_number(case_id: str, year: int) -> None:
    number = case_number(case_id, year)
    assert number == case_number(case_id, year)
    assert number.startswith(f"{year}-")
    assert len(number) == 21
    assert valid(number)


@given(numbers, st.data())
def test_a_wrong_sign_is_caught(number: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([at for at, sign in enumerate(number) if sign != "-"]))
    wrong = data.draw(st.sampled_from([sign for sign in SIGNS if sign != number[place]]))
    assert not valid(number[:place] + wrong + number[place + 1 :])


@given(numbers, st.integers(0, 15))
def test_a_swap_of_neighbours_is_caught(number: str, place: int) -> None:
    signs = number.replace("-", "")
    swapped = signs[:place] + signs[place + 1] + signs[place] + signs[place + 2 :]
    if swapped != signs:
        assert read(swapped) is None


@given(numbers)
def test_it_is_read_as_people_say_and_write_it(number: str) -> None:
    assert read(number.lower()) == number
    assert read(number.replace("-", " ")) == number
    mistaken = number.replace("0", "O").replace("1", "i").replace("5", "S").replace("2", "z").replace("U", "v")
    assert read(mistaken) == number
    assert not valid(number.replace("-", ""))


def test_what_is_no_number_is_none() -> None:
    for text in ("", "2024", "2024-AAAA-AAAA-AAAA", "𝟚024-AAAA-AAAA-AAAA-A"):
        assert read(text) is None
        assert not valid(text)
