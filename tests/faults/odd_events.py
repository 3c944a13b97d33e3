"""Records as no service of ours would write them, put into the topics beside ordinary load."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from chassis.adapters import open_bus
from chassis.bus import MAX_RECORD_BYTES, Record
from chassis.envelope import to_record
from contracts.events import CaseWithdrawn, Event
from contracts.topics import topics
from tests.faults.reading import INJECTED

TOPIC = CaseWithdrawn.TOPIC
UNKNOWN_TYPE = "intake.case.of-tomorrow"


@dataclass(frozen=True, slots=True)
class Odd:
    """A record that must be parked by whoever hears the topic, with this reason."""

    reason: str
    record: Record


def odd_key(name: str) -> str:
    """A key that looks like a case id and is that of no case. `name`: a few letters."""
    return "c_" + f"odd{name}".ljust(26, "2")


def withdrawal(key: str, sequence: int, *, at: str = "2024-11-20T08:00:00.000Z") -> Record:
    return _record(CaseWithdrawn(case_id=key, revision=1, case_number="n"), sequence, at=at)


def of_tomorrow(key: str, sequence: int) -> Record:
    """A type that no service knows."""
    return changed(withdrawal(key, sequence), ce_type=UNKNOWN_TYPE, ce_dataschema=f"urn:zhicheng:{UNKNOWN_TYPE}:1")


def unreadable() -> list[Odd]:
    """One of each kind, each with a key of its own."""

    def usual(key: str) -> Record:
        return withdrawal(odd_key(key), 1)

    return [
        Odd("version-unknown", changed(usual("version"), ce_dataschema="urn:zhicheng:intake.case.withdrawn:2")),
        Odd("not-valid", holding(usual("unparsable"), b'{"case_id": ')),
        Odd("not-valid", holding(usual("large"), b'"' + b"x" * (MAX_RECORD_BYTES - 5_000) + b'"')),
        Odd("not-valid", holding(usual("otherfields"), b"{}")),
        Odd("not-valid", holding(usual("nothing"), b"")),
        Odd("key-differs", holding(usual("othercase"), json.dumps(_withdrawn(odd_key("another"))).encode())),
        Odd("headers-missing", changed(usual("notype"), ce_type=None)),
        Odd("headers-missing", changed(usual("nosource"), ce_source=None)),
        Odd("sequence-missing", changed(usual("nosequence"), ce_sequence=None)),
        Odd("sequence-missing", changed(usual("nonumber"), ce_sequence="first")),
        Odd("source-unknown", changed(usual("strangesource"), ce_source="/{$where}")),
    ]


def oversized() -> Record:
    return holding(withdrawal(odd_key("oversized"), 1), b"x" * (MAX_RECORD_BYTES + 1))


def changed(record: Record, **headers: str | None) -> Record:
    """With other headers; None takes one away."""
    kept = {name: value for name, value in (dict(record.headers) | headers).items() if value is not None}
    return Record(record.topic, record.key, tuple(kept.items()), record.value)


def holding(record: Record, value: bytes) -> Record:
    return Record(record.topic, record.key, record.headers, value)


async def publish(bus_url: str, records: Sequence[Record]) -> list[bool]:
    """Marked, so that the checker leaves them out."""
    bus = await open_bus(bus_url)
    try:
        return await bus.publish([changed(record, **{INJECTED: "1"}) for record in records])
    finally:
        await bus.close()


async def publish_tombstone(bus_url: str, key: str) -> None:
    """A record of a known type with no value at all: our own adapters cannot write it."""
    record = changed(withdrawal(key, 1), **{INJECTED: "1"})
    if bus_url.startswith("kafka://"):
        headers = [(name, value.encode()) for name, value in record.headers]
        async with AIOKafkaProducer(bootstrap_servers=bus_url.removeprefix("kafka://")) as producer:
            await producer.send_and_wait(record.topic, None, key.encode(), headers=headers)
        return
    connection = sqlite3.connect(bus_url.removeprefix("local:"), timeout=30)
    with connection:
        connection.execute(
            "INSERT INTO records (topic, at, key, headers, value) VALUES (?, ?, ?, ?, NULL)",
            (record.topic, time.time_ns() // 1_000_000, key, json.dumps(record.headers)),
        )
    connection.close()


async def everything_again(bus_url: str) -> int:
    """Each event that the topics hold once more, in its order; how many."""
    bus = await open_bus(bus_url)
    try:
        found = [record for topic in topics() for record in await bus.read_all(topic.name)]
    finally:
        await bus.close()
    ours = [
        Record(each.topic, each.key, each.headers, each.value or b"") for each in found if each.header(INJECTED) is None
    ]
    assert all(await publish(bus_url, ours))
    return len(ours)


def _record(event: Event, sequence: int, *, at: str) -> Record:
    return to_record(
        event,
        sequence=sequence,
        source="/intake",
        time=at,
        partner_id="demo-partner",
        correlation_id="odd",
        causation_id="",
    )


def _withdrawn(key: str) -> dict[str, object]:
    return CaseWithdrawn(case_id=key, revision=1, case_number="n").model_dump(mode="json")
