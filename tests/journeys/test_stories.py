"""Each story, told to a running stack, ends with the answer that was written by hand; and would be found wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from local.stories import Story, differences, stories, story
from tests.journeys.conftest import Embedded

FILED = [each for each in stories() if each.filing]
ASKED = [each for each in stories() if each.ask]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("told", FILED, ids=[each.id for each in FILED])
async def test_a_filed_story_ends_as_expected(told: Story, embedded: Embedded) -> None:
    await embedded.on(str(told.date))

    receipt = await embedded.api.submit(told.filing, key=f"story-{told.id}")
    case = await embedded.api.settled(receipt["case_id"])
    messages = await embedded.api.told(receipt["case_id"])

    assert differences(told.expected, case, messages) == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("told", ASKED, ids=[each.id for each in ASKED])
async def test_an_asked_story_is_answered_as_expected(told: Story, embedded: Embedded) -> None:
    assert told.ask is not None

    answer = await embedded.api.read(told.ask.service, told.ask.path)

    assert differences(told.expected, answer) == []


def test_the_seven_stories_of_the_field_are_there() -> None:
    assert [each.id for each in stories()] == [
        "cgma",
        "acca",
        "doctorate",
        "evtol",
        "ordinary",
        "not-known",
        "exemptions",
    ]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda case: case.update(status="officer"), "the status of the case should be determined, and is officer"),
        (lambda case: road(case).update(status="closed"), "overseas: it should be open-if, and is closed"),
        (lambda case: road(case)["conditions"].clear(), "its conditions should be certificate-verified, and is empty"),
        (lambda case: road(case)["opens"].update(only=False), "leads to this title alone should be yes, and is no"),
        (lambda case: case["determination"]["roads"].pop(), "the roads should be"),
        (lambda case: values(case).update(level="senior"), "prior-title among its missing should say"),
    ],
    ids=["status", "road", "condition", "title", "missing-road", "value"],
)
async def test_an_answer_that_is_another_one_is_told_in_words(
    spoil: Callable[[dict[str, Any]], None], words: str, embedded: Embedded
) -> None:
    told = story("cgma")
    await embedded.on(str(told.date))
    receipt = await embedded.api.submit(told.filing, key=f"story-{told.id}")
    case = copy.deepcopy(await embedded.api.settled(receipt["case_id"]))
    messages = await embedded.api.told(receipt["case_id"])

    spoil(case)

    assert any(words in line for line in differences(told.expected, case, messages))


def road(case: dict[str, Any], name: str = "overseas") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in case["determination"]["roads"] if each["road"] == name)
    return found


def values(case: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = road(case, "ordinary")["missing"][0]["values"]
    return found
