"""The kinds of value that a filing is made of: bounded, named ids, days that exist, text that can be shown."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from contracts import identity

MAX_LIST = 50
MAX_TEXT = 200

_DAY = re.compile(r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DAY_SCHEMA = {"type": "string", "format": "date", "pattern": f"^{_DAY.pattern}$"}
# Line separators, and signs that turn the direction of text: what they hide is not what a reader sees.
_HIDDEN = frozenset("\u2028\u2029\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def plain(text: str) -> str:
    if any(unicodedata.category(sign) in ("Cc", "Cs") or sign in _HIDDEN for sign in text):
        raise PydanticCustomError("control-character", "Holds a sign that cannot be shown.")
    if not text.strip():
        raise PydanticCustomError("empty", "Must not be blank.")
    return text


def no_long_number(text: str) -> str:
    """Ids go into events as they were written: none may hide the number of a person's document."""
    if identity.holds_long_number(text):
        raise PydanticCustomError("long-number", "Holds a number that could be a person's.")
    return text


def read_day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("date", "Write a day that exists as YYYY-MM-DD.")


def no_repeats(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if values is not None and len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "Name each once.")
    return values


def must_be_true(value: bool) -> bool:
    if not value:
        raise PydanticCustomError("must-be-true", "Must be declared.")
    return value


PlainText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(plain)]
Id = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._-]{1,40}$", json_schema_extra={"not": {"pattern": identity.LONG_NUMBER}}),
    AfterValidator(no_long_number),
]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
IsoDay = Annotated[date, BeforeValidator(read_day), WithJsonSchema(_DAY_SCHEMA)]
IsoMonth = Annotated[str, Field(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$")]
Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
        r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$",
    ),
]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ()-]{3,28}[0-9]$")]

RoadId = Literal["ordinary", "overseas", "competition"]
LevelId = Literal["technician", "assistant", "intermediate", "associate_senior", "senior"]
# The 27 series; their names stand in policy/titles.yaml, and a test holds the two together.
SeriesId = Literal[
    "higher-education",
    "philosophy-social-science",
    "natural-science",
    "health",
    "engineering",
    "agriculture",
    "journalism",
    "publishing",
    "library",
    "museum",
    "archives",
    "arts-crafts",
    "technical-college",
    "sports",
    "translation",
    "broadcasting",
    "accounting",
    "statistics",
    "economics",
    "laboratory",
    "vocational-school",
    "school",
    "performing-arts",
    "public-legal",
    "shipping",
    "aviation",
    "audit",
]
DocumentType = Literal[
    "resident-id",
    "hmt-residence-permit",
    "foreign-permanent-residence",
    "hk-macao-travel-permit",
    "taiwan-travel-permit",
    "passport",
]
# `other` is for what the list does not name; the enumerations of the events read unknown values, HTTP refuses them.
DegreeId = Literal["secondary-vocational", "college", "bachelor", "second-bachelor", "master", "doctorate", "other"]
DegreeFieldId = Literal[
    "science",
    "engineering",
    "medicine",
    "accounting",
    "finance",
    "economics",
    "management",
    "law",
    "arts",
    "other",
]
EmployerKindId = Literal["company", "social-organisation", "individual-business", "public-institution", "other"]
RoleId = Literal["technical-lead", "project-lead", "core-member", "member", "other"]
