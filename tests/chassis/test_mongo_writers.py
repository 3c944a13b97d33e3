"""What a process knows of writers and their marks: a mark never passes what is not known to be sent."""

from __future__ import annotations

from typing import Any

from chassis.bus import Record
from chassis.mongo_writers import HELD_BACK, Number, Writers
from chassis.store import Numbered, Pending

A, B = ("things", "a"), ("things", "b")


def writers() -> Writers:
    return Writers(registered=True)


def entry(number: Number, place: tuple[str, str] = A, sequence: int = 1) -> Pending:
    return Pending(*place, sequence, Record("t", place[1], (), b""), *number)


def written(known: Writers, count: int = 1, place: tuple[str, str] = A) -> list[Number]:
    numbers = known.take(count)
    known.written(place, numbers)
    return numbers


def other(name: str = "other", sent: int = 0, **more: Any) -> dict[str, Any]:
    return {"_id": name, "sent": sent, "at": 1, **more}


def test_a_mark_stays_below_the_lowest_number_under_way() -> None:
    """INVARIANT: a mark never passes what may still land."""
    known = writers()
    under_way = known.take(1)
    [second] = written(known)
    known.note([entry(second)])
    assert (known.low(), known.plan().marks) == (0, {})

    known.void(under_way)

    assert known.plan().marks == {known.name: 2}


def test_a_mark_stays_below_the_lowest_number_that_is_not_acknowledged() -> None:
    known = writers()
    first, second, third = written(known, 3)
    known.note([entry(first), entry(third)])

    assert known.plan().marks == {known.name: 1}
    assert known.unsent_documents() == 1
    known.note([entry(second)])
    assert known.plan().marks == {known.name: 3}
    assert known.unsent_documents() == 0


def test_what_is_durable_is_not_planned_again() -> None:
    known = writers()
    known.note([entry(number) for number in written(known, 2)])
    plan = known.plan()
    known.done(plan)

    assert not known.plan().marks
    assert known.not_durable() == 0


def test_an_unknown_outcome_ends_the_name_and_its_mark_moves_no_more() -> None:
    known = writers()
    old = known.name
    [first] = written(known)
    known.note([entry(first)])
    known.take(1)  # no answer comes
    [third] = written(known, place=B)
    known.retire()
    known.note([entry(third, B)])

    plan = known.plan()

    assert known.name != old
    assert plan.marks == {old: 1}
    assert plan.removals == {B: [third]}, "what is above its mark leaves its document by itself"
    assert known.above(idle=3.0)[old] == 1, "and the rest is looked for"
    known.done(plan)
    assert not known.plan().marks
    assert not known.plan().removals


def test_one_event_that_is_never_acknowledged_does_not_hold_back_the_others_for_ever() -> None:
    known = writers()
    old = known.name
    written(known)
    known.note([entry(number, B) for number in written(known, HELD_BACK + 1, B)])

    plan = known.plan()

    assert known.name != old
    assert len(plan.removals[B]) == HELD_BACK + 1


def test_a_removed_document_has_nothing_to_send() -> None:
    known = writers()
    written(known, 2)
    known.removed(A)

    assert known.low() == 2
    assert known.unsent_documents() == 0


def test_what_may_be_dropped_is_the_head_that_is_known_to_be_sent() -> None:
    """INVARIANT: only what is sent leaves an outbox."""
    known = writers()
    known.learn([other(sent=4)])
    outbox = [Numbered(1, "other", 3), Numbered(2, "other", 4), Numbered(3, "stranger", 1), Numbered(4, "other", 2)]

    assert known.leading_sent(outbox) == 2
    assert known.leading_sent(outbox[:2]) == 2


def test_an_earlier_event_is_unheard_unless_it_is_sent_or_on_its_way_here() -> None:
    known = writers()
    [number] = written(known)
    mine, theirs = Numbered(1, *number), Numbered(1, "other", 5)
    assert known.unheard([mine])
    known.told.add(number)
    assert not known.unheard([mine])
    known.note([entry(number)])
    assert not known.unheard([mine])

    assert known.unheard([theirs])
    known.learn([other(sent=5)])
    assert not known.unheard([theirs])


def test_a_writer_is_left_alone_while_it_says_something() -> None:
    known = writers()
    known.learn([other()])

    assert "other" not in known.above(idle=60.0)
    assert known.above(idle=0.0)["other"] == 0
    known.learn([other(left=True)])
    assert known.above(idle=60.0)["other"] == 0


def test_a_mark_that_was_read_late_moves_nothing_back() -> None:
    known = writers()
    known.learn([other(sent=5)])
    known.learn([other(sent=3, left=True)])

    assert known.mark_of("other") == 5
