"""The questions that intake asks its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chassis.paging import Place
from chassis.store import Cond, Document, Index, Outcome, Store, Where, change, create, remove
from services.intake.case import CASES, CLAIMS

INDEXES = (
    Index(CASES, ("partner_id", "-received_at")),
    Index(CASES, ("status", "-received_at")),
    Index(CASES, ("status", "ask_due")),
    Index(CASES, ("status", "waiting_since")),
    Index(CASES, ("claims_to_free",)),
    Index(CASES, ("erased_at",)),
    Index(CLAIMS, ("at",)),
)

NEWEST_FIRST = ("-received_at", "id")


@dataclass(frozen=True, slots=True)
class Page:
    cases: list[Document]
    after: Place | None  # where the next page begins; None = this was the last


@dataclass(frozen=True, slots=True)
class Taking:
    """`holders`: the cases that hold what was wanted; none = all of it is ours. `made`: claims that are new by it."""

    holders: tuple[str, ...]
    made: tuple[str, ...] = ()


class CaseStore:
    """Cases of the intake service, one document each, and the claims that keep a person from being in a road twice."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, case_id: str) -> Document | None:
        return await self._store.get(CASES, case_id)

    async def of_partner(
        self,
        partner: str,
        *,
        status: str | None = None,
        road: str | None = None,
        round_id: str | None = None,
        limit: int,
        after: Place | None = None,
    ) -> Page:
        """A partner's cases, newest first."""
        where: dict[str, str | Cond] = {"partner_id": partner}
        if status is not None:
            where["status"] = status
        if road is not None:
            where["roads"] = Cond("holds", road)
        if round_id is not None:
            where["round"] = round_id
        return await self._page(where, limit, after)

    async def for_officers(self, *, limit: int, after: Place | None = None) -> Page:
        """Every partner's cases that wait for a person, newest first."""
        return await self._page({"status": Cond("one_of", ["officer", "duplicate"])}, limit, after)

    async def _page(self, where: Where, limit: int, after: Place | None) -> Page:
        found = await self._store.find(CASES, where, order=NEWEST_FIRST, limit=limit + 1, after=after)
        cases = found[:limit]
        more = len(found) > limit
        return Page(cases, (cases[-1].data["received_at"], cases[-1].id) if more else None)

    async def unanswered(self, now: str, limit: int) -> list[Document]:
        """Cases whose answers are overdue, longest first."""
        where = {"status": "waiting", "ask_due": Cond("at_most", now)}
        return await self._store.find(CASES, where, order=("ask_due", "id"), limit=limit)

    async def held(self, limit: int, after: tuple[str, str] | None = None) -> list[Document]:
        return await self._store.find(
            CASES, {"status": "duplicate"}, order=("received_at", "id"), limit=limit, after=after
        )

    async def waiting(self) -> int:
        return await self._store.count(CASES, {"status": "waiting"})

    async def waiting_longest(self) -> Document | None:
        found = await self._store.find(CASES, {"status": "waiting"}, order=("waiting_since", "id"), limit=1)
        return found[0] if found else None

    async def with_claims_to_free(self, limit: int) -> list[Document]:
        return await self._store.find(CASES, {"claims_to_free": True}, limit=limit)

    async def holding(self, limit: int, after: str | None) -> list[Document]:
        """Cases that hold claims, by id."""
        where = {"status": Cond("one_of", ["waiting", "determined", "officer"])}
        return await self._store.find(CASES, where, limit=limit, after=None if after is None else [after])

    async def stones_before(self, day: str, limit: int) -> list[Document]:
        where = {"status": "erased", "erased_at": [Cond("below", day), Cond("is_not", None)]}
        return await self._store.find(CASES, where, limit=limit)

    async def take_claims(self, claims: Sequence[str], *, case_id: str, partner: str, at: str) -> Taking:
        """Takes the claims in order for a case; stops at the first that another case holds and gives back what it made.

        A claim that is the case's already is touched: whoever wanted to free it as it was meanwhile finds it changed.
        """
        while True:
            made, rival = await self._take(claims, {"case_id": case_id, "partner_id": partner, "at": at})
            if not rival:
                return Taking((), tuple(made))
            await self.give_back(made)
            if holders := await self._holders(claims, case_id):
                return Taking(tuple(holders))
            # the rival freed its claim in between: try again

    async def _take(self, claims: Sequence[str], claim: dict[str, str]) -> tuple[list[str], bool]:
        """The claims that it made, and whether it met one of another case."""
        made: list[str] = []
        rest = list(claims)
        while rest:
            outcomes = await self._store.write([create(CLAIMS, id, claim) for id in rest], ordered=True)
            done = sum(outcome is Outcome.WRITTEN for outcome in outcomes)
            made += rest[:done]
            rest = rest[done:]
            if not rest:
                break
            there = await self._store.get(CLAIMS, rest[0])
            if there is None:
                continue
            if there.data["case_id"] != claim["case_id"]:
                return made, True
            [outcome] = await self._store.write([change(CLAIMS, there, {"at": claim["at"]})])
            if outcome is Outcome.WRITTEN:
                rest = rest[1:]
        return made, False

    async def give_back(self, made: Sequence[str]) -> None:
        """Frees claims that `take_claims` made, unless the same case has taken them once more since."""
        if made:
            await self._store.write([remove(CLAIMS, id, expected=1) for id in made])

    async def _holders(self, claims: Sequence[str], case_id: str) -> list[str]:
        found = await self._store.get_many(CLAIMS, claims)
        return sorted({claim.data["case_id"] for claim in found.values()} - {case_id})

    async def held_claims(self, claims: Sequence[str], *, case_id: str) -> list[list[Any]]:
        """(id, version) of those of the claims that this case holds, to be freed as they stand now."""
        found = await self._store.get_many(CLAIMS, claims) if claims else {}
        return [[claim.id, claim.version] for claim in found.values() if claim.data["case_id"] == case_id]

    async def free_claims(self, held: Sequence[Sequence[Any]], *, case_id: str) -> None:
        """Frees claims as `held_claims` saw them. One that was touched since is wanted again and stays.

        So does one that was freed and that another case has taken since: its version counts from 1 again.
        """
        ours = await self.held_claims([id for id, _ in held], case_id=case_id)
        if free := [claim for claim in ours if claim in [list(one) for one in held]]:
            await self._store.write([remove(CLAIMS, id, expected=version) for id, version in free])

    async def claims_taken_before(self, instant: str, limit: int, after: tuple[str, str] | None) -> list[Document]:
        return await self._store.find(
            CLAIMS, {"at": Cond("below", instant)}, order=("at", "id"), limit=limit, after=after
        )

    async def get_many(self, case_ids: Sequence[str]) -> dict[str, Document]:
        return await self._store.get_many(CASES, case_ids)
