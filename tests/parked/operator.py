"""The bench with an operator who looks after what is parked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chassis import parked
from chassis.bus import Bus
from chassis.handlers import Reject
from chassis.releases import DISCARD, RELEASE, Asked, Progress, Releases
from chassis.store import Document, Store
from contracts.events import CaseWithdrawn
from tests.chassis.bench import QUICK, Bench
from tests.waiting import until

LONG = 180.0
WHY = "the rule that refused them is mended"


class Operated(Bench):
    """`bad`: the events (case, revision) that its handlers reject."""

    def __init__(self, store: Store, bus: Bus) -> None:
        super().__init__(store, bus)
        self.limits = replace(QUICK, release_seconds=0.02, halted_seconds=0.05)
        self.releases = Releases(store, self.clock)
        self.bad: set[tuple[str, int]] = set()
        self.act = self.refuse

    def refuse(self, event: CaseWithdrawn, document: Document | None) -> None:
        if (event.case_id, event.revision) in self.bad:
            raise Reject("no-such-thing")

    async def ask(self, verb: str, filter: Mapping[str, Any], *, past_gap: bool = False, key: str = "") -> Progress:
        asked = Asked(verb, filter, WHY, past_gap)
        return await self.releases.ask(asked, client="operator-1", key=key or secrets.token_hex(8))

    async def release(self, **filter: Any) -> str:
        """The id of the release."""
        return (await self.ask(RELEASE, filter)).document.id

    async def discard(self, **filter: Any) -> str:
        return (await self.ask(DISCARD, filter)).document.id

    async def done(self, id: str) -> Progress:
        """The release when nothing waits for it any more."""

        async def is_done() -> bool:
            return (await self.releases.progress(id)).state == "done"

        await until(is_done, seconds=LONG)
        return await self.releases.progress(id)

    async def outcomes(self, id: str) -> set[tuple[str, int, str, str | None]]:
        found = await self.releases.outcomes(id, limit=200, after=None)
        return {(d.data["key"], d.data["sequence"], d.data["outcome"], d.data["reason"]) for d in found}

    async def nothing_parked(self) -> None:
        async def empty() -> bool:
            return await self.store.count(parked.COLLECTION, {}) == 0

        await until(empty, seconds=LONG)
