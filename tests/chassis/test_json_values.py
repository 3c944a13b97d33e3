from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pytest

from chassis.json_values import json_value


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    values: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Whole:
    parts: tuple[Part, ...]
    only: bool = False


def test_a_frozen_value_becomes_what_json_gives_back():
    whole = Whole((Part("甲", {"n": 1, "m": None}), Part("乙", {})))

    assert json_value(whole) == {
        "parts": [{"name": "甲", "values": {"n": 1, "m": None}}, {"name": "乙", "values": {}}],
        "only": False,
    }


@pytest.mark.parametrize(
    "value", [date(2026, 11, 24), {1, 2}, b"bytes", "\ud800", object()], ids=lambda v: type(v).__name__
)
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(TypeError):
        json_value([value])
