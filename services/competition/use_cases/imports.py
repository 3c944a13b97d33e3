"""What comes into the register: result files of organisers, published facts, synthetic rosters."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.problems import Fault, FieldError, InvalidInput
from chassis.pseudonyms import Pseudonyms
from chassis.store import Document, Store
from contracts.canonical import canonical_json, digest
from services.competition.editions import EditionFacts, Roster
from services.competition.register import EDITION, RESULTS, Register, Version, state_at
from services.competition.result_file import ResultFile, Row, kept_rows, of_one_key
from services.competition.store import RegisterStore

log = logging.getLogger(__name__)


class FileIdReused(Fault):
    """This file_id was used with another content. Send the same content, or use a new file_id."""


class ImportResults:
    """Takes a result file into the register. `moved` is set when the register has a new version."""

    def __init__(
        self, store: Store, register: Register, pseudonyms: Pseudonyms, clock: Clock, moved: asyncio.Event
    ) -> None:
        self._documents = RegisterStore(store)
        self._register = register
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._moved = moved

    async def __call__(self, file: ResultFile, *, partner: str) -> Document:
        """The change of the register that the file is; the same for the same file. InvalidInput, FileIdReused."""
        rows = await self._kept(file.edition, file.rows)
        content: dict[str, Any] = {"edition": file.edition, "results": file.results, "rows": rows}
        digests = {key: digest({**content, "rows": of_one_key(rows, key)}) for key in self._pseudonyms.key_ids}
        id = _import_id(partner, file.organiser, file.file_id)
        kept = await self._register.add(
            id,
            RESULTS,
            content,
            at=self._clock.now(),
            more={
                "partner_id": partner,
                "organiser": file.organiser,
                "file_id": file.file_id,
                "source": f"{file.organiser}/{file.file_id}",
                "file_digests": digests,
            },
            synthetic=False,
        )
        if not _same(kept.data["file_digests"], digests):
            raise FileIdReused
        applied = await self._register.apply(id)
        self._moved.set()
        log.info(
            "results imported",
            extra={"action": "register.imported", "import_id": id, "edition": file.edition, "rows": len(rows)},
        )
        return applied

    async def seed(self, editions: list[EditionFacts], rosters: list[Roster]) -> None:
        """Published facts, and synthetic rosters where they are asked for. Repeatable: known content changes nothing.

        A content once applied is never applied again, so an older release beside a newer one changes nothing back.
        """
        await self._register.set_up()
        for facts in editions:
            content: dict[str, Any] = {"edition": facts.id, "facts": facts.model_dump(mode="json")}
            id = f"e_{digest(content)[7:39]}"
            await self._register.add(
                id, EDITION, content, at=self._clock.now(), more={"source": "published"}, synthetic=False
            )
            await self._register.apply(id)
        for roster in rosters:
            rows = await self._kept(roster.edition, roster.rows)
            content = {"edition": roster.edition, "results": roster.results, "rows": rows}
            id = f"s_{digest(content)[7:39]}"
            await self._register.add(
                id, RESULTS, content, at=self._clock.now(), more={"source": "synthetic"}, synthetic=True
            )
            await self._register.apply(id)
        while await self._register.advance():
            pass
        self._moved.set()

    async def _kept(self, edition: str, rows: tuple[Row, ...]) -> list[dict[str, Any]]:
        facts = await edition_facts(self._documents, edition, await self._register.version())
        if facts is None:
            raise InvalidInput([FieldError("edition", "unknown")])
        return kept_rows(rows, tracks={track["id"] for track in facts["tracks"]}, pseudonyms=self._pseudonyms)


async def edition_facts(documents: RegisterStore, id: str, version: Version) -> dict[str, Any] | None:
    """The published facts of an edition as of a version of the register."""
    document = (await documents.editions([id])).get(id)
    state = state_at(document, version.number) if document else None
    facts: dict[str, Any] | None = state["facts"] if state else None
    return facts


def _import_id(partner: str, organiser: str, file_id: str) -> str:
    return "i_" + hashlib.sha256(canonical_json([partner, organiser, file_id])).hexdigest()[:32]


def _same(kept: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether two files are the same under a key that both were read with."""
    return any(kept[key] == given[key] for key in kept.keys() & given.keys())
