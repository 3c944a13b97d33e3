"""Documents, writes, filters and orders as MongoDB sees them. The outbox and the marks live inside the document.

{_id, _v: version, <fields>, _seen: {producer: n}, _emitted: n, _out: [{seq, topic, key, headers, value}],
 _pend: ms since when something waits in _out, _w: [tokens of the last writes]}
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.bus import Record
from chassis.store import Document, Outgoing, Pending, Where, Write
from chassis.store_rules import Comparison, beyond, comparisons, extended, full_order, set_fields

TOKENS = 8  # a write finds its token unless this many others of the same document came between write and look
WITHOUT_INTERNALS = {"_out": 0, "_pend": 0, "_w": 0}
PENDING = {"_pend": {"$gt": 0}}
SIGNS = {
    "is": "$eq",
    "is_not": "$ne",
    "below": "$lt",
    "at_most": "$lte",
    "above": "$gt",
    "at_least": "$gte",
    "one_of": "$in",
    "holds": "$eq",  # equality looks into lists
}


def inserted(write: Write) -> dict[str, Any]:
    """The document that a `create` makes. It carries no token: a taken id is reported by the server."""
    lists = {name: list(entries)[-write.cap :] for name, entries in extended(write).items()}
    emitted = write.events[-1].sequence if write.events else 0
    document = {"_id": write.id, "_v": 1, **set_fields(write), **lists, "_seen": dict(write.seen), "_emitted": emitted}
    if write.events:
        document |= {"_out": [_entry(event) for event in write.events], "_pend": _now()}
    return document


def updated(write: Write, token: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Filter and update of a change or push. Sets and extends what the write says; nothing is replaced as a whole."""
    where: dict[str, Any] = {"_id": write.id}
    values: dict[str, Any] = {f"_seen.{producer}": mark for producer, mark in write.seen.items()}
    lists: dict[str, Any] = {
        name: {"$each": list(entries), "$slice": -write.cap} for name, entries in extended(write).items()
    }
    lists["_w"] = {"$each": [token], "$slice": -TOKENS}
    update: dict[str, Any] = {"$push": lists}
    if write.kind == "push":
        for producer, mark in write.seen.items():
            where[f"_seen.{producer}"] = {"$in": [0, None]} if mark == 1 else mark - 1
        where |= {name: {"$ne": value} for name, value in write.unless.items()}
    else:
        where["_v"] = write.expected
        where |= {f"_seen.{producer}": {"$not": {"$gte": mark}} for producer, mark in write.seen.items()}
        values |= {**set_fields(write), "_v": (write.expected or 0) + 1}
    if write.events:
        lists["_out"] = {"$each": [_entry(event) for event in write.events]}
        values["_emitted"] = write.events[-1].sequence
        update["$min"] = {"_pend": _now()}  # the oldest stays
    if values:
        update["$set"] = values
    return where, update


def removed(write: Write) -> dict[str, Any]:
    return {"_id": write.id} if write.expected is None else {"_id": write.id, "_v": write.expected}


def marked(id: str, sent: Sequence[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Filter and pipeline that take exactly these events out of a document, and it off the list when none is left."""
    stays = {"$not": [{"$in": ["$$this.seq", list(sent)]}]}
    return {"_id": id, **PENDING}, [
        {"$set": {"_out": {"$filter": {"input": "$_out", "cond": stays}}}},
        {"$set": {"_pend": {"$cond": [{"$eq": ["$_out", []]}, "$$REMOVE", "$_pend"]}}},
    ]


def document(found: dict[str, Any]) -> Document:
    """From a document read without its internals."""
    id, version = found.pop("_id"), int(found.pop("_v"))
    seen, emitted = found.pop("_seen", {}), int(found.pop("_emitted", 0))
    return Document(id, version, found, {producer: int(mark) for producer, mark in seen.items()}, emitted)


def pending(collection: str, found: Mapping[str, Any]) -> list[Pending]:
    """What a document still has to send, in its order."""
    return [Pending(collection, found["_id"], event.sequence, event.record) for event in outgoing(found)]


def outgoing(found: Mapping[str, Any]) -> list[Outgoing]:
    return [
        Outgoing(
            int(entry["seq"]),
            Record(
                entry["topic"], entry["key"], tuple((name, text) for name, text in entry["headers"]), entry["value"]
            ),
        )
        for entry in found.get("_out", ())
    ]


def outbox(unsent: Sequence[Outgoing]) -> dict[str, Any]:
    """The internals of a document that still has to send these."""
    return {"_out": [_entry(event) for event in unsent], "_pend": _now()} if unsent else {}


def query(where: Where, order: Sequence[tuple[str, bool]] = (), after: Sequence[Any] | None = None) -> dict[str, Any]:
    conditions = _all(comparisons(where))
    if after is not None:
        conditions.append({"$or": [{"$and": _all(branch)} for branch in beyond(order, after)]})
    return {"$and": conditions} if conditions else {}


def keys(order: Sequence[str]) -> list[tuple[str, int]]:
    """For a sort or an index; the id comes last."""
    return [(_name(field), -1 if descending else 1) for field, descending in full_order(order)]


def _all(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [
        {_name(field): {SIGNS[condition.op]: list(condition.value) if condition.op == "one_of" else condition.value}}
        for field, condition in found
    ]


def _name(field: str) -> str:
    return "_id" if field == "id" else field


def _entry(event: Outgoing) -> dict[str, Any]:
    record = event.record
    headers = [[name, text] for name, text in record.headers]
    return {"seq": event.sequence, "topic": record.topic, "key": record.key, "headers": headers, "value": record.value}


def _now() -> int:
    """Orders what waits, oldest first; correctness does not depend on it."""
    return time.time_ns() // 1_000_000
