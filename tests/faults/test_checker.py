"""The checker notices each kind of broken promise, and names it. What it is shown here is made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Broken, check
from tests.faults.observed import Accepted, Kept, Observed, Parked, Said

CASE, OTHER = "c_one", "c_two"
TOPICS = {"intake": "intake.case.v1", "notify": "notify.message.v1"}


def said(service: str, sequence: int, type_: str, case: str = CASE, **data: Any) -> Said:
    topic = TOPICS.get(service, f"{service}.assessment.v1")
    return Said(topic, 3, sequence, case, sequence, type_, f"e_{service}_{sequence}", json.dumps(data).encode())


def assessment(service: str, number: int = 1, *, revision: int = 1, inputs: str = "") -> dict[str, Any]:
    return {
        "number": number,
        "revision": revision,
        "assessment_id": f"a_{service}_{inputs or revision}",
        "input_digest": inputs or f"of {revision}",
        "policy": {"digest": "policy"},
    }


def made(service: str, sequence: int = 1, **about: Any) -> Said:
    return said(service, sequence, f"{service}.assessment.made", **assessment(service, **about))


def determination(number: int = 1, *inputs: str) -> dict[str, Any]:
    used = [{"assessment_id": id, "number": 1} for id in inputs or ("a_equivalence_1", "a_competition_1")]
    return {"number": number, "id": f"d_{number}", "inputs": used}


def message(step: str, **changes: Any) -> dict[str, Any]:
    about = {"determination": 1 if step == "determined" else None, "revision": None}
    return {"message_id": f"m_{step}", "step": step, "kind": "email", "recipient": "applicant", "state": "delivered",
            **about, **changes}  # fmt: skip


def kept(emitted: int, heard: Mapping[str, int], **data: Any) -> Kept:
    return Kept(emitted, heard, data)


def one_case() -> Observed:
    """A case that was filed, determined once and told twice, as it ought to be."""
    answers = [{"service": name, "number": 1, "revision": 1} for name in ("equivalence", "competition")]
    case = {"status": "determined", "revision": 1, "waiting_on": [], "determination": {"revision": 1},
            "assessments": answers}  # fmt: skip
    documents = {
        "intake": kept(2, {"equivalence": 1, "competition": 1, "notify": 2}, status="determined",
                       determinations=[determination()]),
        "equivalence": kept(1, {"intake": 2}, assessments=[assessment("equivalence")]),
        "competition": kept(1, {"intake": 2}, assessments=[assessment("competition")]),
        "notify": kept(2, {"intake": 2}),
    }  # fmt: skip
    return Observed(
        accepted={CASE: Accepted()},
        cases={CASE: case},
        timelines={CASE: [{"step": "message-delivered"}, {"step": "message-delivered"}]},
        messages={CASE: [message("received"), message("determined")]},
        documents={service: {CASE: document} for service, document in documents.items()},
        said=[
            said("intake", 1, "intake.case.submitted", revision=1),
            said("intake", 2, "intake.case.determined", number=1, determination_id="d_1"),
            made("equivalence"),
            made("competition"),
            said("notify", 1, "notify.message.delivered", message_id="m_received"),
            said("notify", 2, "notify.message.delivered", message_id="m_determined"),
        ],
        unsent=dict.fromkeys(("intake", "equivalence", "competition", "notify"), 0),
        mails={"m_received": 1, "m_determined": 2},
    )


def changed(**changes: Any) -> Observed:
    return replace(one_case(), **changes)


def with_case(**changes: Any) -> Observed:
    return changed(cases={CASE: {**one_case().cases[CASE], **changes}})


def with_document(service: str, *, emitted: int | None = None, heard: Any = None, **data: Any) -> Observed:
    seen = one_case()
    before = seen.documents[service][CASE]
    after = Kept(before.emitted if emitted is None else emitted, heard or before.heard, {**before.data, **data})
    return replace(seen, documents={**seen.documents, service: {CASE: after}})


def saying(*more: Said, without: Callable[[Said], bool] = lambda each: False) -> Observed:
    seen = one_case()
    return replace(seen, said=[*(each for each in seen.said if not without(each)), *more])


def test_a_world_as_it_ought_to_be_is_green() -> None:
    check(one_case())


def test_events_that_were_said_again_are_no_fault() -> None:
    seen = one_case()
    check(replace(seen, said=[*seen.said, *seen.said]))


@pytest.mark.parametrize(
    ("seen", "promise"),
    [
        (changed(cases={}), "nothing lost: case c_one was accepted and is not there"),
        (changed(accepted={CASE: Accepted(2)}), "nothing lost: case c_one was amended to revision 2"),
        (changed(accepted={CASE: Accepted(1, withdrawn=True)}), "nothing lost: case c_one was withdrawn"),
        (with_case(status="waiting", waiting_on=["equivalence"]),
         "accepted = determined + waiting: case c_one still waits for equivalence"),
        (with_case(status="waiting"), "accepted = determined + waiting: case c_one still waits for nobody"),
        (with_case(determination=None), "accepted = determined + waiting: case c_one is determined without"),
        (changed(accepted={}), "nothing made up: nobody was told of 1 cases"),
        (with_document("equivalence", assessments=[assessment("equivalence", 2)]),
         "assessments in an unbroken series: case c_one has numbers [2] in equivalence"),
        (with_document("equivalence", assessments=[]),
         "assessments in an unbroken series: case c_one keeps [] in equivalence and said [1]"),
        (saying(made("equivalence", 2, number=3)),
         "assessments in an unbroken series: equivalence said [1, 3] of case c_one"),
        (saying(made("competition", 2, number=1, inputs="others")),
         "assessments in an unbroken series: competition gave case c_one number 1 twice"),
        (saying(made("competition", 2, number=2)),
         "no two assessments of the same inputs: competition judged case c_one twice"),
        (with_case(assessments=[]), "a determination rests on the newest answers: case c_one lacks number 1"),
        (with_document("intake", determinations=[determination(), determination(2)]),
         "one determination per set of inputs: case c_one was determined twice from the same answers"),
        (with_document("intake", determinations=[determination(2)]),
         "determinations in an unbroken series: case c_one has numbers [2]"),
        (saying(said("intake", 3, "intake.case.determined", number=2, determination_id="d_2")),
         "one determination per set of inputs: case c_one says other determinations than it keeps"),
        (changed(messages={CASE: [message("received"), message("determined"), message("received")]}),
         "one message per step: case c_one was told twice of received"),
        (changed(messages={CASE: [message("received")]}),
         "every step is told: case c_one was not told of determined 1"),
        (changed(messages={CASE: [message("received"), message("determined"), message("held")]}),
         "one message per step: case c_one was told of held, which nobody said"),
        (changed(messages={CASE: [message("received"), message("determined", state="queued")]}),
         "every message ends: case c_one has a message about determined that is queued"),
        (changed(messages={CASE: [message("received"), message("determined", state="cancelled")]}),
         "every message ends: case c_one has a cancelled message about determined and lives"),
        (saying(said("notify", 3, "notify.message.delivered", message_id="m_received")),
         "one message per step: case c_one says other deliveries than it keeps"),
        (changed(mails={"m_received": 1}),
         "one message per step: case c_one is said to be told, and mail m_determined never came"),
        (changed(timelines={CASE: [{"step": "message-delivered"}] * 3}), "effects are once: case c_one has 2 deliver"),
        (saying(said("intake", 4, "intake.case.amended", revision=2)),
         "no gap and no reordering: intake.case.v1 has 4 after 2 for case c_one"),
        (saying(replace(said("intake", 2, "intake.case.determined"), partition=4)),
         "no gap and no reordering: intake.case.v1 has case c_one in two partitions"),
        (saying(said("intake", 1, "intake.case.submitted", revision=9)),
         "a repeat is the same: intake.case.v1 has two events number 1 for case c_one"),
        (with_document("intake", emitted=3), "every event is said: intake counts 3 of case c_one and said 2"),
        (with_document("notify", heard={"intake": 1}),
         "every event is heard: notify has handled 1 of 2 events that intake counts of case c_one"),
        (changed(unsent={"intake": 4}), "every outbox is empty at the end: intake has 4 documents"),
        (changed(parked=[Parked("notify", CASE, "gap")]),
         "nothing else is parked: notify has parked an event of c_one (gap)"),
    ],
)  # fmt: skip
def test_it_names_the_promise_that_is_broken(seen: Observed, promise: str) -> None:
    with pytest.raises(Broken) as broken:
        check(seen)
    assert promise in str(broken.value)


def test_no_gap_between_the_first_event_of_a_key_and_its_start() -> None:
    with pytest.raises(Broken, match=r"no gap and no reordering: intake\.case\.v1 has 2 after 0"):
        check(saying(without=lambda each: each.type == "intake.case.submitted"))


def test_what_is_parked_must_be_exactly_what_was_expected() -> None:
    stuck = with_document("notify", heard={"intake": 1})
    expected = [Parked("notify", CASE, "not-valid")]
    check(replace(stuck, parked=expected), parked=expected)
    with pytest.raises(Broken, match=r"what cannot be handled is parked: notify has not parked c_one \(not-valid\)"):
        check(stuck, parked=expected)


def test_a_parked_key_excuses_what_is_to_be_done_and_no_effect_twice() -> None:
    expected = [Parked("notify", CASE, "gap")]
    twice = changed(messages={CASE: [message("received"), message("received"), message("determined")]}, parked=expected)
    check(replace(with_case(status="waiting"), parked=expected), parked=expected)
    with pytest.raises(Broken, match="told twice of received"):
        check(twice, parked=expected)


def test_a_parked_key_excuses_no_other_case() -> None:
    expected = [Parked("notify", OTHER, "gap")]
    with pytest.raises(Broken, match="every outbox is empty"):
        check(changed(unsent={"intake": 1}, parked=expected), parked=expected)
