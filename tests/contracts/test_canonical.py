"""The canonical spelling is that of the standard library's encoder: digests that were stored must be found again."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.canonical import canonical_json, digest


@dataclass(frozen=True)
class Share:
    part: float


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda parts: st.lists(parts) | st.dictionaries(TEXTS, parts),
)


@given(VALUES)
def test_every_value_is_spelled_as_the_standard_library_spells_it(value: Any) -> None:
    spelled = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    assert canonical_json(value) == spelled.encode()


def test_a_tuple_is_a_list() -> None:
    assert canonical_json({"b": (1, "二"), "a": None}) == '{"a":null,"b":[1,"二"]}'.encode()


def test_a_digest_stays_what_it_was() -> None:
    assert digest({"b": [1, "二\n\x01"], "a": None}) == (
        "sha256:2690924fe54a23806e2ec76805ae4c638a23c84e8fa696024fad62d6bb3a54b9"
    )


@pytest.mark.parametrize(
    "value",
    [0.5, [1.0], {"a": {"b": (float("nan"),)}}, 2**64, {1: "a"}, {"a": {2}}, "\ud800", [Share(0.5)]],
    ids=["float", "in a list", "not a number", "too large", "key", "set", "surrogate", "dataclass"],
)
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)
