"""The register as the rules see it: of what a person names, at one version; and the same as JSON, to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chassis.store import Document, Store
from services.competition.domain import Claim, Clause, Edition, Facts, LevelTitle, Member, Names, Project, Title, View
from services.competition.register import Register, Version, project_key, state_at
from services.competition.store import RegisterStore


class Views:
    def __init__(self, store: Store, register: Register) -> None:
        self._documents = RegisterStore(store)
        self._register = register

    async def of(self, facts: Facts) -> tuple[Version, View]:
        """The version in force and what it says about the person's entries. Raises RegisterNotReady."""
        version = await self._register.version()
        editions = await self._documents.editions(sorted({claim.edition for claim in facts.claims}))
        keys = {project_key(claim.edition, claim.project) for claim in facts.claims if claim.edition in editions}
        projects = await self._documents.projects(sorted(keys))
        return version, _view(editions, projects, version.number)

    async def changed_editions(self, ids: set[str], since: int) -> bool:
        """Whether one of the editions has changed after a version of the register."""
        editions = await self._documents.editions(sorted(ids))
        return any(edition.data["register_version"] > since for edition in editions.values())


def _view(editions: Mapping[str, Document], projects: Mapping[str, Document], version: int) -> View:
    states = {id: state for id, document in editions.items() if (state := state_at(document, version)) is not None}
    found = []
    for _, document in sorted(projects.items()):
        row = state_at(document, version)
        if row is not None and document.data["edition"] in states:
            found.append(_project(row, states[document.data["edition"]]["facts"]))
    return View(tuple(_edition(states[id]) for id in sorted(states)), tuple(found))


def _edition(state: Mapping[str, Any]) -> Edition:
    facts = state["facts"]
    recognition = facts["recognition"]
    return Edition(
        id=facts["id"],
        name=_names(facts["name"]),
        results=state["results"],
        titles=tuple(LevelTitle(title["level"], _names(title)) for title in recognition["titles"]),
        confidence=recognition["confidence"],
        clauses=tuple(
            Clause(clause["id"], clause["source"], clause["confidence"]) for clause in recognition["clauses"]
        ),
        skips=recognition.get("levels_may_be_skipped") is True,
    )


def _project(row: Mapping[str, Any], facts: Mapping[str, Any]) -> Project:
    tracks = {track["id"]: _names(track) for track in facts["tracks"]}
    awards = {award["id"]: _names(award) for award in facts["awards"]}
    award = row["award"]
    return Project(
        edition=facts["id"],
        id=row["project_id"],
        track=tracks.get(row["track"], Names(row["track"], row["track"])),
        stage=row["stage"],
        # The table of prizes is not published: an award that our facts do not name is shown by its id.
        award=awards.get(award, Names(award, award)) if award else None,
        disqualified=row["disqualified"],
        team=tuple(
            Member(tuple(member["person"]), member["role"], member["confirmed"], member["disputed"])
            for member in row["team"]
        ),
        synthetic=row["synthetic"],
        source=Clause(
            f"competition-register/{project_key(facts['id'], row['project_id'])}",
            row["source"],
            "synthetic" if row["synthetic"] else "official",
        ),
    )


def facts_from(kept: Mapping[str, Any]) -> Facts:
    return Facts(
        tuple(kept["person"]),
        tuple(Claim(**claim) for claim in kept["claims"]),
        tuple(Title(**title) for title in kept["titles"]),
    )


def view_from(kept: Mapping[str, Any]) -> View:
    return View(
        tuple(_edition_from(edition) for edition in kept["editions"]),
        tuple(_project_from(project) for project in kept["projects"]),
    )


def _edition_from(kept: Mapping[str, Any]) -> Edition:
    return Edition(
        id=kept["id"],
        name=_names(kept["name"]),
        results=kept["results"],
        titles=tuple(LevelTitle(title["level"], _names(title["name"])) for title in kept["titles"]),
        confidence=kept["confidence"],
        clauses=tuple(Clause(**clause) for clause in kept["clauses"]),
        skips=kept["skips"],
    )


def _project_from(kept: Mapping[str, Any]) -> Project:
    return Project(
        edition=kept["edition"],
        id=kept["id"],
        track=_names(kept["track"]),
        stage=kept["stage"],
        award=_names(kept["award"]) if kept["award"] else None,
        disqualified=kept["disqualified"],
        team=tuple(
            Member(tuple(member["person"]), member["role"], member["confirmed"], member["disputed"])
            for member in kept["team"]
        ),
        synthetic=kept["synthetic"],
        source=Clause(**kept["source"]),
    )


def _names(kept: Mapping[str, Any]) -> Names:
    return Names(kept["zh"], kept["en"])
