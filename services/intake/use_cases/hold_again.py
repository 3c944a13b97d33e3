"""After a restore: every case holds its claims again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from chassis.clock import Clock
from chassis.store import Document, Store, remove
from services.intake.case import CLAIMS
from services.intake.store import CaseStore

log = logging.getLogger(__name__)

BATCH = 200


class HoldAgain:
    """A backup reads cases and claims at different moments: a claim that was freed between may be missing.

    Repeatable. A claim beside which its case does not exist, or does not list it, is not held by anybody.
    """

    def __init__(self, store: Store, cases: CaseStore, clock: Clock) -> None:
        self._store = store
        self._cases = cases
        self._clock = clock

    async def __call__(self, after: str | None) -> AsyncIterator[str]:
        """Goes on behind the case of this id; yields ids up to which it is done."""
        while page := await self._cases.holding(BATCH, after):
            wanted = {claim: case for case in page for claim in case.data["claims"]}
            there = await self._store.get_many(CLAIMS, list(wanted))
            for claim, case in wanted.items():
                held = there.get(claim)
                if held is None or held.data["case_id"] != case.id:
                    await self._hold(claim, held, case)
            after = page[-1].id
            yield after

    async def _hold(self, claim: str, there: Document | None, case: Document) -> None:
        now_there = await self._cases.get(case.id)
        if now_there is None or claim not in (now_there.data.get("claims") or ()):
            return  # another process was faster and works already: the case has ended meanwhile
        if there is not None:
            other = await self._cases.get(there.data["case_id"])
            if other is None or claim not in (other.data.get("claims") or ()):
                await self._store.write([remove(CLAIMS, claim, expected=there.version)])
        now, partner = self._clock.now(), case.data["partner_id"]
        taking = await self._cases.take_claims([claim], case_id=case.id, partner=partner, at=now)
        log.warning(
            "claim held again" if not taking.holders else "two cases hold one claim",
            extra={
                "action": "intake.claim-held-again" if not taking.holders else "intake.claim-held-twice",
                "case_id": case.id,
                "others": ",".join(taking.holders),
            },
        )
