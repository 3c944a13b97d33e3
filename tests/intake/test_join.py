"""The join: which roads stand in a determination, and when it waits for an officer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.json_values import json_value
from services.intake.domain.answers import Exemption, Item, PolicyRef, RoadAnswer, Text
from services.intake.domain.join import Assessment, assessment_from_json, join

POLICY = PolicyRef("overseas-list", "1.0", "sha256:" + "0" * 64)


def answer(road: str = "overseas", status: str = "closed", **more: Any) -> RoadAnswer:
    return RoadAnswer(road, status, **more)


def assessed(given: RoadAnswer, *, service: str = "equivalence", number: int = 1, **more: Any) -> Assessment:
    return Assessment(service, number, f"a_{service}", "sha256:in", POLICY, "1", "sha256:out", given, **more)


def exemption(id: str, *, of_the_list: bool = False) -> Exemption:
    return Exemption(id, of_the_list, "both", "exempt", Text("免试", "exempt"), "S91", 2004, "news")


def test_roads_stand_in_a_fixed_order_and_a_new_road_after_them() -> None:
    roads = ["nomination", "competition", "ordinary", "overseas"]
    joined = join(1, [assessed(answer(road), service=road) for road in roads])
    assert [road.road for road in joined.roads] == ["ordinary", "overseas", "competition", "nomination"]


def test_only_roads_that_were_asked_for_stand_in_it() -> None:
    joined = join(1, [assessed(answer("overseas")), assessed(answer("ordinary"))], asked=["ordinary"])
    assert [road.road for road in joined.roads] == ["ordinary"]
    assert len(joined.inputs) == 2


@pytest.mark.parametrize(
    ("status", "needs_officer", "waits"),
    [
        ("open", False, False),
        ("open-if", False, False),
        ("open-if", True, True),
        ("not-known", False, True),
        ("not-known", True, True),
        ("closed", False, True),
    ],
)
def test_it_waits_for_an_officer_unless_a_road_can_be_gone_without_one(
    status: str, needs_officer: bool, waits: bool
) -> None:
    joined = join(1, [assessed(answer("overseas", status, needs_officer=needs_officer)), assessed(answer("ordinary"))])
    assert joined.waits_for_officer is waits
    assert bool(joined.officer_reasons) is waits


def test_the_officer_reads_a_reason_for_each_road() -> None:
    joined = join(
        1,
        [
            assessed(answer("overseas", "open-if", needs_officer=True)),
            assessed(answer("ordinary", "closed")),
            assessed(answer("competition", "not-known")),
        ],
    )
    assert [(reason.code, reason.values["road"]) for reason in joined.officer_reasons] == [
        ("road-closed", "ordinary"),
        ("road-open-if", "overseas"),
        ("road-not-known", "competition"),
    ]


def test_with_no_answer_at_all_it_waits() -> None:
    assert join(1, []).waits_for_officer


def test_of_two_answers_for_a_road_the_one_that_opens_more_stands() -> None:
    joined = join(
        1, [assessed(answer("overseas", "closed"), service="x"), assessed(answer("overseas", "open"), service="y")]
    )
    assert [road.status for road in joined.roads] == ["open"]


def test_exemptions_of_the_list_come_first_and_each_stands_once() -> None:
    entries = (exemption("b"), exemption("a"))
    joined = join(
        1,
        [
            assessed(answer(), exemptions=entries),
            assessed(answer(), service="x", exemptions=(exemption("c", of_the_list=True), exemption("a"))),
        ],
    )
    assert [entry.id for entry in joined.exemptions] == ["c", "a", "b"]


def test_it_names_what_it_was_made_of() -> None:
    [used] = join(2, [assessed(answer(), number=3)]).inputs
    assert (used.service, used.number, used.policy) == ("equivalence", 3, POLICY)


answers = st.builds(
    RoadAnswer,
    road=st.sampled_from(["ordinary", "overseas", "competition", "nomination"]),
    status=st.sampled_from(["open", "open-if", "not-known", "closed"]),
    conditions=st.lists(st.sampled_from([Item("x", Text("甲", "a")), Item("y", Text("乙", "b"), {"n": 1})])).map(tuple),
    needs_officer=st.booleans(),
)
assessments = st.lists(
    st.builds(
        Assessment,
        service=st.sampled_from(["intake", "equivalence", "competition"]),
        number=st.integers(1, 3),
        assessment_id=st.sampled_from(["a_1", "a_2"]),
        input_digest=st.just("sha256:in"),
        policy=st.just(POLICY),
        rules_version=st.just("1"),
        result_digest=st.just("sha256:out"),
        answer=answers,
        exemptions=st.lists(st.builds(exemption, st.sampled_from("abc"), of_the_list=st.booleans())).map(tuple),
    ),
    max_size=5,
)


@given(assessments, st.randoms())
def test_the_order_of_the_answers_makes_no_difference(given: list[Assessment], random: Any) -> None:
    mixed = random.sample(given, len(given))
    assert json.dumps(json_value(join(1, given))) == json.dumps(json_value(join(1, mixed)))


@given(assessments)
def test_an_assessment_survives_the_way_through_json(given: list[Assessment]) -> None:
    for one in given:
        assert assessment_from_json(one.service, json.loads(json.dumps(json_value(one)))) == one
