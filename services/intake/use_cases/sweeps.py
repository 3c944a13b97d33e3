"""What time does to cases: ask again, release what was held, free claims, remove stones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import orjson

from chassis import metrics, parked
from chassis.clock import later, parse_instant
from chassis.outbox import Author
from chassis.sealing import Unreadable
from chassis.store import Document, Outcome, Store, Write, remove
from contracts.events import AssessmentRequested
from services.intake.case import CASES, CLAIMS, claims_of, ended, waiting_on
from services.intake.store import CaseStore
from services.intake.use_cases.taking_in import TakingIn

log = logging.getLogger(__name__)

BATCH = 100
LONGEST_WAIT = 3600.0
LATE_SECONDS = 60.0  # a claim without a case: shown from here on
ORPHAN_SECONDS = 600.0  # and freed here: no request takes this long


class Sweeps:
    """Each method does one batch and answers how much it did. `behind`: events wait that would answer what is asked."""

    def __init__(
        self,
        store: Store,
        cases: CaseStore,
        author: Author,
        taking_in: TakingIn,
        *,
        behind: Callable[[], bool],
        stone_days: int,
    ) -> None:
        self._store = store
        self._cases = cases
        self._author = author
        self._taking_in = taking_in
        self._behind = behind
        self._stone_days = stone_days
        self._claims_checked: tuple[str, str] | None = None
        self._without_case: set[str] = set()  # claims that stood without their case when they were looked at last
        self._held_checked: tuple[str, str] | None = None
        self._parked: tuple[str | None, str] | None = None
        self.claims_freed = asyncio.Event()  # wakes the release of held cases

    async def ask_again(self) -> int:
        """Cases that wait too long: the services that owe an answer are asked again, each time later.

        A batch per sweep and no more, and none while answers lie unread or questions unsent: asking is work for three
        services, and must not pile up on those that are slow because they have much to do.
        """
        now = self._taking_in.clock.now()
        if not self._behind():
            await self._ask(now)
        await self._measure(now)
        return 0

    async def _ask(self, now: str) -> None:
        writes: list[Write] = []
        for document in await self._cases.unanswered(now, BATCH):
            case = document.data
            owing = waiting_on(case)
            times = (case.get("asked_again") or 0) + 1
            pause = min(self._taking_in.answer_seconds * 2**times, LONGEST_WAIT)
            event = AssessmentRequested(case_id=document.id, revision=case["revision"], services=tuple(owing))
            writes.append(
                self._author.change(
                    CASES,
                    document,
                    {"ask_due": later(now, pause), "asked_again": times},
                    events=[event],
                    append={"timeline": [self._taking_in.line("asked-again", services=",".join(owing), times=times)]},
                )
            )
            log.warning(
                "case waits for answers",
                extra={
                    "action": "intake.asked-again",
                    "case_id": document.id,
                    "services": ",".join(owing),
                    "times": times,
                },
            )
        if writes:
            await self._store.write(writes)

    async def _measure(self, now: str) -> None:
        metrics.DOCUMENTS.labels("intake", "case", "waiting").set(await self._cases.waiting())
        longest = await self._cases.waiting_longest()
        since = longest.data.get("waiting_since") if longest else None
        metrics.OLDEST_WAITING_SECONDS.labels("intake", "case").set(_age(since, now))

    async def free_claims(self) -> int:
        """Claims of cases that have ended or moved on, so that the person may apply again."""
        documents = await self._cases.with_claims_to_free(BATCH)
        for document in documents:
            case = document.data
            left = list(case.get("claims_left") or ())
            fields: dict[str, Any] = {"claims_left": [], "claims_to_free": False}
            if ended(document):
                left += await self._cases.held_claims(case["claims"], case_id=document.id)
                fields["claims"] = []
            await self._cases.free_claims(left, case_id=document.id)
            await self._store.write([self._author.change(CASES, document, fields)])
        if documents:
            self.claims_freed.set()
        return len(documents)

    async def free_orphans(self) -> int:
        """Claims whose case never came. They are shown while they stand, and freed ten minutes after they were taken.

        Of all others each is looked at once, a minute after it was taken.
        """
        now = self._taking_in.clock.now()
        claims = await self._cases.claims_taken_before(later(now, -LATE_SECONDS), BATCH, self._claims_checked)
        if claims:
            self._without_case |= {claim.id for claim in await self._orphans(claims)}
            self._claims_checked = (claims[-1].data["at"], claims[-1].id)
        standing: list[Document] = []
        known = sorted(self._without_case)
        for start in range(0, len(known), BATCH):
            orphans = await self._orphans((await self._store.get_many(CLAIMS, known[start : start + BATCH])).values())
            standing += await self._not_freed(orphans, later(now, -ORPHAN_SECONDS))
        self._without_case = {claim.id for claim in standing}
        since = min((claim.data["at"] for claim in standing), default=None)
        metrics.DOCUMENTS.labels("intake", "claim", "without-case").set(len(standing))
        metrics.OLDEST_WAITING_SECONDS.labels("intake", "claim").set(_age(since, now))
        return len(claims)

    async def _orphans(self, claims: Collection[Document]) -> list[Document]:
        cases = await self._cases.get_many(sorted({claim.data["case_id"] for claim in claims}))
        wanted = {(case.id, id) for case in cases.values() for id in case.data.get("claims") or ()}
        return [claim for claim in claims if (claim.data["case_id"], claim.id) not in wanted]

    async def _not_freed(self, orphans: Sequence[Document], until: str) -> list[Document]:
        """Frees those that were taken before `until`; the others, and what was taken once more meanwhile."""
        old = [claim for claim in orphans if claim.data["at"] < until]
        outcomes = await self._store.write([remove(CLAIMS, claim.id, expected=claim.version) for claim in old])
        freed = {claim.id for claim, outcome in zip(old, outcomes, strict=True) if outcome is Outcome.WRITTEN}
        if freed:
            log.warning("claims without a case freed", extra={"action": "intake.claims-freed", "count": len(freed)})
            self.claims_freed.set()
        return [claim for claim in orphans if claim.id not in freed]

    async def release_held(self) -> int:
        """Held cases whose way is free by now go on, oldest first. A pass over all of them, a batch at a time."""
        documents = await self._cases.held(BATCH, self._held_checked)
        for document in documents:
            case = document.data
            claims = claims_of(case)
            now = self._taking_in.clock.now()
            partner = case["partner_id"]
            try:
                filing = self._taking_in.sealer.open(document.id, case["sealed"])
            except Unreadable as why:  # its key is gone: the others go on
                log.error(
                    "filing does not open",
                    extra={"action": "intake.filing-unreadable", "case_id": document.id, "reason": why.code},
                )
                continue
            written = orjson.loads(filing)["person"]["contact"]
            contact = self._taking_in.sealer.contact(document.id, case["revision"], written)
            taking = await self._cases.take_claims(claims, case_id=document.id, partner=partner, at=now)
            if taking.holders:
                if list(taking.holders) != case["duplicate_of"]:  # officers see who stands in the way now
                    stands = {"duplicate_of": list(taking.holders)}
                    await self._store.write([self._author.change(CASES, document, stands)])
                continue
            fields = self._taking_in.wait([], now) | {"claims": claims, "told": True}
            event = self._taking_in.tells(
                document.id, {**case, **fields, "told": case["told"], "contact_sealed": contact}
            )
            write = self._author.change(
                CASES, document, fields, events=[event], append={"timeline": [self._taking_in.line("released")]}
            )
            [outcome] = await self._store.write([write])
            if outcome is not Outcome.WRITTEN:
                await self._cases.give_back(taking.made)
        last = documents[-1] if len(documents) == BATCH else None
        self._held_checked = (last.data["received_at"], last.id) if last else None
        return 1 if last else 0

    async def forget_parked(self) -> int:
        """What is parked about erased cases goes: it came before the erasure, or behind a gap that this made."""
        entries = await self._store.find(parked.COLLECTION, {}, order=("key", "id"), limit=BATCH, after=self._parked)
        keys = sorted({entry.data["key"] for entry in entries if entry.data["key"]})
        for case in (await self._cases.get_many(keys)).values():
            if case.data["status"] == "erased":
                await parked.forget(self._store, case.id)
        last = entries[-1] if len(entries) == BATCH else None
        self._parked = (last.data["key"], last.id) if last else None
        return 1 if last else 0

    async def remove_stones(self) -> int:
        """Erased cases go for good once no event about them can come any more."""
        before = later(self._taking_in.clock.now(), -self._stone_days * 86400.0)
        stones = await self._cases.stones_before(before, BATCH)
        if stones:
            await self._store.write([remove(CASES, stone.id, expected=stone.version) for stone in stones])
        return len(stones)


def _age(since: str | None, now: str) -> float:
    """Seconds; 0 for None and for what a clock ahead of ours has written."""
    age = parse_instant(now) - parse_instant(since) if since else timedelta()
    return max(age.total_seconds(), 0.0)
