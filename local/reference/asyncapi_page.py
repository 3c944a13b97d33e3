"""The AsyncAPI document as a page that loads nothing, from nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from chassis.docs_page import shown, whole
from contracts.events import BY_TYPE, Event
from contracts.schemas import schema_of
from contracts.topics import TopicContract, topics
from local.reference.asyncapi import CONTRACTS, EXAMPLES, examples_of


def page(document: Mapping[str, Any], source: str) -> str:
    """HTML. `source`: where the document itself is, as seen from the page."""
    info = document["info"]
    link = f"<a href='{escape(source)}'>{escape(source)}</a>"
    return whole(
        f"{info['title']} {info['version']}",
        f"<p>{escape(info['description'])}</p><p>The same for machines: {link} (AsyncAPI {document['asyncapi']}).</p>"
        f"{''.join(_topic(topic) for topic in topics())}"
        f"<section><h2>Headers of every event</h2>{_headers(document['components']['schemas']['headers'])}</section>",
    )


def _topic(topic: TopicContract) -> str:
    return (
        f"<section><h2><b>topic</b> {escape(topic.name)}</h2>"
        f"<p>{escape(topic.producer)} says it; {escape(', '.join(topic.consumers))} listen. "
        f"Key: {escape(topic.key)}. Partitions: {topic.partitions}. Kept for {topic.retention_days} days.</p>"
        f"{''.join(_message(BY_TYPE[type_]) for type_ in topic.types)}</section>"
    )


def _message(kind: type[Event]) -> str:
    schema = {name: part for name, part in schema_of(kind).items() if name != "$schema"}  # it names a host
    paths = examples_of(kind)
    first = json.loads(paths[0].read_text(encoding="utf-8"))
    links = "".join(
        f"<li><a href='{CONTRACTS}/examples/{escape(path.relative_to(EXAMPLES).as_posix())}'>{escape(path.stem)}</a>"
        for path in paths
    )
    return (
        f"<h3><code>{escape(kind.TYPE)}</code></h3><p>{escape(schema.get('description', ''))}</p>"
        f"<details><summary>Schema</summary>{shown(schema)}</details>"
        f"<details><summary>An example: {escape(paths[0].stem)}</summary>{shown(first)}</details>"
        f"<details><summary>All examples</summary><ul>{links}</ul></details>"
    )


def _headers(schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(rule['description'])}</tr>"
        for name, rule in schema["properties"].items()
    )
    return f"<table><tr><th>header<th>meaning</tr>{rows}</table>"
