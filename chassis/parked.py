"""Parked events: what a service could not handle waits in its own store, in order, until an operator releases it."""

from __future__ import annotations

import base64
import hashlib

from chassis.bus import Received
from chassis.handlers import Delivery
from chassis.store import Store, Write, create, remove

COLLECTION = "parked"


def park(received: Received, *, reason: str, head: bool, at: str, delivery: Delivery | None = None) -> Write:
    """The record as it came, with the reason as a code. `head`: the one that stopped its key, not one behind it.

    The id derives from where the record stands, so that parking it again changes nothing.
    """
    place = f"{received.topic}|{received.partition.number}|{received.offset}"
    fields = {
        "topic": received.topic,
        "partition": received.partition.number,
        "offset": received.offset,
        "key": received.key,
        "producer": delivery.producer if delivery else None,
        "sequence": delivery.sequence if delivery else None,
        "type": delivery.type if delivery else None,
        "partner_id": delivery.partner_id if delivery else None,
        "reason": reason,
        "head": head,
        "parked_at": at,
        "headers": [list(pair) for pair in received.headers],
        "value": None if received.value is None else base64.b64encode(received.value).decode(),
    }
    return create(COLLECTION, "p_" + hashlib.sha256(place.encode()).hexdigest()[:32], fields)


async def keys_parked(store: Store) -> int:
    """How many keys are held up."""
    return await store.count(COLLECTION, {"head": True})


async def is_parked(store: Store, key: str, producer: str) -> bool:
    return bool(await store.find(COLLECTION, {"key": key, "producer": producer}, limit=1))


async def forget(store: Store, key: str) -> None:
    """Removes what is parked for a key whose aggregate has ended."""
    while entries := await store.find(COLLECTION, {"key": key}, limit=100):
        await store.write([remove(COLLECTION, entry.id) for entry in entries])
