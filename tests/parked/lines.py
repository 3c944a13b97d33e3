"""Lines of parked events: how one comes about, how it is looked at, and how the store fails on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chassis import parked
from chassis.bus import Record
from chassis.store import Document, StoreUnavailable, change
from tests.chassis.bench import A, withdrawn
from tests.parked.operator import LONG, Operated
from tests.waiting import until


async def parked_line(bench: Operated, case: str = A, *, bad: int = 1, events: int = 3) -> None:
    """Events 1 to n of a case, of which one is refused; those from it on are parked."""
    bench.bad.add((case, bad))
    await bench.bus.publish([withdrawn(case, number) for number in range(1, events + 1)])
    await until(lambda: parked_are(bench, case, events - bad + 1), seconds=LONG)


async def parked_are(bench: Operated, case: str, number: int) -> bool:
    return await bench.store.count(parked.COLLECTION, {"key": case}) == number


async def mark_is(bench: Operated, case: str, sequence: int, producer: str = "intake") -> bool:
    document = await bench.store.get("things", case)
    return document is not None and document.seen.get(producer) == sequence


def version_9(record: Record) -> Record:
    """The same in a major version that nobody knows yet."""
    headers = {**dict(record.headers), "ce_dataschema": "urn:zhicheng:intake.case.withdrawn:9"}
    return replace(record, headers=tuple(headers.items()))


async def older(bench: Operated, entry: Document) -> None:
    """As if the software knew the version now."""
    headers = [
        ["ce_dataschema", "urn:x:1"] if name == "ce_dataschema" else [name, v] for name, v in entry.data["headers"]
    ]
    await bench.store.write([change(parked.COLLECTION, entry, {"headers": headers})])


def failing(bench: Operated, when: Callable[[Any], bool], *, after: bool = False) -> list[Any]:
    """The store fails once, when it is asked for such writes; `after`: it has written them all the same."""
    write, failed = bench.store.write, list[Any]()

    async def broken(writes: Any, *, ordered: bool = False) -> Any:
        fails = not failed and bool(writes) and when(writes)
        if fails:
            failed.append(writes)
        if fails and not after:
            raise StoreUnavailable
        outcomes = await write(writes, ordered=ordered)
        if fails:
            raise StoreUnavailable
        return outcomes

    bench.store.write = broken  # type: ignore[method-assign]
    return failed
