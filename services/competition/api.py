"""HTTP in: result files of organisers, and the published facts of editions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from chassis.bodies import json_body
from chassis.callers import Caller, may
from chassis.problems import NotFound, problems
from chassis.store import Document, Store
from chassis.web import use_case
from services.competition.editions import EditionFacts
from services.competition.register import Register, state_at
from services.competition.result_file import ResultFile
from services.competition.store import RegisterStore
from services.competition.use_cases.imports import FileIdReused, ImportResults

router = APIRouter()

Importer = Annotated[Caller, Depends(may("register:import"))]
Reader = Annotated[Caller, Depends(may("catalogue:read"))]


class Import(BaseModel):
    """What became of a file. Cases that wait for it are judged again and answered as events."""

    import_id: str
    edition: str
    organiser: str
    file_id: str
    results: Literal["partial", "complete"]
    rows: int
    received_at: str
    status: Literal["received", "applied"]
    register_version: int | None = Field(description="The version of the register that the file made.")
    register_digest: str | None


class RegisterState(BaseModel):
    version: int
    digest: str


class Known(BaseModel):
    """How much of an edition our register holds. `of_total`: what was entered, as published; null = not published."""

    results: Literal["none", "partial", "complete"]
    projects: int
    of_total: int | None
    synthetic_projects: int


class EditionEntry(BaseModel):
    facts: EditionFacts
    known: Known


class Editions(BaseModel):
    register_state: RegisterState = Field(serialization_alias="register")
    editions: list[EditionEntry]


class ReadRegister:
    """Questions to the register that have no person in their answers."""

    def __init__(self, store: Store, register: Register) -> None:
        self._documents = RegisterStore(store)
        self._register = register

    async def import_(self, id: str, partner: str) -> Import:
        """NotFound for another partner's import too."""
        change = await self._documents.change(id)
        if change is None or change.data.get("partner_id") != partner:
            raise NotFound
        version = await self._register.version()
        return import_of(change, in_force=version.number)

    async def editions(self) -> Editions:
        version = await self._register.version()
        documents = await self._documents.all_editions()
        entries = [entry for document in documents if (entry := await self._entry(document, version.number))]
        return Editions(register_state=RegisterState(version=version.number, digest=version.digest), editions=entries)

    async def edition(self, id: str) -> EditionEntry:
        version = await self._register.version()
        document = (await self._documents.editions([id])).get(id)
        entry = await self._entry(document, version.number) if document else None
        if entry is None:
            raise NotFound
        return entry

    async def _entry(self, document: Document, version: int) -> EditionEntry | None:
        state = state_at(document, version)
        if state is None:
            return None
        facts = EditionFacts.model_validate(state["facts"])
        real = await self._documents.count_projects(document.id, synthetic=False)
        synthetic = await self._documents.count_projects(document.id, synthetic=True)
        known = Known(results=state["results"], projects=real, of_total=facts.entries, synthetic_projects=synthetic)
        return EditionEntry(facts=facts, known=known)


def import_of(change: Document, *, in_force: int) -> Import:
    data: dict[str, Any] = change.data
    place = data["register_version"]
    applied = place is not None and place <= in_force
    return Import(
        import_id=change.id,
        edition=data["content"]["edition"],
        organiser=data["organiser"],
        file_id=data["file_id"],
        results=data["content"]["results"],
        rows=len(data["content"]["rows"]),
        received_at=data["received_at"],
        status="applied" if applied else "received",
        register_version=place if applied else None,
        register_digest=data["register_digest"] if applied else None,
    )


@router.post("/v1/register/imports", status_code=201, responses=problems(FileIdReused))
async def import_results(
    file: Annotated[ResultFile, Depends(json_body(ResultFile))],
    caller: Importer,
    import_results: Annotated[ImportResults, Depends(use_case(ImportResults))],
) -> Import:
    """Take a result file in: whole, or not at all. The same file_id with the same content gets the same answer."""
    change = await import_results(file, partner=caller.partner)
    return import_of(change, in_force=change.data["register_version"])


@router.get("/v1/register/imports/{import_id}", responses=problems(NotFound))
async def get_import(
    import_id: Annotated[str, Path(max_length=64)],
    caller: Importer,
    register: Annotated[ReadRegister, Depends(use_case(ReadRegister))],
) -> Import:
    """What became of a file of the own partner."""
    return await register.import_(import_id, caller.partner)


@router.get("/v1/register/editions")
async def get_editions(_: Reader, register: Annotated[ReadRegister, Depends(use_case(ReadRegister))]) -> Editions:
    """Every edition: what is published, with source and confidence, and how much of it the register holds."""
    return await register.editions()


@router.get("/v1/register/editions/{edition_id}", responses=problems(NotFound))
async def get_edition(
    edition_id: Annotated[str, Path(max_length=64)],
    _: Reader,
    register: Annotated[ReadRegister, Depends(use_case(ReadRegister))],
) -> EditionEntry:
    """One edition."""
    return await register.edition(edition_id)
