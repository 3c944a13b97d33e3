"""What a backup needs of stores and buses beyond their ordinary ports: whole documents, whole topics, group offsets.

Each adapter of the store and of the bus has one here. Nobody else may use them: they go past every guard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chassis.bus import Partition, Received, Record, Topic
from chassis.store import Outgoing


@dataclass(frozen=True, slots=True)
class Kept:
    """A document with all that stands in it. `unsent`: events that may not have been acknowledged, in order."""

    id: str
    version: int
    data: Mapping[str, Any]
    seen: Mapping[str, int] = field(default_factory=dict)
    emitted: int = 0
    unsent: Sequence[Outgoing] = ()


class StoreArchive(Protocol):
    """Every method may raise StoreUnavailable."""

    server: str

    async def collections(self) -> list[str]: ...

    def read(self, collection: str) -> AsyncIterator[Kept]:
        """All documents by id, each as it is at the moment it is read."""

    async def some(self, collection: str, ids: Sequence[str]) -> dict[str, Kept]: ...

    async def put(self, collection: str, documents: Sequence[Kept]) -> None:
        """As they are, in place of those with the same id. The collection is made if it is missing."""

    async def close(self) -> None: ...


class BusArchive(Protocol):
    """Every method may raise BusUnavailable."""

    server: str

    async def setup(self, topics: Sequence[Topic]) -> None: ...

    async def publish(self, records: Sequence[Record]) -> list[bool]: ...

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        """Per partition the offset of the next record. Unknown topics: nothing."""

    def read(self, topic: str, start: Mapping[Partition, int] | None = None) -> AsyncIterator[Received]:
        """What the topic holds now, in order per partition, from these offsets on (None: everything)."""

    async def committed(self, group: str, topics: Sequence[str]) -> dict[Partition, int]:
        """Where the group reads on; nothing for partitions that it never committed."""

    async def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        """Sets where a group without members reads on. BusUnavailable when it has some."""

    async def close(self) -> None: ...
