"""Parked events: what a service could not handle waits in its own store, in order, until an operator releases it.

The parked events of a key and a producer are a line. Its first event is the head: it says why the line stands, and a
release or a discard is marked on it. A record without a usable envelope is a line of its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection

from chassis.bus import Partition, Received
from chassis.handlers import Delivery
from chassis.store import Document, Index, Store, Write, create, remove
from contracts.canonical import canonical_json

COLLECTION = "parked"
INDEXES = (
    Index(COLLECTION, ("key", "producer", "sequence")),
    Index(COLLECTION, ("head", "-parked_at")),
    Index(COLLECTION, ("parked_at",)),
    Index(COLLECTION, ("release",)),
)


def park(received: Received, *, reason: str, head: bool, at: str, delivery: Delivery | None = None) -> Write:
    """The record as it came, with the reason as a code. `head`: the one that stopped its key, not one behind it.

    The id derives from the record and where it stands, so that parking it again changes nothing, and that a topic which
    was made anew takes nobody's place. `release`: the release that the line is marked for; `tried`: the last one that
    tried it in vain.
    """
    fields = {
        "topic": received.topic,
        "partition": received.partition.number,
        "offset": received.offset,
        "key": received.key,
        **envelope(delivery),
        "reason": reason,
        "head": head,
        "parked_at": at,
        "release": None,
        "tried": None,
        "headers": [list(pair) for pair in received.headers],
        "value": None if received.value is None else base64.b64encode(received.value).decode(),
    }
    record = [fields[name] for name in ("topic", "partition", "offset", "key", "headers", "value")]
    return create(COLLECTION, "p_" + hashlib.sha256(canonical_json(record)).hexdigest()[:32], fields)


def envelope(delivery: Delivery | None) -> dict[str, str | int | None]:
    """The fields that say which event it is; null where no envelope could be read."""
    return {
        "producer": delivery.producer if delivery else None,
        "sequence": delivery.sequence if delivery else None,
        "type": delivery.type if delivery else None,
        "partner_id": delivery.partner_id if delivery else None,
    }


def received_of(document: Document) -> Received:
    """The record as it was read, save for when the bus stored it."""
    data = document.data
    return Received(
        partition=partition_of(document),
        offset=data["offset"],
        topic=data["topic"],
        key=data["key"],
        headers=tuple((name, value) for name, value in data["headers"]),
        value=None if data["value"] is None else base64.b64decode(data["value"]),
        at=0,
    )


def partition_of(document: Document) -> Partition:
    return Partition(document.data["topic"], document.data["partition"])


async def keys_parked(store: Store) -> int:
    """How many keys are held up."""
    return await store.count(COLLECTION, {"head": True})


async def parked_since(store: Store) -> str | None:
    """When the oldest parked event was parked; None = nothing is parked."""
    found = await store.find(COLLECTION, {}, order=("parked_at",), limit=1)
    return found[0].data["parked_at"] if found else None


async def is_parked(store: Store, key: str, producer: str) -> bool:
    return bool(await store.find(COLLECTION, {"key": key, "producer": producer}, limit=1))


async def has_head(store: Store, key: str, producer: str) -> bool:
    """Does the line stand at an event that operators can release?"""
    return bool(await store.find(COLLECTION, {"key": key, "producer": producer, "head": True}, limit=1))


async def forget(store: Store, key: str, *, but: Collection[str] = ()) -> None:
    """Removes what is parked for a key whose aggregate has ended, save for the ids in `but`."""
    after = None
    while entries := await store.find(COLLECTION, {"key": key}, limit=100, after=after):
        await store.write([remove(COLLECTION, entry.id) for entry in entries if entry.id not in but])
        after = [entries[-1].id]
