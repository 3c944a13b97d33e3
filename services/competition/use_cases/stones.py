"""The end of erased cases."""

from __future__ import annotations

from chassis.clock import Clock, later
from chassis.store import Outcome, Store, remove
from services.competition.store import CASES, CaseStore


class RemoveStones:
    """Removes what is left of erased cases once no topic and no committed offset can bring their events back."""

    def __init__(self, store: Store, clock: Clock, *, stone_days: int) -> None:
        self._store = store
        self._cases = CaseStore(store)
        self._clock = clock
        self._seconds = stone_days * 86_400

    async def __call__(self) -> int:
        stones = await self._cases.stones_before(later(self._clock.now(), -self._seconds))
        if not stones:
            return 0
        outcomes = await self._store.write([remove(CASES, stone.id, expected=stone.version) for stone in stones])
        return sum(outcome is Outcome.WRITTEN for outcome in outcomes)
