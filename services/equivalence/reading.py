"""What a list version says of a certificate on a day, and which exemptions are known. Read only, public."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from chassis.clock import Clock
from chassis.problems import Fault, FieldError, InvalidInput
from contracts import certificates
from services.equivalence import policy_files
from services.equivalence.catalogue import Catalogue, Listed
from services.equivalence.domain.exemptions import Arrangement
from services.equivalence.domain.listing import AsOf, Listing, listing_of, versions_on
from services.equivalence.domain.values import month_text

CITY = "CN-SH"


class CertificateUnknown(Fault):
    """The vocabulary of certificates has no such id. Whether a list names the certificate is not known to us."""


class Reading:
    """The public questions. Answers are JSON values in the shapes of `views`."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    async def versions(self, on: date | None, jurisdiction: str) -> dict[str, Any]:
        """All versions of a jurisdiction, or those that may have been in force on a day. Raises InvalidInput."""
        listed = await self._catalogue.every()
        own = _own(listed, jurisdiction)
        as_of = None if on is None else _as_of(own, jurisdiction, on)
        shown = own if as_of is None else _candidates(own, as_of)
        return _cited(
            {
                "jurisdiction": jurisdiction,
                "jurisdictions": sorted({each.policy.jurisdiction for each in listed}),
                "on": None if on is None else on.isoformat(),
                "certain": None if as_of is None else as_of.certain,
                "text": None if as_of is None else _text(as_of.text),
                "versions": [_version(each) for each in shown],
            }
        )

    async def certificate(self, id: str, on: date | None, jurisdiction: str) -> dict[str, Any]:
        """A certificate of the vocabulary on a day (default: today). Raises CertificateUnknown, InvalidInput."""
        known = certificates.certificates().get(id)
        if known is None:
            raise CertificateUnknown
        day = on or self._clock.today()
        own = _own(await self._catalogue.every(), jurisdiction)
        as_of = _as_of(own, jurisdiction, day)
        return _cited(
            {
                "certificate": id,
                "abbr": known.abbr,
                "name": dict(known.name),
                "jurisdiction": jurisdiction,
                "on": day.isoformat(),
                "certain": as_of.certain,
                "text": _text(as_of.text),
                "versions": [
                    {
                        "version": each.policy.version,
                        "jurisdiction": each.policy.jurisdiction,
                        "digest": each.digest,
                        "grades": [_grade(each, id, grade) for grade in known.grades.values()],
                    }
                    for each in _candidates(own, as_of)
                ],
                "mentions": [
                    dict(each)
                    for each in policy_files.mentions()
                    if each["certificate"] == id and each["jurisdiction"] == jurisdiction
                ],
            }
        )

    async def exemptions(self, credential: str | None, direction: str | None) -> dict[str, Any]:
        """Entries of the supplementary list, and arrangements apart from them. Raises InvalidInput."""
        if credential is not None and credential not in certificates.certificates():
            raise InvalidInput([FieldError("credential", "unknown")])
        modes = self._catalogue.supplementary_document.content["modes"]
        found = [
            each
            for each in self._catalogue.supplementary.served
            if (direction is None or each.direction == direction)
            and (credential is None or credential in each.source_credential.certificates)
        ]
        entries = [_arrangement(each, modes) for each in found if each.of_the_list]
        arrangements = [_arrangement(each, modes) for each in found if not each.of_the_list]
        known = sum(each.of_the_list for each in self._catalogue.supplementary.served)
        return _cited(
            {
                "credential": credential,
                "direction": direction,
                "list_version": self._catalogue.supplementary_document.version,
                "digest": self._catalogue.supplementary_document.digest,
                "of_the_list": {
                    "known": known,
                    "text": _entries_text(known, len(entries), len(arrangements)),
                    "entries": entries,
                },
                "arrangements": arrangements,
            }
        )


def _own(listed: list[Listed], jurisdiction: str) -> list[Listed]:
    own = [each for each in listed if each.policy.jurisdiction == jurisdiction]
    if not own:
        raise InvalidInput([FieldError("jurisdiction", "unknown")])
    return own


def _as_of(own: list[Listed], jurisdiction: str, day: date) -> AsOf:
    return versions_on([each.policy for each in own], jurisdiction, day)


def _candidates(own: list[Listed], as_of: AsOf) -> list[Listed]:
    return [each for each in own if each.policy in as_of.candidates]


