"""Topics, event models and schemas agree, and no schema has room for what must not travel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.events import BY_TYPE, EVENTS, Event
from contracts.schemas import FOLDER, file_of, text_of
from contracts.topics import topics

# The allow-list of promise 5, by the paths that an event may have. A new path is a decision, not a slip.
NEVER = {"name", "birth", "birthday", "document", "number_of_document", "email", "phone", "contact", "address", "file"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
def test_the_schema_on_file_is_the_one_of_the_model(event: type[Event]) -> None:
    assert file_of(event).read_text(encoding="utf-8") == text_of(event), "run python -m contracts.schemas"


def test_no_schema_is_left_of_an_event_that_is_gone() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {file_of(event).name for event in EVENTS}


def test_each_type_stands_in_the_topic_of_its_model_and_nowhere_else() -> None:
    placed = {type_: topic.name for topic in topics() for type_ in topic.types}
    assert placed == {event.TYPE: event.TOPIC for event in EVENTS}
    assert sum(len(topic.types) for topic in topics()) == len(BY_TYPE)


def test_a_topic_is_heard_by_others_than_its_producer() -> None:
    for topic in topics():
        assert topic.consumers
        assert topic.producer not in topic.consumers


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
def test_no_event_has_a_field_for_a_direct_identifier(event: type[Event]) -> None:
    assert not _fields(json.loads(text_of(event))) & NEVER


def _fields(schema: Any) -> set[str]:
    """Every property name in a schema."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        for part in schema.values():
            found |= _fields(part)
    elif isinstance(schema, list):
        for part in schema:
            found |= _fields(part)
    return found


def test_readers_ignore_fields_that_they_do_not_know() -> None:
    for event in EVENTS:
        assert event.model_config.get("extra") == "ignore"
