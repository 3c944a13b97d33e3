"""Policy documents as the rules read them: each parsed once, because it never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.equivalence.domain.exemptions import Supplementary
from services.equivalence.domain.policy import ListVersion
from services.equivalence.policy_files import Published
from services.equivalence.store import PolicyStore


@dataclass(frozen=True, slots=True)
class Listed:
    """A list version with the digest of the document that it was read from."""

    digest: str
    content: Mapping[str, Any]
    policy: ListVersion


class Catalogue:
    """List versions in the store. A version that came after the start is found too."""

    def __init__(self, lists: PolicyStore, supplementary: Published) -> None:
        self._lists = lists
        self._known: dict[str, Listed] = {}
        self.supplementary_document = supplementary
        self.supplementary = Supplementary.parse(supplementary.content)

    async def version(self, jurisdiction: str, version: str) -> Listed | None:
        """None when it is not here (yet)."""
        id = f"{jurisdiction}/{version}"
        if id not in self._known:
            found = await self._lists.get(id)
            if found is None:
                return None
            self._known[id] = _listed(found)
        return self._known[id]

    async def every(self) -> list[Listed]:
        """All list versions, oldest first."""
        found = await self._lists.every()
        for each in found:
            self._known.setdefault(each.id, _listed(each))
        return sorted(self._known.values(), key=lambda each: (each.policy.earliest.day, each.policy.id))


def _listed(document: Published) -> Listed:
    return Listed(document.digest, document.content, ListVersion.parse(document.content))
