"""The one checker of all fault tests: what was seen from outside, and which promise it breaks.

It knows values only; `tests.faults.reading` reads them from the public APIs, the topics and the stores. Each broken
promise is one line: the promise, a colon, the case and what happened to it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chassis import chain
from tests.faults.observed import Observed, Parked, Said
from tests.subscriptions import heard_by

ANSWERING = ("equivalence", "competition")
LISTENERS = {
    "intake": (*ANSWERING, "notify"),
    "equivalence": ("intake",),
    "competition": ("intake",),
    "notify": ("intake",),
}
HEARD = {listener: heard_by(listener) for listener in LISTENERS}
ENDED = ("withdrawn", "erased")
STEPS = {
    "intake.case.submitted": "received",
    "intake.case.amended": "amended",
    "intake.case.held": "held",
    "intake.case.determined": "determined",
    "intake.case.withdrawn": "withdrawn",
}


class Broken(AssertionError):
    """Promises that were not kept, one line each."""


def check(seen: Observed, *, parked: Iterable[Parked] = ()) -> None:
    """Raises Broken. `parked`: exactly what must be parked; such a key waits for an operator and need not be done."""
    expected = sorted(parked)
    broken = [*parked_as_expected(seen, expected)]
    held_up = {entry.key for entry in expected}
    found = [line for promise in PROMISES for line in promise(seen)]
    broken += [line for line in found if not (line.startswith(TO_BE_DONE) and any(key in line for key in held_up))]
    if broken:
        more = len(broken) - 20
        raise Broken("\n".join([*broken[:20], *([f"... and {more} more"] if more > 0 else [])]))


def nothing_lost(seen: Observed) -> Iterator[str]:
    """Accepted = determined + waiting, each with a named owner; what was acknowledged stands."""
    for case_id, accepted in seen.accepted.items():
        case = seen.cases.get(case_id)
        if case is None:
            yield f"nothing lost: case {case_id} was accepted and is not there"
            continue
        status = case["status"]
        if accepted.withdrawn and status not in ENDED:
            yield f"nothing lost: case {case_id} was withdrawn, which was acknowledged, and is {status}"
        if status == "erased":
            continue
        if case["revision"] < accepted.revision:
            yield (
                f"nothing lost: case {case_id} was amended to revision {accepted.revision}, "
                f"which was acknowledged, and stands at {case['revision']}"
            )
        if status == "waiting":
            owners = ", ".join(case["waiting_on"]) or "nobody"
            yield f"accepted = determined + waiting: case {case_id} still waits for {owners}"
        elif status in ("determined", "officer"):
            made = case["determination"]
            if made is None or made["revision"] != case["revision"]:
                yield f"accepted = determined + waiting: case {case_id} is {status} without a determination"
    made_up = [id for id in seen.documents.get("intake", {}) if id not in seen.accepted]
    if len(made_up) > seen.unanswered:
        yield f"nothing made up: nobody was told of {len(made_up)} cases, and {seen.unanswered} may exist: {made_up}"


def assessments_in_series(seen: Observed) -> Iterator[str]:
    """Per case and service 1, 2, ... and no two with the same inputs; a determination rests on the newest."""
    for service in ANSWERING:
        kept_by_case = seen.documents.get(service, {})
        said_by_case: dict[str, dict[int, set[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(set))
        for each in _first_of_each(seen.said, f"{service}.assessment.made"):
            made = each.data()
            inputs = (made["revision"], made["input_digest"], made["policy"]["digest"])
            said_by_case[each.key][made["number"]].add((made["assessment_id"], *inputs))
        for case_id, kept in kept_by_case.items():
            if kept.data.get("status") == "erased":
                continue
            numbers = [made["number"] for made in kept.data.get("assessments") or ()]
            if numbers != list(range(1, len(numbers) + 1)):
                yield f"assessments in an unbroken series: case {case_id} has numbers {numbers} in {service}"
            if set(numbers) != set(said_by_case.get(case_id, ())):
                told = sorted(said_by_case.get(case_id, ()))
                yield f"assessments in an unbroken series: case {case_id} keeps {numbers} in {service} and said {told}"
        for case_id, by_number in said_by_case.items():
            numbers = sorted(by_number)
            if numbers != list(range(1, len(numbers) + 1)):
                yield f"assessments in an unbroken series: {service} said {numbers} of case {case_id}"
            if twice := [number for number, made in by_number.items() if len(made) > 1]:
                yield f"assessments in an unbroken series: {service} gave case {case_id} number {twice[0]} twice"
            inputs_of = Counter(one[1:] for made in by_number.values() for one in made)
            if max(inputs_of.values()) > 1:
                yield f"no two assessments of the same inputs: {service} judged case {case_id} twice"
        for case_id, case in seen.cases.items():
            if case["status"] not in ("determined", "officer"):
                continue
            used = [one for one in case["assessments"] if one["service"] == service]
            newest = max(said_by_case.get(case_id, {}), default=0)
            if [(one["number"], one["revision"]) for one in used] != [(newest, case["revision"])]:
                yield f"a determination rests on the newest answers: case {case_id} lacks number {newest} of {service}"


def determined_once(seen: Observed) -> Iterator[str]:
    """One determination per set of inputs, numbered 1, 2, ..., each said as it is kept."""
    said: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in _first_of_each(seen.said, "intake.case.determined"):
        made = each.data()
        said[each.key][made["number"]].add(made["determination_id"])
    for case_id, kept in seen.documents.get("intake", {}).items():
        if kept.data.get("status") == "erased":
            continue
        made = kept.data.get("determinations") or ()
        numbers = [one["number"] for one in made]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"determinations in an unbroken series: case {case_id} has numbers {numbers}"
        inputs = Counter(
            tuple(sorted((used["assessment_id"], used["number"]) for used in one["inputs"])) for one in made
        )
        if inputs and max(inputs.values()) > 1:
            yield f"one determination per set of inputs: case {case_id} was determined twice from the same answers"
        if {one["number"]: {one["id"]} for one in made} != said.get(case_id, {}):
            yield f"one determination per set of inputs: case {case_id} says other determinations than it keeps"


def told_once(seen: Observed) -> Iterator[str]:
    """One message per case, step, kind and recipient; each step that was said has one, and each has ended."""
    said: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    for type_, step in STEPS.items():
        for each in _first_of_each(seen.said, type_):
            made = each.data()
            about = {"amended": made.get("revision"), "determined": made.get("number")}.get(step)
            said[each.key].add((step, about))
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    for each in _first_of_each(seen.said, "notify.message.delivered"):
        ended[each.key][each.data()["message_id"]] += 1
    for case_id, case in seen.cases.items():
        messages = seen.messages.get(case_id, ())
        one_each = Counter((one["step"], one["determination"] or one["revision"], one["kind"], one["recipient"])
                           for one in messages)  # fmt: skip
        for (step, *_), count in one_each.items():
            if count > 1:
                yield f"one message per step: case {case_id} was told twice of {step}"
        for step, about in sorted(said[case_id] - {key[:2] for key in one_each}, key=str):
            yield f"every step is told: case {case_id} was not told of {_step(step, about)}"
        for step, about in sorted({key[:2] for key in one_each} - said[case_id], key=str):
            yield f"one message per step: case {case_id} was told of {_step(step, about)}, which nobody said"
        for one in messages:
            if one["state"] in ("queued", "sending"):
                yield f"every message ends: case {case_id} has a message about {one['step']} that is {one['state']}"
            if one["state"] == "cancelled" and case["status"] not in ENDED:
                yield f"every message ends: case {case_id} has a cancelled message about {one['step']} and lives"
        delivered = {one["message_id"] for one in messages if one["state"] == "delivered"}
        if dict(ended[case_id]) != dict.fromkeys(delivered, 1):
            yield f"one message per step: case {case_id} says other deliveries than it keeps"
        if seen.mails is not None and (missing := [id for id in delivered if not seen.mails.get(id)]):
            yield f"one message per step: case {case_id} is said to be told, and mail {missing[0]} never came"
        if case["status"] == "erased":
            continue
        lines = sum(entry["step"] == "message-delivered" for entry in seen.timelines.get(case_id, ()))
        if lines != len(delivered):
            yield f"effects are once: case {case_id} has {len(delivered)} delivered messages and {lines} lines of them"


def in_order(seen: Observed) -> Iterator[str]:
    """Per key and topic 1, 2, 3, ... without a gap, repeats allowed; a repeat is the same to the byte."""
    highest: dict[tuple[str, str], int] = {}
    places: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str, int], tuple[str, bytes | None]] = {}
    for each in seen.said:
        line = (each.topic, each.key)
        last = highest.get(line, 0)
        if each.sequence > last + 1:
            yield f"no gap and no reordering: {each.topic} has {each.sequence} after {last} for case {each.key}"
        highest[line] = max(last, each.sequence)
        if places.setdefault(line, each.partition) != each.partition:
            yield f"no gap and no reordering: {each.topic} has case {each.key} in two partitions"
        content = (each.id, each.value)
        if first.setdefault((*line, each.sequence), content) != content:
            yield f"a repeat is the same: {each.topic} has two events number {each.sequence} for case {each.key}"
    by_speaker: dict[tuple[str, str], int] = {}
    for (topic, key), number in highest.items():
        one = (topic.partition(".")[0], key)
        by_speaker[one] = max(number, by_speaker.get(one, 0))
    for service, documents in seen.documents.items():
        for case_id, kept in documents.items():
            said = by_speaker.get((service, case_id), 0)
            if said != kept.emitted:
                yield f"every event is said: {service} counts {kept.emitted} of case {case_id} and said {said}"


def heard_by_all(seen: Observed) -> Iterator[str]:
    """Whoever listens has handled whatever was said of the types that it hears."""
    for speaker, listeners in LISTENERS.items():
        for case_id, kept in seen.documents.get(speaker, {}).items():
            said = chain.stored(kept.data.get("said"), kept.emitted)
            for listener in listeners if kept.emitted else ():
                last = chain.needed(kept.emitted + 1, said, HEARD[listener])
                document = seen.documents.get(listener, {}).get(case_id)
                heard = document.heard.get(speaker, 0) if document else 0
                if heard != last:
                    yield (
                        f"every event is heard: {listener} has handled {heard} of {last} events "
                        f"that {speaker} counts of case {case_id}"
                    )


def outboxes_empty(seen: Observed) -> Iterator[str]:
    for service, count in seen.unsent.items():
        if count:
            yield f"every outbox is empty at the end: {service} has {count} documents with something to send"


def parked_as_expected(seen: Observed, expected: Sequence[Parked]) -> Iterator[str]:
    there, wanted = Counter(seen.parked), Counter(expected)
    for entry in sorted((there - wanted).elements()):
        yield f"nothing else is parked: {entry.service} has parked an event of {entry.key} ({entry.reason})"
    for entry in sorted((wanted - there).elements()):
        yield f"what cannot be handled is parked: {entry.service} has not parked {entry.key} ({entry.reason})"


PROMISES = (
    nothing_lost,
    assessments_in_series,
    determined_once,
    told_once,
    in_order,
    heard_by_all,
    outboxes_empty,
)


# What an operator's release makes good; everything else holds for a parked key too.
TO_BE_DONE = (
    "accepted = determined + waiting:",
    "every event is heard:",
    "every step is told:",
    "a determination rests on the newest answers:",
)


def _step(step: str, about: int | None) -> str:
    return f"{step} {about}" if about else step


def _first_of_each(said: Sequence[Said], type_: str) -> Iterator[Said]:
    """Events of a type; of an event that was sent again, the first."""
    before: set[tuple[str, str, int]] = set()
    for each in said:
        place = (each.topic, each.key, each.sequence)
        if each.type == type_ and place not in before:
            before.add(place)
            yield each
