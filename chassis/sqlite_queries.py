"""Filters and orders as SQL over JSON bodies. Values are bound; names come from checked fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.store import Index, Where
from chassis.store_rules import Comparison, beyond, comparisons, full_order

SIGNS = {"below": "<", "at_most": "<=", "above": ">", "at_least": ">="}


def quoted(name: str) -> str:
    """A table or index name."""
    return '"' + name.replace('"', '""') + '"'


def column(field: str) -> str:
    """The expression of a field; indexes are declared over the same text, so that SQLite finds them."""
    return "id" if field == "id" else f"json_extract(body, '$.\"{field}\"')"


def find(
    collection: str, where: Where, order: Sequence[str], limit: int, after: Sequence[Any] | None
) -> tuple[str, list[Any]]:
    parts = full_order(order)
    condition, values = _where(comparisons(where))
    if after is not None:
        branches = [_where(branch) for branch in beyond(parts, after)]
        condition += " AND (" + " OR ".join(f"({text})" for text, _ in branches) + ")"
        values += [value for _, bound in branches for value in bound]
    by = ", ".join(column(field) + (" DESC" if descending else "") for field, descending in parts)
    sql = f"SELECT id, version, emitted, seen, body FROM {quoted(collection)} WHERE {condition} ORDER BY {by} LIMIT ?"
    return sql, [*values, limit]


def count(collection: str, where: Where) -> tuple[str, list[Any]]:
    condition, values = _where(comparisons(where))
    return f"SELECT count(*) FROM {quoted(collection)} WHERE {condition}", values


def create_index(index: Index) -> str:
    name = "_".join([index.collection, *(field.replace("-", "desc_") for field in index.fields)])
    by = ", ".join(column(field) + (" DESC" if descending else "") for field, descending in full_order(index.fields))
    return f"CREATE INDEX IF NOT EXISTS {quoted('by_' + name)} ON {quoted(index.collection)} ({by})"


def _where(found: Sequence[Comparison]) -> tuple[str, list[Any]]:
    texts: list[str] = ["1"]
    values: list[Any] = []
    for field, condition in found:
        text, bound = _comparison(column(field), condition.op, condition.value, field)
        texts.append(text)
        values += bound
    return " AND ".join(texts), values


def _comparison(expression: str, op: str, value: Any, field: str) -> tuple[str, list[Any]]:
    match op:
        case "is":
            return (f"{expression} IS NULL", []) if value is None else (f"{expression} = ?", [value])
        case "is_not":
            return (f"{expression} IS NOT NULL", []) if value is None else (f"{expression} IS NOT ?", [value])
        case "one_of":
            wanted = [entry for entry in value if entry is not None]
            text = f"{expression} IN ({', '.join('?' * len(wanted))})"
            return (text if len(wanted) == len(value) else f"({text} OR {expression} IS NULL)"), wanted
        case "holds":
            return f"EXISTS (SELECT 1 FROM json_each(body, '$.\"{field}\"') WHERE value = ?)", [value]
        case _:
            return f"{expression} {SIGNS[op]} ?", [value]
