"""The store port as plain values: slow, in memory, and short enough to be believed. Every adapter agrees with it."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cmp_to_key
from typing import Any

from chassis.store import Cond, Document, Outcome, Pending, Where, Write


class Model:
    """One store."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.outbox: list[tuple[str, int]] = []  # (document, sequence), in the order of writing

    def write(self, write: Write) -> Outcome:
        there = self.documents.get(write.id)
        match write.kind:
            case "create":
                if there:
                    return Outcome.EXISTS
                there = Document(write.id, 0, {})
            case "push":
                if not there or any(there.seen.get(name, 0) + 1 != mark for name, mark in write.seen.items()):
                    return Outcome.CONFLICT
            case _:
                if not there or write.expected not in (None, there.version):
                    return Outcome.CONFLICT
                if any(there.seen.get(name, 0) >= mark for name, mark in write.seen.items()):
                    return Outcome.CONFLICT
        if write.kind == "remove":
            del self.documents[write.id]
            self.outbox = [entry for entry in self.outbox if entry[0] != write.id]
            return Outcome.WRITTEN
        data = deepcopy({**there.data, **write.fields})
        for name, entries in write.append.items():
            if entries:
                data[name] = [*data.get(name, []), *entries][-write.cap :]
        self.documents[write.id] = Document(
            write.id,
            there.version + (write.kind != "push"),
            data,
            {**there.seen, **write.seen},
            max([there.emitted, *(event.sequence for event in write.events)]),
        )
        self.outbox += [(write.id, event.sequence) for event in write.events]
        return Outcome.WRITTEN

    def write_ordered(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for write in writes:
            fine = all(outcome is Outcome.WRITTEN for outcome in outcomes)
            outcomes.append(self.write(write) if fine else Outcome.SKIPPED)
        return outcomes

    def mark_sent(self, sent: Sequence[Pending]) -> None:
        gone = {(entry.document_id, entry.sequence) for entry in sent}
        self.outbox = [entry for entry in self.outbox if entry not in gone]

    def sending(self) -> dict[str, list[int]]:
        return {id: [sequence for name, sequence in self.outbox if name == id] for id, _ in self.outbox}

    def find(self, where: Where, order: Sequence[str]) -> list[Document]:
        found = [document for document in self.documents.values() if _matches(document, where)]

        def compare(a: Document, b: Document) -> int:
            for part in [*order, "id"]:
                sign = -1 if part.startswith("-") else 1
                left, right = (_key(_value(document, part.removeprefix("-"))) for document in (a, b))
                if left != right:
                    return sign if left > right else -sign
            return 0

        return sorted(found, key=cmp_to_key(compare))


def _value(document: Document, field: str) -> Any:
    return document.id if field == "id" else document.data.get(field)


def _key(value: Any) -> tuple[bool, Any]:
    """Null before every value; text by code points, as Python does."""
    return (value is not None, value if value is not None else 0)


def _matches(document: Document, where: Where) -> bool:
    for field, wanted in where.items():
        conditions = (
            wanted if isinstance(wanted, list) else [wanted if isinstance(wanted, Cond) else Cond("is", wanted)]
        )
        if not all(_holds(_value(document, field), condition) for condition in conditions):
            return False
    return True


def _holds(value: Any, condition: Cond) -> bool:
    match condition.op:
        case "is":
            return bool(value == condition.value)
        case "is_not":
            return bool(value != condition.value)
        case "one_of":
            return value in condition.value
        case "holds":
            return condition.value in (value or [])
    if value is None:
        return False
    answers: dict[str, bool] = {
        "below": value < condition.value,
        "at_most": value <= condition.value,
        "above": value > condition.value,
        "at_least": value >= condition.value,
    }
    return answers[condition.op]
