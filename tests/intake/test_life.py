"""What may be done with a case in which state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.life import State, Verb, determined_as, leads_to, may


@pytest.mark.parametrize("state", [State.WAITING, State.DETERMINED, State.OFFICER, State.DUPLICATE])
def test_a_living_case_may_be_amended_until_a_human_has_taken_it(state: State) -> None:
    assert may(Verb.AMEND, state)
    assert not may(Verb.AMEND, state, taken=True)
    assert may(Verb.WITHDRAW, state, taken=True)


def test_nothing_but_erasure_follows_a_withdrawal() -> None:
    assert [verb for verb in Verb if may(verb, State.WITHDRAWN)] == [Verb.ERASE]


def test_nothing_follows_an_erasure() -> None:
    assert not any(may(verb, State.ERASED) for verb in Verb)


def test_a_held_case_is_not_determined_before_it_is_released() -> None:
    assert not may(Verb.DETERMINE, State.DUPLICATE)
    assert leads_to(Verb.RELEASE, State.DUPLICATE) == {State.WAITING}


def test_a_case_that_does_not_exist_can_only_be_submitted() -> None:
    assert [verb for verb in Verb if may(verb, None)] == [Verb.SUBMIT]
    assert not any(may(Verb.SUBMIT, state) for state in State)


def test_a_determination_makes_the_state() -> None:
    assert determined_as(True) is State.OFFICER
    assert determined_as(False) is State.DETERMINED


def test_a_stored_status_is_read_as_its_state() -> None:
    assert may(Verb.AMEND, "waiting")
    with pytest.raises(ValueError, match="asleep"):
        may(Verb.AMEND, "asleep")


@given(st.lists(st.tuples(st.sampled_from(list(Verb)), st.integers(0, 1))))
def test_once_ended_a_case_never_lives_again(steps: list[tuple[Verb, int]]) -> None:
    state: State | None = None
    ended = False
    for verb, choice in steps:
        possible = sorted(leads_to(verb, state))
        if possible:
            state = possible[choice % len(possible)]
        assert not ended or state in (State.WITHDRAWN, State.ERASED)
        ended = ended or state in (State.WITHDRAWN, State.ERASED)
