"""What every store adapter agrees on: what a document may hold, how filters and orders read, how lists grow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from chassis.store import Cond, Where, Write

MOST = 2**53  # integers beyond it are not the same number for every reader of JSON
DEEPEST = 64
OPERATORS = frozenset({"is", "is_not", "below", "at_most", "above", "at_least", "one_of", "holds"})
NOT_IN_NAMES = frozenset("\"'\\.$\0")

Comparison = tuple[str, Cond]  # field, comparison; "is" = equal (None: missing or null)


def check(write: Write) -> None:
    """Raises ValueError, without the value, for what some store could not keep as it is. Nothing is written then."""
    if not write.id:
        raise ValueError("a document needs an id")
    if write.cap < 1:
        raise ValueError("a list keeps at least one entry")
    for name in write.fields:
        _check_field(name)
    for name in write.append:
        _check_field(name)
    for name, value in write.unless.items():
        _check_field(name)
        if not isinstance(value, str | int | float):
            raise ValueError("a push asks for text, numbers or booleans only")
    _check_parts([[write.id], write.fields.values(), [list(entries) for entries in write.append.values()]])
    for producer in write.seen:
        if not producer.replace("-", "").replace("_", "").isalnum():
            raise ValueError("a producer is a word")
    for event in write.events:
        if not isinstance(event.record.value, bytes):
            raise ValueError("an event's value is bytes")


@lru_cache(maxsize=1024)  # names come from code
def _check_field(name: str) -> None:
    if not name or name == "id" or name[0] in "_-" or not NOT_IN_NAMES.isdisjoint(name):
        raise ValueError("not the name of a top-level field: 'id', a leading '_' or '-', and any of \"'\\.$ are kept")


def _check_parts(level: list[Iterable[Any]]) -> None:
    """Runs over every value of every write, level by level: what is frequent comes first, and without a call."""
    for _ in range(DEEPEST + 1):
        deeper: list[Iterable[Any]] = []
        for parts in level:
            for part in parts:
                kind = type(part)
                if kind is str:
                    if not part.isascii():
                        part.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
                elif kind is dict:
                    if not _KEYS.issuperset(part):
                        _check_keys(part)
                    deeper.append(part.values())
                elif kind is list:
                    deeper.append(part)
                elif part is not None and kind is not bool:
                    deeper += _other_parts(part)
        if not deeper:
            return
        level = deeper
    raise ValueError(f"nested deeper than {DEEPEST}")


# Keys that were checked: nearly all come from code, and the same ones come again and again.
_KEYS: set[str] = set()
_MOST_KEYS = 2000


def _check_keys(value: Mapping[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, str) or key.startswith("$") or "\0" in key:
            raise ValueError("a key that is not text, begins with '$' or holds a NUL")
        key.encode()
        if len(_KEYS) < _MOST_KEYS:
            _KEYS.add(key)


def _other_parts(value: Any) -> list[Iterable[Any]]:
    """What is neither text nor one of JSON's own holders: a number, or a kind of text, dict or list.

    Kinds of tuple (named ones) and of float are refused: SQLite's adapter could not spell them.
    """
    if isinstance(value, dict):
        _check_keys(value)
        return [value.values()]
    if isinstance(value, list) or type(value) is tuple:
        return [value]
    if isinstance(value, int):
        if not -MOST <= value <= MOST:
            raise ValueError("an integer beyond 2^53")
    elif isinstance(value, str):
        value.encode()
    elif type(value) is float:
        if not math.isfinite(value):
            raise ValueError("a number that JSON does not have")
    else:
        raise ValueError(f"not a JSON value: {type(value).__name__}")
    return []


def comparisons(where: Where) -> list[Comparison]:
    """The filter as a list of comparisons that must all hold. ValueError for one that stores would read differently."""
    found: list[Comparison] = []
    for name, wanted in where.items():
        if name != "id":
            _check_field(name)
        if isinstance(wanted, Cond):
            conditions: Sequence[Cond] = (wanted,)
        elif isinstance(wanted, list | tuple):
            conditions = wanted
        else:
            conditions = (Cond("is", wanted),)
        if not conditions:
            raise ValueError(f"no condition for {name}")
        for condition in conditions:
            _check_condition(condition)
            found.append((name, condition))
    return found


def _check_condition(condition: Cond) -> None:
    if not isinstance(condition, Cond) or condition.op not in OPERATORS:
        raise ValueError("not a comparison")
    values = list(condition.value) if condition.op == "one_of" else [condition.value]
    if any(isinstance(value, list | tuple | dict) for value in values):
        raise ValueError(f"{condition.op} compares with text, numbers, booleans and None only")
    if condition.value is None and condition.op not in ("is", "is_not"):
        raise ValueError(f"{condition.op} needs a value")


def full_order(order: Sequence[str]) -> list[tuple[str, bool]]:
    """(field, descending?) for each part; the document's id is always the last."""
    parts = [(name.removeprefix("-"), name.startswith("-")) for name in order]
    names = [name for name, _ in parts]
    for name in names:
        if name != "id":
            _check_field(name)
    if "id" not in names:
        parts.append(("id", False))
    elif names.index("id") != len(names) - 1:
        raise ValueError("the id is the last of an order")
    return parts


def beyond(order: Sequence[tuple[str, bool]], after: Sequence[Any]) -> list[list[Comparison]]:
    """What comes after a place in an order: one of these lists of comparisons holds. Null sorts before every value."""
    if len(after) != len(order):
        raise ValueError("`after` has one value per part of the order, the id at the end")
    branches: list[list[Comparison]] = []
    same: list[Comparison] = []
    for (name, descending), value in zip(order, after, strict=True):
        if not descending:
            branches.append([*same, (name, Cond("is_not", None) if value is None else Cond("above", value))])
        elif value is not None:
            branches.append([*same, (name, Cond("below", value))])
            branches.append([*same, (name, Cond("is", None))])
        same = [*same, (name, Cond("is", value))]
    return branches


def set_fields(write: Write) -> dict[str, Any]:
    """The fields to set. A list that is set and extended by one write is set to both together."""
    both = {name: grown(write.fields[name], write, name) for name in write.append if name in write.fields}
    return {**write.fields, **both}


def extended(write: Write) -> Mapping[str, Sequence[Any]]:
    """The lists that are extended where they are."""
    return {name: entries for name, entries in write.append.items() if entries and name not in write.fields}


def grown(there: Any, write: Write, name: str) -> list[Any]:
    """The list `there` with what the write appends, its last `cap` entries. ValueError if it is something else."""
    if not isinstance(there, list | tuple):
        raise ValueError(f"{name} is not a list")
    return [*there, *write.append[name]][-write.cap :]
