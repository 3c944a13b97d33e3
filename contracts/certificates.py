"""The vocabulary of certificates and grades of holder: what a person wrote becomes an id, or "unlisted"."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

CERTIFICATES_FILE = Path(__file__).with_name("certificates.yaml")
UNLISTED = "unlisted"

_LONGEST = 400  # folded signs; a longer text names no certificate
# Words around a name that change nothing.
_FILLERS = (
    *("the", "of", "and", "certificate", "certification", "qualification", "designation"),
    *("证书", "资格", "资格证书"),
)


@dataclass(frozen=True, slots=True)
class Grade:
    """Grade of a holder. `names` name certificate and grade at once (FCCA); `aliases` the grade alone (fellow)."""

    id: str
    name: Mapping[str, str]  # zh, en
    names: frozenset[str]
    aliases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of one body. Names, bodies and aliases are folded."""

    id: str
    abbr: str | None
    name: Mapping[str, str]  # zh, en
    names: frozenset[str]
    bodies: frozenset[str]
    grades: Mapping[str, Grade]


class _OtherWords(Exception):
    """What was found where not all that was written are words of the vocabulary."""

    def __init__(self, found: tuple[str, str]) -> None:
        super().__init__()
        self.found = found


def recognise(body: str, name: str, grade: str) -> tuple[str, str]:
    """(certificate id, grade id) of what was written; "unlisted" for the part that the vocabulary does not have.

    Body and name must both fit: CMA is the name of certificates of two bodies. A name that implies a grade (FCCA)
    gives it whatever the text of the grade says, as long as that text does not name another grade of the same
    certificate; two grades that contradict each other are "unlisted", a person has to look.
    """
    try:
        return _recognise(body, name, grade)
    except _OtherWords as other:
        return other.found


@lru_cache(2048)  # most people write the same few; words of their own can be about them, and are not kept
def _recognise(body: str, name: str, grade: str) -> tuple[str, str]:
    folded_body, folded_name, folded_grade = fold(body), fold(name), fold(grade)
    for certificate in certificates().values():
        if not _made_of(folded_body, certificate.bodies):
            continue
        found = _grades_named(certificate, folded_name, need_name=True)
        if found is None:
            continue
        stated = _grades_named(certificate, folded_grade, need_name=False)
        grades = found | (stated or frozenset())
        recognised = certificate.id, next(iter(grades)) if len(grades) == 1 else UNLISTED
        if stated is None:
            raise _OtherWords(recognised)
        return recognised
    raise _OtherWords((UNLISTED, UNLISTED))


def fold(text: str) -> str:
    """Letters and digits alone, in one width and case."""
    plain = text.replace("™", "").replace("℠", "")  # NFKC would make letters of them
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold())
    return "".join(sign for sign in folded if sign.isalnum())


@cache
def certificates() -> Mapping[str, Certificate]:
    """Every certificate by id, in the order of the file."""
    content = yaml.safe_load(CERTIFICATES_FILE.read_text(encoding="utf-8"))
    return {id: _certificate(id, entry) for id, entry in content.items()}


def _certificate(id: str, entry: Mapping[str, Any]) -> Certificate:
    grades = {
        grade: Grade(grade, value["name"], _folded(value["names"]), _folded(value["aliases"]))
        for grade, value in entry["grades"].items()
    }
    return Certificate(id, entry["abbr"], entry["name"], _folded(entry["names"]), _folded(entry["bodies"]), grades)


def _folded(texts: list[str]) -> frozenset[str]:
    return frozenset(fold(text) for text in texts)


def _grades_named(certificate: Certificate, folded: str, *, need_name: bool) -> frozenset[str] | None:
    """Grades that a text names, if all of it is names, grades and fillers.

    None if it is not, or where `need_name` and it holds no name of the certificate.
    """
    names: dict[str, str | None] = dict.fromkeys(certificate.names)
    words: dict[str, str | None] = {}
    for grade in certificate.grades.values():
        names |= dict.fromkeys(grade.names, grade.id)
        words |= dict.fromkeys(grade.aliases, grade.id)
    # In the text of a name the abbreviation is the name; in the text of a grade it may stand for the grade.
    vocabulary = words | names if need_name else names | words
    pieces = _pieces(folded, frozenset(vocabulary))
    if pieces is None or (need_name and not any(piece in names for piece in pieces)):
        return None
    return frozenset(named for piece in pieces if (named := vocabulary.get(piece)) is not None)


def _made_of(folded: str, vocabulary: frozenset[str]) -> bool:
    pieces = _pieces(folded, vocabulary)
    return pieces is not None and any(piece in vocabulary for piece in pieces)


def _pieces(folded: str, vocabulary: frozenset[str]) -> list[str] | None:
    """The text as a row of known words, the longest first; None when something is left over."""
    if len(folded) > _LONGEST:
        return None
    words = _longest_first(vocabulary)
    pieces = []
    place = 0
    while place < len(folded):
        piece = next((word for word in words if folded.startswith(word, place)), None)
        if piece is None:
            return None
        pieces.append(piece)
        place += len(piece)
    return pieces


@cache
def _longest_first(vocabulary: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(vocabulary.union(_FILLERS), key=lambda word: (-len(word), word)))
