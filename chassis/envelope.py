"""Events as records of the bus: the binary mode of the CloudEvents Kafka binding."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from chassis import chain
from chassis.bus import Received, Record
from chassis.chain import Chain
from chassis.handlers import Delivery
from contracts.events import Event

# What every store can keep as a mark: anything else would stop the consumer where it is saved, or parked.
_PRODUCER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SEQUENCE = re.compile(r"[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that no reader can use, with the reason as a code."""

    received: Received
    reason: str


def to_record(
    event: Event,
    *,
    sequence: int,
    before: Chain | None = None,
    source: str,
    time: str,
    partner_id: str,
    correlation_id: str,
    causation_id: str,
) -> Record:
    """The record of an event. Its id derives from source, key and sequence, so a repeat carries the same one.

    before: the last event of each type before it. Without it a reader takes every number before for one it must have.
    """
    headers = {
        "ce_specversion": "1.0",
        "ce_id": _event_id(source, event.case_id, sequence),
        "ce_source": source,
        "ce_type": event.TYPE,
        "ce_subject": event.case_id,
        "ce_time": time,
        "ce_dataschema": f"urn:zhicheng:{event.TYPE}:{event.VERSION}",
        "ce_sequence": str(sequence),
        **({} if before is None else {"ce_before": chain.text(before)}),
        "ce_partnerid": partner_id,
        "ce_correlationid": correlation_id,
        "ce_causationid": causation_id,
        "content-type": "application/json",
        "traceparent": _traceparent(correlation_id, event.case_id, sequence),
    }
    value = event.model_dump_json(by_alias=True).encode()
    return Record(event.TOPIC, event.case_id, tuple(headers.items()), value)


def _event_id(source: str, key: str, sequence: int) -> str:
    return "e_" + hashlib.sha256(f"{source}|{key}|{sequence}".encode()).hexdigest()[:32]


def _traceparent(correlation_id: str, key: str, sequence: int) -> str:
    """W3C trace context, not sampled: one trace per correlation, so that what follows from a request hangs together."""
    trace = hashlib.sha256(correlation_id.encode()).hexdigest()[:32]
    span = hashlib.sha256(f"{key}|{sequence}".encode()).hexdigest()[:16]
    return f"00-{trace}-{span}-00"


def decode(received: Received, known: Mapping[str, type[Event]]) -> Delivery | Unreadable:
    """Reads the envelope, and the event when its type is known here. A higher major version is not readable."""
    headers = dict(received.headers)
    type_, source, key = headers.get("ce_type"), headers.get("ce_source"), received.key
    if not type_ or not source or not key:
        return Unreadable(received, "headers-missing")
    producer = source.strip("/")
    if not _PRODUCER.fullmatch(producer):
        return Unreadable(received, "source-unknown")
    if not _SEQUENCE.fullmatch(headers.get("ce_sequence", "")):
        return Unreadable(received, "sequence-missing")
    sequence = int(headers["ce_sequence"])
    before = chain.read(headers["ce_before"], sequence) if "ce_before" in headers else None
    if before is None and "ce_before" in headers:
        return Unreadable(received, "before-not-valid")
    event: Event | None = None
    if kind := known.get(type_):
        version = headers.get("ce_dataschema", "").rpartition(":")[2]
        if not version.isdigit() or int(version) > kind.VERSION:
            return Unreadable(received, "version-unknown")
        if received.value is None:
            return Unreadable(received, "empty")
        try:
            event = kind.model_validate_json(received.value)
        except ValidationError:
            return Unreadable(received, "not-valid")
        if event.case_id != key:
            return Unreadable(received, "key-differs")
    return Delivery(
        received=received,
        type=type_,
        key=key,
        producer=producer,
        sequence=sequence,
        id=headers.get("ce_id", ""),
        time=headers.get("ce_time", ""),
        partner_id=headers.get("ce_partnerid", ""),
        correlation_id=headers.get("ce_correlationid", ""),
        event=event,
        before=before,
    )
