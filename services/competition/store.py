"""Collections of the competition service and the questions it asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from chassis.store import Cond, Document, Index, Store

EDITIONS = "editions"  # id = edition; a document per edition
PROJECTS = "projects"  # id = "<edition>/<project>"; a document per project with its team
CHANGES = "register_changes"  # the register's log: every edition and every imported file, once
REGISTER = "register"  # one document: which changes are in force
HEAD = "head"
CASES = "assessed_cases"  # id = case id

COLLECTIONS = (EDITIONS, PROJECTS, CHANGES, REGISTER, CASES)
INDEXES = (
    Index(PROJECTS, ("edition", "synthetic")),
    Index(CHANGES, ("register_version", "received_at")),
    Index(CASES, ("status", "register_version")),
    Index(CASES, ("status", "erased_at")),
)
PAGE = 200


class RegisterStore:
    """Documents of the register."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def head(self) -> Document | None:
        return await self._store.get(REGISTER, HEAD)

    async def change(self, id: str) -> Document | None:
        return await self._store.get(CHANGES, id)

    async def next_waiting(self) -> Document | None:
        """The oldest change that has no place in the register yet."""
        where = {"register_version": None}
        found = await self._store.find(CHANGES, where, order=("received_at", "id"), limit=1)
        return found[0] if found else None

    async def in_force(self) -> AsyncIterator[Document]:
        """Every change that has a place, in the order of the register."""
        after: Sequence[Any] | None = None
        while found := await self._store.find(
            CHANGES, {"register_version": Cond("above", 0)}, order=("register_version", "id"), limit=20, after=after
        ):
            for change in found:
                yield change
            after = (found[-1].data["register_version"], found[-1].id)

    async def editions(self, ids: Sequence[str]) -> dict[str, Document]:
        return await self._store.get_many(EDITIONS, ids) if ids else {}

    async def all_editions(self) -> list[Document]:
        return await self._store.find(EDITIONS, {}, limit=1000)

    async def projects(self, ids: Sequence[str]) -> dict[str, Document]:
        return await self._store.get_many(PROJECTS, ids) if ids else {}

    async def count_projects(self, edition: str, *, synthetic: bool) -> int:
        return await self._store.count(PROJECTS, {"edition": edition, "synthetic": synthetic})


class CaseStore:
    """Assessed cases, one document each."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, case_id: str) -> Document | None:
        return await self._store.get(CASES, case_id)

    async def behind(self, version: int) -> AsyncIterator[list[Document]]:
        """Pages of active cases with contest entries that have not seen this version of the register."""
        where = {"status": "active", "register_version": Cond("below", version)}
        after: Sequence[Any] | None = None
        while found := await self._store.find(CASES, where, order=("register_version", "id"), limit=PAGE, after=after):
            yield found
            after = (found[-1].data["register_version"], found[-1].id)

    async def stones_before(self, instant: str) -> list[Document]:
        """What is left of cases that were erased before the instant."""
        return await self._store.find(CASES, {"status": "erased", "erased_at": Cond("below", instant)}, limit=PAGE)
