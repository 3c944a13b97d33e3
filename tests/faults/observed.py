"""What the checker looks at: what was acknowledged, and what the APIs, topics and stores held at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a partner was told: the newest revision that was acknowledged, and whether a withdrawal was."""

    revision: int = 1
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One record of a topic. `value`: the bytes, None for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: str
    sequence: int
    type: str
    id: str
    value: bytes | None

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value or b"{}")
        return found


@dataclass(frozen=True, slots=True)
class Kept:
    """The document of a case in one service: how many events it has said, what it has heard of whom, its fields."""

    emitted: int
    heard: Mapping[str, int]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Parked:
    service: str
    key: str
    reason: str


@dataclass(frozen=True)
class Observed:
    """All by case id, save what says otherwise. A case that the API does not know is missing in `cases`."""

    accepted: Mapping[str, Accepted]
    cases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # as their partner reads them
    timelines: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    messages: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Kept]] = field(default_factory=dict)  # service -> case id -> document
    said: Sequence[Said] = ()  # topic by topic, partition by partition, by offset
    unsent: Mapping[str, int] = field(default_factory=dict)  # service -> documents with something to send
    parked: Sequence[Parked] = ()
    unanswered: int = 0  # filings of which the partner does not know whether they were accepted
    mails: Mapping[str, int] | None = None  # id of the message -> copies in the inbox; None: not looked at
