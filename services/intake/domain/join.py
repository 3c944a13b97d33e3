"""The join: what the roads say together, about one revision of a case.

A pure function of the revision, the roads asked for and the newest answer of each service; the order in which the
answers came makes no difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.intake.domain.answers import (
    CLOSED,
    NOT_KNOWN,
    OPEN,
    OPEN_IF,
    Exemption,
    Item,
    PolicyRef,
    RoadAnswer,
    Text,
    answer_from_json,
    exemption_from_json,
    policy_from_json,
)

ORDER = ("ordinary", "overseas", "competition")  # a road that is new to us comes after them, by its name
_BEST_FIRST = (OPEN, OPEN_IF, NOT_KNOWN, CLOSED)
_NAMES = {
    "ordinary": Text("职称评审", "the ordinary review"),
    "overseas": Text("境外职业资格比照认定", "the overseas certificate road"),
    "competition": Text("以赛代评", "the competition road"),
}


@dataclass(frozen=True, slots=True)
class Assessment:
    """A service's answer about one road, and by what it was made; `number` is 1 for the road that intake judges."""

    service: str
    number: int
    assessment_id: str
    input_digest: str
    policy: PolicyRef
    rules_version: str
    result_digest: str
    answer: RoadAnswer
    exemptions: tuple[Exemption, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """What a determination rests on: an assessment without its words."""

    service: str
    number: int
    assessment_id: str
    input_digest: str
    policy: PolicyRef
    rules_version: str
    result_digest: str


@dataclass(frozen=True, slots=True)
class Determination:
    """The content of a determination. Its number, its id, the one it follows and why are given to it by the case."""

    revision: int
    roads: tuple[RoadAnswer, ...]
    exemptions: tuple[Exemption, ...]
    waits_for_officer: bool
    officer_reasons: tuple[Item, ...]
    inputs: tuple[Input, ...]


def join(revision: int, assessments: Iterable[Assessment], asked: Iterable[str] = ()) -> Determination:
    """`assessments`: the newest of each service, about this revision. `asked`: roads asked for; none = all.

    Where two answer for one road, the one that opens more stands. It waits for an officer when no road is open and
    none opens on conditions that need no officer.
    """
    given = list(assessments)
    wanted = frozenset(asked)
    rivals: dict[str, list[RoadAnswer]] = {}
    for one in given:
        if not wanted or one.answer.road in wanted:
            rivals.setdefault(one.answer.road, []).append(one.answer)
    roads = tuple(_that_opens_most(rivals[road]) for road in sorted(rivals, key=_place))
    exemptions = {_spelled(entry): entry for one in given for entry in one.exemptions}
    waits = not any(_passable(answer) for answer in roads)
    return Determination(
        revision=revision,
        roads=roads,
        exemptions=tuple(
            sorted(exemptions.values(), key=lambda entry: (not entry.of_the_list, entry.id, _spelled(entry)))
        ),
        waits_for_officer=waits,
        officer_reasons=tuple(_reason(answer) for answer in roads) if waits else (),
        inputs=tuple(
            sorted(
                (
                    Input(
                        one.service,
                        one.number,
                        one.assessment_id,
                        one.input_digest,
                        one.policy,
                        one.rules_version,
                        one.result_digest,
                    )
                    for one in given
                ),
                key=lambda used: (used.service, used.number, used.assessment_id, used.input_digest, used.result_digest),
            )
        ),
    )


def assessment_from_json(service: str, value: Mapping[str, Any]) -> Assessment:
    """An assessment as its event carries it, in plain JSON."""
    return Assessment(
        service=service,
        number=value["number"],
        assessment_id=value["assessment_id"],
        input_digest=value["input_digest"],
        policy=policy_from_json(value["policy"]),
        rules_version=value["rules_version"],
        result_digest=value["result_digest"],
        answer=answer_from_json(value["answer"]),
        exemptions=tuple(exemption_from_json(entry) for entry in value.get("exemptions", ())),
    )


def _passable(answer: RoadAnswer) -> bool:
    return answer.status == OPEN or (answer.status == OPEN_IF and not answer.needs_officer)


def _that_opens_most(rivals: list[RoadAnswer]) -> RoadAnswer:
    return rivals[0] if len(rivals) == 1 else min(rivals, key=_opens_more_first)


def _opens_more_first(answer: RoadAnswer) -> tuple[int, bool, str]:
    place = _BEST_FIRST.index(answer.status) if answer.status in _BEST_FIRST else len(_BEST_FIRST)
    return place, answer.needs_officer, _spelled(answer)


def _place(road: str) -> tuple[int, str]:
    return (ORDER.index(road) if road in ORDER else len(ORDER)), road


def _reason(answer: RoadAnswer) -> Item:
    """Why this road does not spare a person's look."""
    name = _NAMES.get(answer.road, Text(answer.road, answer.road))
    if answer.status == NOT_KNOWN:
        text = Text(f"{name.zh}：本系统掌握的资料不足以判断。", f"For {name.en} our data do not say.")
    elif answer.needs_officer:
        text = Text(f"{name.zh}：须由工作人员确认。", f"For {name.en} an officer's confirmation is needed.")
    else:
        text = Text(
            f"{name.zh}：按现行规定，目前不能通过本路径申报。", f"By the rules of {name.en} as they stand it is closed."
        )
    return Item(f"road-{answer.status}", text, {"road": answer.road})


def _spelled(value: Any) -> str:
    """One spelling, so that nothing depends on the order in which things came."""
    return json.dumps(asdict(value), ensure_ascii=False, sort_keys=True)