def _version(listed: Listed) -> dict[str, Any]:
    content = listed.content
    in_force = content["in_force"]
    plain = ("version", "jurisdiction", "title", "document_number", "published", "supersedes", "ladder", "clauses")
    return {
        **{name: content[name] for name in (*plain, "sources", "confidence", "note")},
        "in_force": {"from": in_force["from"], "earliest": in_force["earliest"], "latest": in_force["latest"]},
        "classes": [
            {
                "id": id,
                "note": None,
                **{name: value for name, value in each.items() if value is not None},
                "rows_total": each["rows_total"],
                "rows_known": listed.policy.rows_known(id),
            }
            for id, each in content["classes"].items()
        ],
        "digest": listed.digest,
    }


def _grade(listed: Listed, certificate: str, grade: certificates.Grade) -> dict[str, Any]:
    row = next(
        (
            each
            for each in listed.content["rows"]
            if each["certificate"] == certificate and each["grade"] in (grade.id, None)
        ),
        None,
    )
    return {
        "grade": grade.id,
        "name": dict(grade.name),
        "row": row,
        "answers": {
            id: _answer(listing_of(listed.policy, certificate, grade.id, id), listed, id)
            for id in listed.policy.classes
        },
    }


def _answer(listing: Listing, listed: Listed, class_id: str) -> dict[str, Any]:
    version = listed.policy.version
    zh, en = {
        Listing.LISTED: (f"列入清单{version}版{class_id}类。", f"Listed in class {class_id} of list {version}."),
        Listing.OTHER_CLASSES_ONLY: (
            f"按来源所载，清单{version}版仅将该持证级别列入其他类别，未列入{class_id}类。",
            f"The source of this row of list {version} names other classes and not {class_id}.",
        ),
        Listing.NOT_LISTED: (
            f"清单{version}版{class_id}类的全部条目均已掌握，其中未列该证书的这一持证级别。",
            f"Not listed in class {class_id} of list {version}, all of whose rows are known to us.",
        ),
        Listing.NOT_KNOWN: (
            f"是否列入清单{version}版{class_id}类，本系统尚未掌握。",
            f"Whether class {class_id} of list {version} lists it is not known to us.",
        ),
    }[listing]
    return {"answer": listing.value, "text": {"zh": zh, "en": en}}


def _arrangement(each: Arrangement, modes: Mapping[str, Any]) -> dict[str, Any]:
    source = each.source_credential
    return {
        "id": each.id,
        "direction": each.direction,
        "mode": each.mode,
        "mode_name": modes[each.mode]["name"],
        "field": each.field,
        "from_certificates": list(source.certificates),
        "from_grades": None if source.grades is None else list(source.grades),
        "from_issued": None if source.issued_from is None else month_text(source.issued_from),
        "from_titles": [{"series": series, "levels": list(levels)} for series, levels in source.titles],
        "from_group": _text(source.group),
        "to": _text(each.to),
        "effect": _text(each.effect),
        "remaining": _text(each.remaining),
        "condition": _text(each.condition),
        "lapses_with_source": each.lapses_with_source,
        "chains": each.chains,
        "sources": list(each.sources),
        "year": each.year,
        "confidence": each.confidence,
    }


def _entries_text(known: int, fitting: int, arrangements: int) -> dict[str, str]:
    """How many entries of the list are known to us, how many of them fit the question; and what stands beside them."""
    if known == 0:
        zh, en = "补充清单的条目本系统尚未掌握", "No entry of the supplementary list is known to us"
    else:
        zh = f"补充清单的条目本系统已掌握{known}条，其中与所查内容相符的{fitting}条"
        en = f"Entries of the supplementary list known to us: {known}, of which {fitting} fit the question"
    if arrangements == 0:
        return {"zh": f"{zh}；其他来源的同类安排亦未查见。", "en": f"{en}; nor is an arrangement from elsewhere."}
    return {
        "zh": f"{zh}；下列安排另有来源，并非取自该清单。",
        "en": f"{en}; the arrangements below are real ones from other sources and not taken from it.",
    }


def _text(text: Any) -> dict[str, str] | None:
    return None if text is None else {"zh": text.zh, "en": text.en}


def _cited(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with the sources that it names, spelled out."""
    known = policy_files.sources()
    ids = sorted(set(_source_ids(answer)), key=lambda id: int(id[1:]))
    return {**answer, "sources": {id: dict(known[id]) for id in ids}}


def _source_ids(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "source" and isinstance(each, str):
                yield each
            elif name == "sources":
                yield from each
            else:
                yield from _source_ids(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _source_ids(each)
