"""Texts shown to applicants: no machine refuses, terms are those of the field, Chinese is set as Chinese."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.events import Road
from local.telling import ROADS
from services.equivalence import policy_files
from services.intake import texts
from services.intake.domain import join
from services.notify.letters import TEMPLATES

EXAMPLES = Path("contracts/examples")
REFUSING = re.compile(r"不予|不通过|拒绝|驳回|不合格|refus|reject|denied|deny|declin", re.IGNORECASE)
# A list of Shanghai is a 清单 (目录 is the word of other cities), a certificate is 境外, nothing is 受理 before an
# officer has taken it, and 我方 is the word of a party to a contract.
FOREIGN_TERMS = re.compile(r"目录|海外证书|受理|我方|轮次|登记册|申请人")
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:!?()]|[,;:!?()][\u4e00-\u9fff]")


def texts_of(value: Any) -> Iterator[dict[str, str]]:
    """Every {zh, en} inside a value."""
    if isinstance(value, dict):
        if isinstance(value.get("zh"), str) and isinstance(value.get("en"), str):
            yield value
        for part in value.values():
            yield from texts_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_of(part)


def shown() -> list[dict[str, str]]:
    """What the producers said in the examples of every event, what the lists say, and what a case says of itself."""
    found = [text for path in EXAMPLES.rglob("*.json") for text in texts_of(json.loads(path.read_text("utf-8")))]
    found += texts_of([each.content for each in policy_files.lists()])
    found += texts_of(policy_files.supplementary().content)
    own = (texts.STATUS, texts.ROAD, texts.SERVICE, texts.STEPS, texts.MESSAGES, texts.OFFICER_REASONS)
    found += [{"zh": zh, "en": en} for group in own for zh, en in group.values()]
    return found


def letters() -> list[str]:
    return [path.read_text("utf-8") for path in TEMPLATES.iterdir()]


def test_there_is_something_to_look_at() -> None:
    assert len(shown()) > 300
    assert len(letters()) > 10


@pytest.mark.parametrize("rule", [REFUSING, FOREIGN_TERMS])
def test_no_text_refuses_anybody_or_uses_words_of_another_place(rule: re.Pattern[str]) -> None:
    said = {text for pair in shown() for text in (pair["zh"], pair["en"])} | set(letters())

    assert sorted(found for text in said for found in rule.findall(text)) == []


def test_chinese_is_set_with_full_width_signs() -> None:
    said = {pair["zh"] for pair in shown()}

    assert sorted(text for text in said if HALF_WIDTH.search(text)) == []


def test_a_road_has_one_name_wherever_it_is_read() -> None:
    names = {road: texts.ROAD[road][0] for road in texts.ROAD}

    assert {road: text["zh"] for road, text in ROADS.items()} == names
    assert {road: text.zh for road, text in join._NAMES.items()} == names
    for language, place in (("zh", 0), ("en", 1)):
        words = yaml.safe_load((TEMPLATES / f"words.1.{language}.yaml").read_text("utf-8"))["roads"]
        assert {road: words[road] for road in texts.ROAD} == {road: pair[place] for road, pair in texts.ROAD.items()}
    assert set(names) == {road.value for road in Road} - {"other"}
