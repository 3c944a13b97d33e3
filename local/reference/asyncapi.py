"""The AsyncAPI 3.0 document of the topics. Schemas and examples stay in contracts/, the document points there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chassis.version import VERSION
from contracts.events import BY_TYPE, Event
from contracts.schemas import file_of
from contracts.topics import TopicContract, topics

CONTRACTS = "../../contracts"  # as seen from docs/reference
EXAMPLES = Path(__file__).parents[2] / "contracts" / "examples"
DAY_MS = 24 * 60 * 60 * 1000

_HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "ce_specversion": ({"const": "1.0"}, "Version of CloudEvents."),
    "ce_id": ({"pattern": "^e_[0-9a-f]{32}$"}, "Id of the event. A repeat carries the same one."),
    "ce_source": ({"pattern": "^/[a-z]+$"}, "The service that says it."),
    "ce_type": ({}, "What happened."),
    "ce_subject": ({"pattern": "^c_[a-z2-7]{26}$"}, "Id of the case, the same as the key."),
    "ce_time": ({"format": "date-time"}, "When it was said, UTC with milliseconds."),
    "ce_dataschema": ({}, "urn:zhicheng:<type>:<major version>. A higher major version is not readable."),
    "ce_sequence": (
        {"pattern": "^[1-9][0-9]*$"},
        "Counts the events of one key from 1. Drop the same or a lower number; never handle past a gap.",
    ),
    "ce_before": (
        {"pattern": "^[^=,]+=[0-9]+(,[^=,]+=[0-9]+)*$"},
        "Which numbers the events before bear, of this key: <type>=<number of the last of that type>, with commas. "
        "*=n stands for events of any type up to n; *=0: this is the first. A reader that hears some types only has a "
        "gap when the highest number among those types and * is above the last one that it has handled.",
    ),
    "ce_partnerid": ({}, "The partner that owns the case."),
    "ce_correlationid": ({}, "Leads through everything that followed from one request."),
    "ce_causationid": ({}, "Id of the event that this one answers; empty when a request caused it."),
    "content-type": ({"const": "application/json"}, "Of the value."),
    "traceparent": ({"pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}, "W3C trace context."),
}


def document() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "zhicheng events",
            "version": VERSION,
            "description": (
                "One topic per owner, its event types told apart by the header ce_type (CloudEvents, binary mode of "
                "the Kafka binding). Delivery is at least once, in order per key. Readers ignore fields they do not "
                "know and skip types they do not know; inside a major version fields are only added."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics()},
        "operations": dict(operation for topic in topics() for operation in _operations(topic)),
        "components": {
            "messages": {kind.TYPE: _message(kind) for kind in BY_TYPE.values()},
            "schemas": {"headers": headers_schema()},
        },
    }


def headers_schema() -> dict[str, Any]:
    """JSON Schema of the headers of every event."""
    return {
        "type": "object",
        "required": list(_HEADERS),
        "properties": {
            name: {"type": "string", **rule, "description": sentence} for name, (rule, sentence) in _HEADERS.items()
        },
    }


def examples_of(kind: type[Event]) -> Sequence[Path]:
    """The checked-in examples of an event, one per branch of the rules that shape it."""
    return sorted((EXAMPLES / kind.TYPE / str(kind.VERSION)).glob("*.json"))


def _channel(topic: TopicContract) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Written by {topic.producer} alone. Heard by {', '.join(topic.consumers)}.",
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in topic.types},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"retention.ms": topic.retention_days * DAY_MS},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(topic: TopicContract) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    sends = {"action": "send", "channel": channel, "summary": f"{topic.producer} says what happened."}
    hears = [
        (f"{name}.hears.{topic.name}", {"action": "receive", "channel": channel, "summary": f"{name} listens."})
        for name in topic.consumers
    ]
    return [(f"{topic.producer}.sends.{topic.name}", sends), *hears]


def _message(kind: type[Event]) -> dict[str, Any]:
    examples = [
        {
            "name": path.stem,
            "headers": {"$ref": f"{where}#/headers"},
            "payload": {"$ref": f"{where}#/value"},
        }
        for path in examples_of(kind)
        for where in [f"{CONTRACTS}/examples/{path.relative_to(EXAMPLES).as_posix()}"]
    ]
    schema = json.loads(file_of(kind).read_text(encoding="utf-8"))
    return {
        "name": kind.TYPE,
        "title": schema["title"],
        **({"summary": schema["description"]} if schema.get("description") else {}),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"{CONTRACTS}/schemas/{file_of(kind).name}"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "pattern": "^c_[a-z2-7]{26}$", "description": "The case id."},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": examples,
    }
