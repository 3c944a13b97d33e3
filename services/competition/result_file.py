"""An organiser's result file: its shape, its checks, and what is kept of it.

A bad row refuses the whole file. Identity numbers become pseudonyms here and go no further: no error and no stored
value holds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chassis.problems import FieldError, InvalidInput
from chassis.pseudonyms import Pseudonyms
from contracts.identity import LONG_NUMBER, IdentityError, canonical, holds_long_number


def _no_long_number(text: str) -> str:
    """These ids go into answers as they were written: none may hide the number of a person's document."""
    if holds_long_number(text):
        raise PydanticCustomError("long-number", "Holds a number that could be a person's.")
    return text


Slug = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", json_schema_extra={"not": {"pattern": LONG_NUMBER}}),
    AfterValidator(_no_long_number),
]
Role = Literal["technical-lead", "project-lead", "core-member", "member", "other"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class IdentityDocument(Part):
    type: str = Field(max_length=40, description="resident-id, passport, ...: a type of identity document.")
    number: str = Field(min_length=1, max_length=40)


class TeamMember(Part):
    identity_documents: tuple[IdentityDocument, ...] = Field(min_length=1, max_length=8)
    role: Role
    confirmed: bool = Field(False, description="Team mates or the organiser have confirmed the role.")
    disputed: bool = Field(False, description="The role is disputed within the team.")


class Row(Part):
    """A project as it stands; it replaces what the register says about the project."""

    project_id: Slug
    track: Slug
    stage: Literal["entered", "preliminary", "final"] = Field(description="The furthest stage that it has reached.")
    award: Slug | None = None
    disqualified: bool = False
    team: tuple[TeamMember, ...] = Field(max_length=100)


class ResultFile(Part):
    edition: Slug
    organiser: Slug
    file_id: Slug = Field(description="The organiser's own id of the file; the same again gives the same answer.")
    results: Literal["partial", "complete"] = Field(
        description="complete: with this file every project of the edition and its team is registered."
    )
    rows: tuple[Row, ...] = Field(min_length=1, max_length=20_000)


def kept_rows(rows: Sequence[Row], *, tracks: set[str], pseudonyms: Pseudonyms) -> list[dict[str, Any]]:
    """The rows with pseudonyms in place of identity documents.

    InvalidInput names every rule that is broken: `rows[3].team[0].identity_documents[0].number`, `checksum`.
    """
    errors: list[FieldError] = []
    seen: set[str] = set()
    kept = []
    for number, row in enumerate(rows):
        at = f"rows[{number}]"
        if row.project_id in seen:
            errors.append(FieldError(f"{at}.project_id", "repeated"))
        seen.add(row.project_id)
        if row.track not in tracks:
            errors.append(FieldError(f"{at}.track", "unknown"))
        team = _team(row, at, errors, pseudonyms)
        kept.append(row.model_dump(mode="json", exclude={"team"}) | {"team": team})
    if errors:
        raise InvalidInput(errors)
    return kept


def _team(row: Row, at: str, errors: list[FieldError], pseudonyms: Pseudonyms) -> list[dict[str, Any]]:
    team: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, member in enumerate(row.team):
        place = f"{at}.team[{number}]"
        if member.confirmed and member.disputed:
            errors.append(FieldError(f"{place}.disputed", "contradicts-confirmed"))
        person = list(dict.fromkeys(_person(member, place, errors, pseudonyms)))
        if not names.isdisjoint(person):
            errors.append(FieldError(f"{place}.identity_documents", "repeated"))
        names |= set(person)
        team.append(member.model_dump(mode="json", exclude={"identity_documents"}) | {"person": person})
    return team


def _person(member: TeamMember, place: str, errors: list[FieldError], pseudonyms: Pseudonyms) -> Iterator[str]:
    for number, document in enumerate(member.identity_documents):
        try:
            yield from pseudonyms.of(document.type, canonical(document.type, document.number))
        except IdentityError as broken:
            field = "type" if broken.rule == "type" else "number"
            errors.append(FieldError(f"{place}.identity_documents[{number}].{field}", broken.rule))


def of_one_key(rows: Sequence[dict[str, Any]], key_id: str) -> list[dict[str, Any]]:
    """The rows with the pseudonyms of one key alone, to compare files across a change of keys."""
    return [row | {"team": [_of_key(member, key_id) for member in row["team"]]} for row in rows]


def _of_key(member: dict[str, Any], key_id: str) -> dict[str, Any]:
    return member | {"person": [name for name in member["person"] if name.startswith(f"{key_id}.")]}
