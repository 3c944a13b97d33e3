"""The bus port: records in topics, in order per key, read by groups that remember how far they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class BusUnavailable(Exception):
    """The bus did not answer. Whether a record was stored is not known."""


MAX_RECORD_BYTES = 1_500_000  # key, headers and value together; a larger record is never stored, on any adapter


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    key: str
    headers: tuple[tuple[str, str], ...]
    value: bytes

    def size(self) -> int:
        """Bytes of key, headers and value. Raises UnicodeEncodeError for text that UTF-8 does not have."""
        texts = [self.key, *(text for header in self.headers for text in header)]
        return len(self.value) + sum(len(text.encode()) for text in texts)


class Partition(NamedTuple):  # the key of many small tables: a hash in Python would cost more than they do
    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Received:
    """A record as it was read. `at` = milliseconds since the epoch when the bus stored it. `value` None = tombstone."""

    partition: Partition
    offset: int
    topic: str
    key: str
    headers: tuple[tuple[str, str], ...]
    value: bytes | None
    at: int

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int
    retention_days: int


class Consumer(Protocol):
    """One member of a group. Reads from where the group committed, else from the earliest record."""

    async def poll(self, limit: int, timeout: float) -> list[Received]:
        """Up to `limit` records, in order per partition; empty after `timeout` seconds.

        Records of paused partitions stay.
        """

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Per partition the offset of the next record to read. What is no longer ours is ignored."""

    def assigned(self) -> set[Partition]: ...

    def rewind(self, offsets: Mapping[Partition, int]) -> None:
        """The next poll starts again at these offsets. Partitions that are no longer ours are ignored."""

    def pause(self, partitions: set[Partition]) -> None: ...

    def resume(self, partitions: set[Partition]) -> None: ...

    async def lag(self) -> int:
        """How many records of the assigned partitions lie between the read position and the end."""

    async def close(self) -> None: ...


class Bus(Protocol):
    """Two adapters: the durable local log (embedded default) and Kafka."""

    server: str

    async def setup(self, topics: Sequence[Topic]) -> None:
        """Makes topics that are missing; never changes the partitions of one that is there."""

    async def publish(self, records: Sequence[Record]) -> list[bool]:
        """Per record: was it acknowledged as durable? Records of one key are stored in the order given.

        Never raises for a bus that is away: the answers are False. A topic that was never set up, a record that is
        too large and one that follows such a record of its key are answered with False too.
        """

    async def consumer(self, group: str, topics: Sequence[str], *, member: str = "") -> Consumer:
        """`member` names this process for static membership. Raises BusUnavailable."""

    async def read_all(self, topic: str) -> list[Received]:
        """Everything a topic holds now, for tests and tools."""

    async def close(self) -> None: ...


def storable(records: Sequence[Record], topics: Collection[str]) -> list[bool]:
    """Which records an adapter may store in these topics. After one that it may not, no later one of its key is."""
    stuck: set[tuple[str, str]] = set()
    answers = []
    for record in records:
        line = (record.topic, record.key)
        if line not in stuck and not (record.topic in topics and _fits(record)):
            stuck.add(line)
        answers.append(line not in stuck)
    return answers


def _fits(record: Record) -> bool:
    try:
        return record.size() <= MAX_RECORD_BYTES
    except UnicodeEncodeError:
        return False
