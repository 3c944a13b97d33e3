"""Reads topics.yaml: who says what to whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TOPICS_FILE = Path(__file__).with_name("topics.yaml")


@dataclass(frozen=True, slots=True)
class TopicContract:
    name: str
    producer: str
    key: str
    partitions: int
    retention_days: int
    types: tuple[str, ...]
    consumers: tuple[str, ...]


@cache
def topics() -> tuple[TopicContract, ...]:
    """Every topic, in the order of the file."""
    content = yaml.safe_load(TOPICS_FILE.read_text(encoding="utf-8"))
    return tuple(
        TopicContract(
            name=name,
            producer=entry["producer"],
            key=entry["key"],
            partitions=entry["partitions"],
            retention_days=entry["retention_days"],
            types=tuple(entry["types"]),
            consumers=tuple(entry["consumers"]),
        )
        for name, entry in content.items()
    )


def heard_by(service: str) -> list[str]:
    """Names of the topics that a service reads."""
    return [topic.name for topic in topics() if service in topic.consumers]
