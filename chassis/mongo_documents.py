"""Documents, writes, filters and orders as MongoDB sees them. The outbox and the marks live inside the document.

{_id, _v: version, <fields>, _seen: {producer: n}, _emitted: n, _w: [tokens of the last writes],
 _out: [{seq, by: writer, n: its number, at: ms, record: {topic, key, headers, value}}], _ends: true while an ended
 document has events in _out}

An event stays in `_out` after it was sent; the next change of the document drops what is known to be sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chassis.bus import Record
from chassis.mongo_writers import Number
from chassis.store import Document, Numbered, Outgoing, Pending, Where, Write
from chassis.store_rules import Comparison, beyond, comparisons, extended, full_order, set_fields

TOKENS = 8  # a write finds its token unless this many others of the same document came between write and look
INTERNALS = frozenset({"_out", "_ends", "_w"})
WITHOUT_INTERNALS = {"_out.record": 0, "_out.at": 0, "_ends": 0, "_w": 0}
NUMBERS = {"_out.seq": 1, "_out.by": 1, "_out.n": 1}
BY_WRITER = [("_out.by", 1), ("_out.n", 1)]  # an index over the events that wait, and those that were sent
ENDED = {"_ends": True}
HAS_OUTBOX = {"_out": {"$exists": True}}
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


def inserted(write: Write, numbers: Sequence[Number] = ()) -> dict[str, Any]:
    """The document that a `create` makes. It carries no token: a taken id is reported by the server."""
    lists = {name: list(entries)[-write.cap :] for name, entries in extended(write).items()}
    emitted = write.events[-1].sequence if write.events else 0
    document = {"_id": write.id, "_v": 1, **set_fields(write), **lists, "_seen": dict(write.seen), "_emitted": emitted}
    if write.events:
        document["_out"] = _entries(write.events, numbers)
    return document


def updated(
    write: Write, token: int, numbers: Sequence[Number] = (), sent: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Filter and update of a change or push. Sets and extends what the write says; nothing is replaced as a whole.

    sent: so many events at the head of the outbox that was read are dropped. Nothing comes into the outbox without a
    new version, so the last ones, counted, are those that stay.
    """
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
    stay = len(write.outbox or ()) - sent
    if write.events or sent:
        lists["_out"] = {"$each": _entries(write.events, numbers)}
    if sent:
        lists["_out"]["$slice"] = -(stay + len(write.events))
    if write.events:
        values["_emitted"] = write.events[-1].sequence
    if write.ends and (stay or write.events or write.outbox is None):
        values["_ends"] = True
    if values:
        update["$set"] = values
    return where, update


def removed(write: Write) -> dict[str, Any]:
    return {"_id": write.id} if write.expected is None else {"_id": write.id, "_v": write.expected}


def above(marks: Mapping[str, int]) -> dict[str, Any]:
    """The documents with an event of these writers above their marks."""
    return {"$or": [{"_out": {"$elemMatch": {"by": name, "n": {"$gt": mark}}}} for name, mark in marks.items()]}


def without(numbers: Sequence[Number]) -> list[dict[str, Any]]:
    """The pipeline that takes exactly these events out of a document; what was added meanwhile stays."""
    by_writer: dict[str, list[int]] = {}
    for name, number in numbers:
        by_writer.setdefault(name, []).append(number)
    gone = [{"$and": [{"$eq": ["$$this.by", name]}, {"$in": ["$$this.n", those]}]} for name, those in by_writer.items()]
    return [{"$set": {"_out": {"$filter": {"input": "$_out", "cond": {"$not": [{"$or": gone}]}}}}}]


def document(found: dict[str, Any]) -> Document:
    """From a document read without its internals."""
    id, version = found.pop("_id"), int(found.pop("_v"))
    seen, emitted = found.pop("_seen", {}), int(found.pop("_emitted", 0))
    outbox = numbered(found)
    found.pop("_out", None)
    return Document(id, version, found, {producer: int(mark) for producer, mark in seen.items()}, emitted, outbox)


def numbered(found: Mapping[str, Any]) -> tuple[Numbered, ...]:
    """The numbers of the events in a document's outbox."""
    outbox = found.get("_out", ())
    return tuple(Numbered(int(event["seq"]), event.get("by", ""), int(event.get("n", 0))) for event in outbox)


def unsent(collection: str, found: Mapping[str, Any], is_sent: Callable[[str, int], bool]) -> tuple[int, list[Pending]]:
    """What a document still has to send, in its order, and since when (ms)."""
    entries = [entry for entry in found.get("_out", ()) if not is_sent(entry["by"], int(entry["n"]))]
    events = [
        Pending(collection, found["_id"], int(entry["seq"]), _record(entry["record"]), entry["by"], int(entry["n"]))
        for entry in entries
    ]
    return min((int(entry["at"]) for entry in entries), default=0), events


def outbox(unsent: Sequence[Outgoing], numbers: Sequence[Number]) -> dict[str, Any]:
    """The internals of a document that still has to send these."""
    return {"_out": _entries(unsent, numbers)} if unsent else {}


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


def _entries(events: Sequence[Outgoing], numbers: Sequence[Number]) -> list[dict[str, Any]]:
    at = _now()
    return [
        {"seq": event.sequence, "by": name, "n": number, "at": at, "record": _stored(event)}
        for event, (name, number) in zip(events, numbers, strict=True)
    ]


def _stored(event: Outgoing) -> dict[str, Any]:
    record = event.record
    headers = [[name, text] for name, text in record.headers]
    return {"topic": record.topic, "key": record.key, "headers": headers, "value": record.value}


def _record(stored: Mapping[str, Any]) -> Record:
    headers = tuple((name, text) for name, text in stored["headers"])
    return Record(stored["topic"], stored["key"], headers, stored["value"])


def _now() -> int:
    """Orders what waits, oldest first; correctness does not depend on it."""
    return time.time_ns() // 1_000_000
