"""JSON as this system reads it: what parsers let through and then read differently is refused (RFC 7493)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chassis.problems import MalformedJson

MAX_DEPTH = 32
_LARGEST = 2**53 - 1  # beyond it, readers of JSON disagree about an integer
# A string (also one that does not end, so that each character is looked at once) or a bracket.
_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SPECIAL_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def parse_json(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text. MalformedJson names one of the rules `utf-8`, `syntax`, `too-deep`, `repeated-key`,
    `not-a-json-number`, `number-too-large`, `lone-surrogate`, `nul-character`; never the value or its place."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJson("utf-8") from None
    _check_depth(text, max_depth)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except ValueError:
        raise MalformedJson("syntax") from None
    if _SPECIAL_ESCAPE.search(text):
        _check_strings(value)
    return value


def _check_depth(text: str, limit: int) -> None:
    """Before parsing, because a parser that recurses is what depth attacks."""
    depth = 0
    for found in _STRINGS_AND_BRACKETS.finditer(text):
        match found.group()[0]:
            case "[" | "{":
                depth += 1
                if depth > limit:
                    raise MalformedJson("too-deep", limit=limit)
            case "]" | "}":
                depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise MalformedJson("repeated-key")
    return value


def _constant(_: str) -> Any:
    raise MalformedJson("not-a-json-number")  # NaN, Infinity, -Infinity


def _float(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise MalformedJson("number-too-large")
    return value


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _LARGEST:
        raise MalformedJson("number-too-large")
    return int(text)


def _check_strings(value: Any) -> None:
    for text in _strings(value):
        if "\0" in text:
            raise MalformedJson("nul-character")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise MalformedJson("lone-surrogate") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _strings(part)
