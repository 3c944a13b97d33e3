"""Too much parked: something else is wrong then, and the consumer stands still until operators have let enough go."""

from __future__ import annotations

from collections import deque

from chassis import parked
from chassis.store import Store, StoreUnavailable

RECENT = 1000  # events


class Halting:
    """What one consumer has read of late, and which of it is parked."""

    def __init__(self, store: Store, *, most_keys: int, most_share: float) -> None:
        """most_share: of the last thousand events."""
        self._store = store
        self._most_keys = most_keys
        self._most_recent = most_share * RECENT
        self._recent: deque[str | None] = deque(maxlen=RECENT)  # the id under which it is parked

    def count_read(self, number: int) -> None:
        """So many events were read; `count_parked` says which of them were parked."""
        self._recent.extend([None] * number)

    def count_parked(self, id: str) -> None:
        if id not in self._recent:  # not the one that is parked again after trouble of the store
            self._recent.append(id)

    async def halts(self) -> bool:
        """Too much is parked: somebody must look before more is. What was released or discarded counts no more."""
        recent = self._of_late()
        if not recent:
            return False
        try:
            if len(recent) > self._most_recent:
                there = await self._store.get_many(parked.COLLECTION, recent)
                self._recent = deque((id if id in there else None for id in self._recent), maxlen=RECENT)
            return len(self._of_late()) > self._most_recent or await parked.keys_parked(self._store) > self._most_keys
        except StoreUnavailable:
            return len(recent) > self._most_recent

    def _of_late(self) -> list[str]:
        return [id for id in self._recent if id is not None]
