"""The line of cases whose messages this process sends."""

import time

from chassis.store import Document
from services.notify.domain import Message, State, Step
from services.notify.use_cases.in_hand import Claim, InHand
from tests.notify.builders import START


def a_line(*, most: int = 2, more: int = 1) -> InHand:
    return InHand(most=most, more=more, begin_seconds=30.0)


def m(id: str, attempts: int = 1) -> Message:
    return Message(id, Step.RECEIVED, None, "email", "applicant", 1, {}, START, START, "", State.SENDING, attempts)


def case(id: str, version: int = 1) -> Document:
    return Document(id, version, {})


def test_a_promise_holds_once_it_is_saved_and_no_longer_than_that():
    line = a_line()
    assert line.take("one", m("m1"), over=0)
    assert line.take("two", m("m2"), over=0)

    line.saved([case("one"), case("three")])  # the write of the second did not happen

    hand = line.next()
    assert hand is not None
    assert (hand.document.id, list(hand.claims)) == ("one", ["m1"])
    assert hand.claims["m1"].begin_by > time.monotonic()
    assert line.next() is None
    assert len(line) == 1
    line.saved([case("two")])
    assert line.next() is None


def test_no_more_are_in_hand_than_allowed_and_what_is_due_has_places_beyond_them():
    line = a_line(most=2, more=1)
    assert [line.take(name, m("m"), over=0) for name in ("one", "two", "three")] == [True, True, False]
    line.saved([case("one"), case("two")])
    assert not line.take("three", m("m"), over=0)

    assert [hand.document.id for hand in line.find([case("one"), case("three"), case("four")])] == ["three"]
    assert (len(line), line.in_line, line.room) == (3, 2, 0)

    hand = line.next()
    assert hand is not None
    line.leave(hand)
    assert not line.take("five", m("m"), over=0)
    line.leave(line.next())  # type: ignore[arg-type]
    assert line.take("five", m("m"), over=0)


def test_a_case_in_hand_always_takes_its_next_message_and_goes_on_from_its_newest_document():
    line = a_line(most=1)
    line.take("one", m("m1"), over=0)
    line.saved([case("one")])
    hand = line.next()
    assert hand is not None

    assert line.take("one", m("m2"), over=3)
    line.saved([case("one", 4)])
    line.saved([case("one", 3)])

    assert (hand.document.version, list(hand.claims)) == (4, ["m1", "m2"])
    assert line.next() is None


def test_a_closed_line_gives_out_what_was_not_begun_and_takes_nothing():
    line = a_line(most=4)
    for name in ("one", "two"):
        line.take(name, m("m"), over=0)
    line.saved([case("one"), case("two")])
    line.next()

    assert [hand.document.id for hand in line.close()] == ["two"]
    assert not line.take("three", m("m"), over=0)
    assert (line.find([case("four")]), line.room) == ([], 0)
    assert line.next() is None


def test_a_case_goes_back_into_the_line_only_with_something_that_is_claimed():
    line = a_line()
    [due, lost] = line.find([case("one"), case("two")])
    assert line.in_line == 0  # not claimed yet

    due.claims["m"] = Claim(2, time.monotonic() + 30)
    for hand in (due, lost):
        line.go_on(hand)

    assert line.next() is due
    assert line.next() is None
    assert len(line) == 1
