from __future__ import annotations

import json
import time
from datetime import date
from enum import Enum
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from chassis.bodies import check, json_body, json_body_schema
from chassis.json_text import parse_json
from chassis.problems import InvalidInput, MalformedJson


class Kind(Enum):
    PASSPORT = "passport"


class Paper(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Kind = Kind.PASSPORT
    number: Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]+$", max_length=12)] = "E1"

    @field_validator("number")
    @classmethod
    def checksum(cls, number: str) -> str:
        if number == "E666":
            raise PydanticCustomError("checksum", "the check sign does not fit")
        return number


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    identity_documents: list[Paper] = Field(default=[], max_length=2)
    labels: dict[str, int] = {}


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    person: Person = Person()
    begins: date | None = None
    ends: date | None = None
    truthful: bool = True
    years: Annotated[int, Field(ge=0)] = 0
    road: Literal["ordinary", "overseas"] = "ordinary"
    needed: str = "x"

    @model_validator(mode="after")
    def in_order(self) -> Form:
        if self.begins and self.ends and self.ends < self.begins:
            raise PydanticCustomError("ends-before-start", "it ends before it starts", {"field": "ends"})
        return self


class Needy(BaseModel):
    needed: str


def rule_of(raw: bytes, *, max_depth: int = 32) -> str:
    with pytest.raises(MalformedJson) as refused:
        parse_json(raw, max_depth=max_depth)
    return refused.value.rule


def errors_of(value: object, model: type[BaseModel] = Form) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        check(model, value)
    return [(error.field, error.rule) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "syntax"),
        (b"{", "syntax"),
        (b'{"a":1,}', "syntax"),
        (b"{'a':1}", "syntax"),
        (b'{"a":1} {"b":2}', "syntax"),
        (b'{"a":01}', "syntax"),
        (b'"a\tb"', "syntax"),
        (b'"unterminated', "syntax"),
        (b"]" * 100 + b"[" * 100, "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b'"\xff"', "utf-8"),
        (b'"\xed\xa0\x80"', "utf-8"),
        ("{}".encode("utf-16"), "utf-8"),
        (b'{"a":1,"a":1}', "repeated-key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "repeated-key"),
        (b"NaN", "not-a-json-number"),
        (b"[-Infinity]", "not-a-json-number"),
        (b"[1e999]", "number-too-large"),
        (b"[-1e999]", "number-too-large"),
        (b"[9007199254740992]", "number-too-large"),
        (b"[" + b"9" * 5000 + b"]", "number-too-large"),
        (b'"\\ud800"', "lone-surrogate"),
        (b'{"\\udc00x":1}', "lone-surrogate"),
        (b'["a\\u0000b"]', "nul-character"),
        (b"[" * 33 + b"]" * 33, "too-deep"),
        (b'{"a":' * 100_000, "too-deep"),
    ],
)
def test_what_readers_of_json_disagree_about_is_refused_by_name(raw, rule):
    assert rule_of(raw) == rule


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[" * 32 + b"]" * 32, None),
        (b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"[["', '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["[['),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\u0000"', "\\u0000"),
        (b"[9007199254740991,-9007199254740991,1.5]", [9007199254740991, -9007199254740991, 1.5]),
        ('{"名":"张三"}'.encode(), {"名": "张三"}),
    ],
)
def test_json_at_the_edge_of_the_rules_is_read(raw, value):
    assert parse_json(raw, max_depth=32) == value or value is None


@pytest.mark.parametrize(
    "raw", [b'"' + b'\\"' * 130_000, b'"' * 260_000, b'{"a":"' + b"\\" * 250_000, b'["a",' * 50_000]
)
def test_a_hostile_text_costs_no_more_than_reading_it(raw):
    begun = time.process_time()
    with pytest.raises(MalformedJson):
        parse_json(raw, max_depth=32)
    assert time.process_time() - begun < 10.0


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
numbers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_json_value_is_read_as_it_was_written(value):
    assert parse_json(json.dumps(value).encode(), max_depth=100) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(), max_depth=100) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_never_break_the_reader(raw):
    try:
        parse_json(raw, max_depth=8)
    except MalformedJson:
        return


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        ({"person": {"identity_documents": [{"number": "E666"}]}}, "person.identity_documents[0].number", "checksum"),
        ({"person": {"identity_documents": [{}, {"number": "x"}]}}, "person.identity_documents[1].number", "pattern"),
        ({"person": {"identity_documents": [{"type": "id"}]}}, "person.identity_documents[0].type", "one-of"),
        ({"person": {"identity_documents": [{}] * 3}}, "person.identity_documents", "too-many"),
        ({"person": {"张三": 1}}, "person", "unknown-field"),
        ({"张三": 1}, "body", "unknown-field"),
        ({"person": {"labels": {"张三": "x"}}}, "person.labels", "integer"),
        ({"person": []}, "person", "object"),
        ([], "body", "object"),
        ("x", "body", "object"),
        ({"years": "1"}, "years", "integer"),
        ({"years": True}, "years", "integer"),
        ({"years": 1.0}, "years", "integer"),
        ({"years": -1}, "years", "too-small"),
        ({"truthful": 0}, "truthful", "true-or-false"),
        ({"truthful": "true"}, "truthful", "true-or-false"),
        ({"needed": 1}, "needed", "text"),
        ({"needed": None}, "needed", "text"),
        ({"road": "third"}, "road", "one-of"),
        ({"begins": "2024-13-01"}, "begins", "date"),
        ({"begins": "1700000000"}, "begins", "date"),
        ({"begins": 1700000000}, "begins", "date"),
        ({"begins": "2024-01-01T00:00:00"}, "begins", "date"),
        ({"begins": "2024-02-01", "ends": "2024-01-01"}, "ends", "ends-before-start"),
    ],
)
def test_errors_name_the_field_and_the_rule_and_nothing_that_was_sent(value, field, rule):
    assert errors_of(value) == [(field, rule)]


def test_a_missing_field_is_named():
    assert errors_of({}, Needy) == [("needed", "required")]


def test_dates_and_enumerations_are_text_in_json():
    form = check(Form, {"begins": "2024-02-29", "person": {"identity_documents": [{"type": "passport"}]}})

    assert form.begins == date(2024, 2, 29)
    assert form.person.identity_documents[0].type is Kind.PASSPORT


def test_the_list_of_errors_ends_somewhere():
    assert len(errors_of({"person": {"identity_documents": [{"number": "x"}] * 500}})) <= 50


def test_the_dependency_says_which_model_it_reads():
    assert json_body(Form).model is Form
    assert json_body(Form) is json_body(Form)


def test_the_schema_of_a_body_points_into_the_components():
    schema = json_body_schema(Form)["requestBody"]["content"]["application/json"]["schema"]

    assert schema["properties"]["person"]["$ref"] == "#/components/schemas/Person"
