"""The life of a case: its states, what may be done in each, and where that leads.

submit -> waiting <-> determined or officer; duplicate: held beside an earlier one, until it is released.
Every living state -> withdrawn; every state -> erased.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    WAITING = "waiting"  # for assessments
    DETERMINED = "determined"
    OFFICER = "officer"  # determined, and no road is open without a person
    DUPLICATE = "duplicate"  # held: another application of the person exists in this round and road
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Verb(StrEnum):
    SUBMIT = "submit"
    AMEND = "amend"
    RELEASE = "release"  # a held case whose rival has ended
    ASK_AGAIN = "ask-again"
    DETERMINE = "determine"
    WITHDRAW = "withdraw"
    ERASE = "erase"


_LIVING = (State.WAITING, State.DETERMINED, State.OFFICER)
_ANSWERED = frozenset({State.DETERMINED, State.OFFICER})
# An amendment may lead into a round or road where another case of the person stands, or out of it.
_TAKEN_IN = frozenset({State.WAITING, State.DUPLICATE})

_MOVES: dict[Verb, dict[State | None, frozenset[State]]] = {
    Verb.SUBMIT: {None: _TAKEN_IN},
    Verb.AMEND: {state: _TAKEN_IN for state in (*_LIVING, State.DUPLICATE)},
    Verb.RELEASE: {State.DUPLICATE: frozenset({State.WAITING})},
    Verb.ASK_AGAIN: {State.WAITING: frozenset({State.WAITING})},
    Verb.DETERMINE: {state: _ANSWERED for state in _LIVING},
    Verb.WITHDRAW: {state: frozenset({State.WITHDRAWN}) for state in (*_LIVING, State.DUPLICATE)},
    Verb.ERASE: {state: frozenset({State.ERASED}) for state in State if state is not State.ERASED},
}


def may(verb: Verb, state: str | None, *, taken: bool = False) -> bool:
    """Whether the verb is possible in this state (None: before the case exists). `taken`: a human has the case."""
    return bool(leads_to(verb, state, taken=taken))


def leads_to(verb: Verb, state: str | None, *, taken: bool = False) -> frozenset[State]:
    """The states that the verb may lead to; none when it is not possible. ValueError for a word that is no state.

    What a human has taken is not amended under their hands; it can still be withdrawn and erased.
    """
    if verb is Verb.AMEND and taken:
        return frozenset()
    return _MOVES[verb].get(None if state is None else State(state), frozenset())


def determined_as(waits_for_officer: bool) -> State:
    """The state of a case with a determination."""
    return State.OFFICER if waits_for_officer else State.DETERMINED
