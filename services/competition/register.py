"""The register: a log of changes (an edition, an imported file), numbered 1, 2, ... and read as of a number.

A change touches many documents, and no store of ours writes two documents at once. So it is kept first, whole; then one
document, the head, names it as the one being applied; its rows go into editions and projects as states of the next
version; last the head moves to that version. Readers take the version from the head and of each document the newest
state not above it: they see a change whole or not at all. Whoever finds a change half applied finishes it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.store import Document, Outcome, Store, Write, change, create
from contracts.canonical import digest
from services.competition.store import CHANGES, EDITIONS, HEAD, PROJECTS, REGISTER, RegisterStore

log = logging.getLogger(__name__)

EDITION, RESULTS = "edition", "results"  # kinds of change
BATCH = 200


class RegisterNotReady(Exception):
    """The register was never set up, or does not say what its log says."""


@dataclass(frozen=True, slots=True)
class Version:
    """A state of the register. `digest` chains the digests of all changes up to it."""

    number: int
    digest: str


def chained(before: str, change_id: str, content_digest: str) -> str:
    return digest([before, change_id, content_digest])


ORIGIN = Version(0, digest([]))


def project_key(edition: str, project: str) -> str:
    return f"{edition}/{project}"


def state_at(document: Document, version: int) -> dict[str, Any] | None:
    """The newest state not above the version."""
    states = [state for state in document.data["states"] if state["version"] <= version]
    return states[-1] if states else None


class Register:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents = RegisterStore(store)

    async def set_up(self) -> None:
        """The head of an empty register. Repeatable."""
        await self._store.write([create(REGISTER, HEAD, {"number": 0, "digest": ORIGIN.digest, "applying": None})])

    async def version(self) -> Version:
        """The version in force. Raises RegisterNotReady."""
        head = await self._documents.head()
        if head is None:
            raise RegisterNotReady("not set up")
        return Version(head.data["number"], head.data["digest"])

    async def add(
        self, id: str, kind: str, content: Mapping[str, Any], *, at: str, more: Mapping[str, Any], synthetic: bool
    ) -> Document:
        """Keeps a change, to be applied; or answers with the one that has this id, whatever is in it."""
        fields = {
            "kind": kind,
            "content": dict(content),
            "digest": digest(content),
            "received_at": at,
            "register_version": None,
            "register_digest": None,
            "synthetic": synthetic,
            **more,
        }
        await self._store.write([create(CHANGES, id, fields)])
        kept = await self._documents.change(id)
        if kept is None:
            raise AssertionError("a change is never removed")
        return kept

    async def apply(self, change_id: str) -> Document:
        """Applies what waits until this change is in force; the change with its version."""
        while True:
            change = await self._documents.change(change_id)
            if change is None:
                raise AssertionError("a change is never removed")
            place = change.data["register_version"]
            if place is not None and place <= (await self.version()).number:
                return change
            await self.advance()

    async def advance(self) -> int:
        """Applies the change that is being applied, else the oldest that waits. 0 = nothing waits, else 1.

        Safe to run in several processes and to be cut off anywhere.
        """
        head = await self._documents.head()  # before the change is chosen: if another process is faster, we conflict
        if head is None:
            raise RegisterNotReady("not set up")
        if head.data["applying"] is None:
            waiting = await self._documents.next_waiting()
            if waiting is None:
                return 0
            await self._store.write([change(REGISTER, head, {"applying": waiting.id})])
            return 1
        applying = await self._documents.change(head.data["applying"])
        if applying is None:
            raise AssertionError("a change is never removed")
        await self._apply(applying, head)
        return 1

    async def _apply(self, applying: Document, head: Document) -> None:
        next_ = Version(head.data["number"] + 1, chained(head.data["digest"], applying.id, applying.data["digest"]))
        await self._put_edition(applying, next_.number)
        rows = applying.data["content"].get("rows", [])
        for start in range(0, len(rows), BATCH):
            await self._put_projects(applying, rows[start : start + BATCH], next_.number)
        place = {"register_version": next_.number, "register_digest": next_.digest}
        await self._store.write([change(CHANGES, applying, place)])  # a conflict: another process has written the same
        moved = {"number": next_.number, "digest": next_.digest, "applying": None}
        [outcome] = await self._store.write([change(REGISTER, head, moved)])
        if outcome is Outcome.WRITTEN:
            log.info(
                "register moved",
                extra={"action": "register.moved", "version": next_.number, "change": applying.id, "rows": len(rows)},
            )

    async def _put_edition(self, applying: Document, version: int) -> None:
        """A state of the edition for every change about it, so that its newest version says when it last changed."""
        content = applying.data["content"]
        while True:
            document = (await self._documents.editions([content["edition"]])).get(content["edition"])
            states = document.data["states"] if document else []
            if states and states[-1]["version"] >= version:
                return
            last = states[-1] if states else {"facts": None, "results": "none"}
            results = content.get("results", last["results"])
            state = {
                "version": version,
                "facts": content.get("facts", last["facts"]),
                # What was once said to be complete stays so: a later partial file corrects single rows.
                "results": last["results"] if last["results"] == "complete" else results,
            }
            fields = {"register_version": version, "states": [*states, state]}
            write = change(EDITIONS, document, fields) if document else create(EDITIONS, content["edition"], fields)
            await self._store.write([write])

    async def _put_projects(self, applying: Document, rows: Sequence[dict[str, Any]], version: int) -> None:
        edition = applying.data["content"]["edition"]
        wanted = {project_key(edition, row["project_id"]): row for row in rows}
        while wanted:
            documents = await self._documents.projects(list(wanted))
            writes = []
            for id, row in wanted.items():
                write = _project(documents.get(id), row, applying, version)
                if write is not None:
                    writes.append(write)
            outcomes = await self._store.write(writes)
            again = {
                write.id for write, outcome in zip(writes, outcomes, strict=True) if outcome is not Outcome.WRITTEN
            }
            wanted = {id: row for id, row in wanted.items() if id in again}

    async def check(self, *, synthetic_allowed: bool) -> None:
        """The log must give the version in force; production holds nothing synthetic. Raises RegisterNotReady."""
        in_force = await self.version()
        number, last = ORIGIN.number, ORIGIN.digest
        async for entry in self._documents.in_force():
            if entry.data["synthetic"] and not synthetic_allowed:
                raise RegisterNotReady(f"the register holds synthetic rows ({entry.id})")
            if entry.data["register_version"] > in_force.number:
                continue  # being applied
            number += 1
            last = chained(last, entry.id, entry.data["digest"])
            if digest(entry.data["content"]) != entry.data["digest"]:
                raise RegisterNotReady(f"the content of {entry.id} is not what its digest says")
            if (number, last) != (entry.data["register_version"], entry.data["register_digest"]):
                raise RegisterNotReady(f"the log breaks at version {number}")
        if (number, last) != (in_force.number, in_force.digest):
            raise RegisterNotReady("the log does not give the version in force")


def _project(document: Document | None, row: Mapping[str, Any], applying: Document, version: int) -> Write | None:
    """The write that gives a project its state of this version; None when it has one."""
    states = document.data["states"] if document else []
    if states and states[-1]["version"] >= version:
        return None
    edition, synthetic = applying.data["content"]["edition"], applying.data["synthetic"]
    state = {**row, "version": version, "source": applying.data["source"], "synthetic": synthetic}
    fields = {
        "edition": edition,
        "project_id": row["project_id"],
        "synthetic": synthetic,
        "states": [*states, state],
    }
    if document is None:
        return create(PROJECTS, project_key(edition, row["project_id"]), fields)
    return change(PROJECTS, document, fields)
