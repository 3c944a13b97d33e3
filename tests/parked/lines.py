"""Lines of parked events: how one comes about and how it is looked at."""

from __future__ import annotations

from dataclasses import replace

from chassis import parked
from chassis.bus import Record
from chassis.store import Document, change
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
