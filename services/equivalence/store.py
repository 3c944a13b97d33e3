"""What the service keeps: one document of assessments per case, and policy documents that never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from chassis.store import Cond, Index, Outcome, Store, create, remove
from contracts.canonical import digest
from services.equivalence.policy_files import Published

CASES = "assessed_cases"
LISTS = "list_versions"
SUPPLEMENTARY = "supplementary_lists"

ACTIVE = "active"
WITHDRAWN = "withdrawn"
ERASED = "erased"

INDEXES = (Index(CASES, ("status", "ended_on")),)


class PolicyDiffers(Exception):
    """A published policy document was changed after it was put into the store."""


class PolicyStore:
    """Published policy documents of one collection; the id is jurisdiction/version."""

    def __init__(self, store: Store, collection: str) -> None:
        self._store = store
        self._collection = collection

    async def put(self, documents: Sequence[Published]) -> None:
        """Creates what is missing. Raises PolicyDiffers when one is there with another digest: nothing replaces it."""
        if not documents:
            return
        outcomes = await self._store.write([create(self._collection, each.id, _fields(each)) for each in documents])
        for each, outcome in zip(documents, outcomes, strict=True):
            if outcome is not Outcome.WRITTEN:
                _same(each, await self._store.get(self._collection, each.id))

    async def check(self, documents: Sequence[Published]) -> None:
        """Raises PolicyDiffers unless each is stored, its digest is that of its stored content and of the file."""
        stored = await self._store.get_many(self._collection, [each.id for each in documents])
        for each in documents:
            _same(each, stored.get(each.id))

    async def get(self, id: str) -> Published | None:
        found = await self._store.get(self._collection, id)
        return None if found is None else _published(id, found.data)

    async def every(self) -> list[Published]:
        """All of them; there is one a year."""
        found = await self._store.find(self._collection, {}, limit=1000)
        return [_published(each.id, each.data) for each in found]


class AssessedCases:
    """One document per case. Handlers of events write it; this is what else happens to it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def remove_ended(self, today: date, days: int, limit: int = 200) -> int:
        """Removes what ended `days` ago or longer; how many went. A document that changes meanwhile stays."""
        last = (today - timedelta(days=days)).isoformat()
        found = await self._store.find(
            CASES,
            {"status": Cond("one_of", [ERASED, WITHDRAWN]), "ended_on": Cond("at_most", last)},
            order=("ended_on", "id"),
            limit=limit,
        )
        if not found:
            return 0
        outcomes = await self._store.write([remove(CASES, each.id, expected=each.version) for each in found])
        return sum(outcome is Outcome.WRITTEN for outcome in outcomes)


def _fields(document: Published) -> dict[str, Any]:
    return {
        "jurisdiction": document.jurisdiction,
        "version": document.version,
        "digest": document.digest,
        "content": document.content,
    }


def _published(id: str, data: Mapping[str, Any]) -> Published:
    return Published(id, data["jurisdiction"], data["version"], data["digest"], data["content"])


def _same(file: Published, stored: Any) -> None:
    if stored is None:
        raise PolicyDiffers(f"{file.id}: not in the store; run the setup")
    recomputed = digest(stored.data["content"])
    if stored.data["digest"] != recomputed:
        raise PolicyDiffers(f"{file.id}: the stored content no longer has the stored digest")
    if recomputed != file.digest:
        raise PolicyDiffers(f"{file.id}: published with another digest; a correction is a new version")
