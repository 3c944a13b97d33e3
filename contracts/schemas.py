"""JSON Schemas of the events, generated from their models: `python -m contracts.schemas` writes them anew."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from contracts.events import EVENTS, Event

FOLDER = Path(__file__).with_name("schemas")


def schema_of(event: type[Event]) -> dict[str, Any]:
    """JSON Schema 2020-12 of an event's value. Readers ignore fields that it does not name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:zhicheng:{event.TYPE}:{event.VERSION}",
        **event.model_json_schema(by_alias=True, mode="serialization"),
    }


def file_of(event: type[Event]) -> Path:
    return FOLDER / f"{event.TYPE}.{event.VERSION}.json"


def text_of(event: type[Event]) -> str:
    return json.dumps(schema_of(event), ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    argparse.ArgumentParser(prog="python -m contracts.schemas", description=__doc__).parse_args()
    FOLDER.mkdir(exist_ok=True)
    for event in EVENTS:
        file_of(event).write_text(text_of(event), encoding="utf-8")


if __name__ == "__main__":
    main()
