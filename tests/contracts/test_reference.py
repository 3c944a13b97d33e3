"""The reference that is checked in is the one that the code makes, and independent validators take it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from contracts.events import BY_TYPE
from contracts.topics import topics
from local.reference.asyncapi import EXAMPLES, headers_schema
from local.reference.everything import FOLDER, documents

# The official schema of AsyncAPI 3.0.0, unchanged, from the npm package @asyncapi/specs 6.11.1 (Apache-2.0).
ASYNCAPI_SCHEMA = Path(__file__).with_name("asyncapi") / "3.0.0.json"
SERVICES = ("intake", "equivalence", "competition", "notify")

made = cache(documents)


def named(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def test_every_file_is_what_the_code_makes_today() -> None:
    differing = [
        named(path) for path, text in made().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not differing, "run python -m local.reference"


def test_nothing_else_lies_there() -> None:
    assert {named(path) for path in FOLDER.rglob("*.*")} == {named(path) for path in made()}


@pytest.mark.parametrize("service", SERVICES)
def test_each_openapi_document_is_valid(service: str) -> None:
    document = json.loads((FOLDER / "openapi" / f"{service}.json").read_text(encoding="utf-8"))
    assert document["openapi"] == "3.1.0"
    assert not [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]


def test_the_asyncapi_document_is_valid() -> None:
    schema = json.loads(ASYNCAPI_SCHEMA.read_text(encoding="utf-8"))
    errors = jsonschema.Draft7Validator(schema).iter_errors(_asyncapi())
    assert not [f"{error.json_path}: {error.message[:200]}" for error in errors]


def test_the_asyncapi_document_names_every_topic_event_and_party() -> None:
    document = _asyncapi()
    assert set(document["components"]["messages"]) == set(BY_TYPE)
    assert set(document["channels"]) == {topic.name for topic in topics()}
    for topic in topics():
        assert set(document["channels"][topic.name]["messages"]) == set(topic.types)
        for consumer in topic.consumers:
            assert document["operations"][f"{consumer}.hears.{topic.name}"]["action"] == "receive"
        assert document["operations"][f"{topic.producer}.sends.{topic.name}"]["action"] == "send"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = _asyncapi()
    found = list(_references(document))
    assert len(found) > 3 * len(BY_TYPE)
    for reference in found:
        file, _, pointer = reference.partition("#")
        target = json.loads((FOLDER / file).read_text(encoding="utf-8")) if file else document
        for part in pointer.strip("/").split("/") if pointer else ():
            target = target[part]
        assert target, reference


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("*.json")), ids=lambda path: f"{path.parents[1].name}/{path.stem}"
)
def test_the_headers_of_each_example_are_as_described(path: Path) -> None:
    jsonschema.Draft7Validator(headers_schema()).validate(json.loads(path.read_text(encoding="utf-8"))["headers"])


def test_no_page_names_a_foreign_host_or_loads_anything() -> None:
    pages = [text for path, text in made().items() if path.suffix == ".html"]
    assert len(pages) == len(SERVICES) + 1
    for text in pages:
        assert not re.search(r"https?://|//[a-z]|<script|<link|<img|@import|\bsrc=", text)


def _asyncapi() -> Any:
    return yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [reference for part in value.values() for reference in _references(part)]
    if isinstance(value, list):
        return [reference for part in value for reference in _references(part)]
    return []
