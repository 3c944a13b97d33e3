"""Which releases may work on a store, and whether it was restored. Setup and restore write it down; a start asks.

A schema number counts changes of what stands in stores and topics. Two releases in a row work side by side: what a
release adds, the one before can live with; what it takes away, the one before has stopped to use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.clock import Clock
from chassis.store import Outcome, Store, change, create, remove
from chassis.version import VERSION

COLLECTION = "setup"
ID = "schema"
RESTORED = "restored"

PutRight = Callable[[str | None], AsyncIterator[str]]  # from a place on, None: the start; yields places it reached


@dataclass(frozen=True, slots=True)
class Schema:
    """`number`: of this release. `oldest`: releases of a lower number cannot work on what its setup has made."""

    number: int
    oldest: int


OURS = Schema(1, 1)


class SchemaRefused(Exception):
    """This release must not work on the store as it is; the message says what to do."""


async def newer_is_there(store: Store, ours: Schema = OURS) -> bool:
    """Has the setup of a newer release run? Then this one's must not."""
    there = await store.get(COLLECTION, ID)
    return there is not None and there.data["number"] > ours.number


async def refuse_newer(store: Store, ours: Schema = OURS) -> None:
    """Before a setup. Raises SchemaRefused."""
    there = await store.get(COLLECTION, ID)
    if there is not None and there.data["number"] > ours.number:
        raise SchemaRefused(_newer(there.data, ours))


async def record(store: Store, clock: Clock, ours: Schema = OURS) -> None:
    """After a setup. Raises SchemaRefused when a newer release was faster."""
    while True:
        await refuse_newer(store, ours)
        there = await store.get(COLLECTION, ID)
        if there is not None and there.data["number"] == ours.number:
            return
        fields = {"number": ours.number, "oldest": ours.oldest, "release": VERSION, "at": clock.now()}
        write = create(COLLECTION, ID, fields) if there is None else change(COLLECTION, there, fields)
        [outcome] = await store.write([write])
        if outcome is Outcome.WRITTEN:  # else another process was first: look again
            return


async def check(store: Store, ours: Schema = OURS) -> None:
    """Raises SchemaRefused unless this release may work on the store."""
    there = await store.get(COLLECTION, ID)
    if there is None or there.data["number"] < ours.number:
        done = "no setup has run" if there is None else f"schema {there.data['number']} is there"
        raise SchemaRefused(f"{done}, this release needs {ours.number}: run its setup first")
    if ours.number < there.data["oldest"]:
        raise SchemaRefused(_newer(there.data, ours))


async def after_restore(store: Store, put_right: PutRight | None) -> None:
    """After a restore, once. Cut off, the next start or setup goes on where it was."""
    there = await store.get(COLLECTION, RESTORED)
    if there is None:
        return
    if put_right is not None:
        async for place in put_right(there.data.get("place")):
            if there is not None:
                await store.write([change(COLLECTION, there, {"place": place})])  # another process may be as far
            there = await store.get(COLLECTION, RESTORED)
    await store.write([remove(COLLECTION, RESTORED)])


def _newer(there: Mapping[str, Any], ours: Schema) -> str:
    return (
        f"release {there['release']} has set this store up with schema {there['number']}, for schemas from "
        f"{there['oldest']} on; this is release {VERSION} with schema {ours.number}"
    )
