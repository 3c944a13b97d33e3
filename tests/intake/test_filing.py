"""The filing: what is taken, and by which field and rule the rest is refused."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import Any

import pytest

from chassis.bodies import check
from chassis.problems import InvalidInput
from contracts.canonical import canonical_json
from services.intake.filing import Filing, facts_of, rule_breaks
from tests.builders import make_credit_code, make_foreign_permanent_residence, make_resident_id
from tests.filings import a_cgma, a_filing, a_person

TODAY = date(2024, 6, 1)
DELETED = object()


def filing_of(**changes: Any) -> Filing:
    return check(Filing, a_filing(**changes))


def changed(path: str, value: Any) -> dict[str, Any]:
    """A full filing with one place set to another value; `path` is like "person.contact.email" or "work[0].to"."""
    filing = copy.deepcopy(
        a_filing(
            target={"series": "accounting", "level": "associate_senior"},
            titles=[{"series": "accounting", "level": "intermediate", "appointed": "2015-01-01"}],
            competitions=[{"edition": "e1", "project_id": "p1", "role": "member"}],
            evidence=[{"kind": "degree", "sha256": "a" * 64, "held_by": "employer"}],
        )
    )
    *parents, last = path.replace("[", ".[").split(".")
    place: Any = filing
    for part in parents:
        place = place[int(part[1:-1])] if part.startswith("[") else place[part]
    if value is DELETED:
        del place[last]
    else:
        place[int(last[1:-1]) if last.startswith("[") else last] = value
    return filing


def refused(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as problem:
        check(Filing, body)
    return [(error.field, error.rule) for error in problem.value.errors]


def breaks(**changes: Any) -> list[tuple[str, str]]:
    return rule_breaks(filing_of(**changes), TODAY)


def test_a_complete_filing_is_taken_and_comes_back_as_it_was() -> None:
    body = changed("work[0].to", "2022-02")
    filing = check(Filing, body)
    dumped = filing.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert canonical_json(dumped) == canonical_json(body)
    assert Filing.model_validate_json(filing.model_dump_json(by_alias=True)) == filing


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("round", DELETED, "required"),
        ("round", "a round", "pattern"),
        ("roads", ["ordinary", "ordinary"], "repeated"),
        ("person.name", "", "too-short"),
        ("person.name", "   ", "empty"),
        ("person.name", "a" * 201, "too-long"),
        ("person.name", "a\u0000b", "control-character"),
        ("person.name", "a\r\nBcc: b", "control-character"),
        ("person.name", "a\u202eb", "control-character"),
        ("person.name", 7, "text"),
        ("person.identity_documents", [], "too-few"),
        ("person.contact.email", "nobody", "pattern"),
        ("person.contact.email", "a@example.org\n", "pattern"),
        ("person.contact.email", "a@example.org, b@example.org", "pattern"),
        ("person.contact.language", "fr", "one-of"),
        ("person.contact.phone", "call me", "pattern"),
        ("employer.kind", "guild", "one-of"),
        ("employer.free_post", 1, "true-or-false"),
        ("education[0].degree", "baccalaureate", "one-of"),
        ("education[0].awarded", "2023-02-29", "date"),
        ("education[0].awarded", "2023-2-1", "date"),
        ("education[0].awarded", "0001-01-01", "date"),
        ("education[0].awarded", 20230101, "date"),
        ("education[0].awarded", None, "date"),
        ("work[0].from", "2012-13", "pattern"),
        ("work[0].from", "2012-01-01", "pattern"),
        ("work[0].from", DELETED, "required"),
        ("work[0].in_field", "true", "true-or-false"),
        ("titles[0].series", "alchemy", "one-of"),
        ("titles[0].level", "other", "one-of"),
        ("target.level", "grand-master", "one-of"),
        ("certificates[0].body", "", "too-short"),
        ("certificates[0].name", DELETED, "required"),
        ("certificates[0].grade", " ", "empty"),
        ("competitions[0].edition", "a/b", "pattern"),
        ("competitions[0].role", "captain", "one-of"),
        ("competitions[0].edition", "ed.31010519900307123X", "long-number"),
        ("competitions[0].project_id", "12345678", "long-number"),
        ("round", "E12345678", "long-number"),
        ("evidence[0].sha256", "A" * 64, "pattern"),
        ("evidence[0].kind", "a file", "pattern"),
        ("declarations.truthful", False, "must-be-true"),
        ("declarations.truthful", 1, "true-or-false"),
        ("declarations", DELETED, "required"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field_and_rule(path: str, value: Any, rule: str) -> None:
    assert refused(changed(path, value)) == [(path, rule)]


def test_a_road_that_does_not_exist_is_refused() -> None:
    assert refused(a_filing(roads=["ordinary", "shortcut"])) == [("roads[1]", "one-of")]


def test_an_earlier_round_is_no_place_for_a_number_of_a_person() -> None:
    assert refused(a_filing(earlier_rounds=["2023-r2", "E12345678"])) == [("earlier_rounds[1]", "long-number")]


@pytest.mark.parametrize("name", ["education", "work", "titles", "certificates", "competitions", "evidence"])
def test_lists_are_bounded(name: str) -> None:
    entry = changed("round", "r")[name][0]
    assert (name, "too-many") in refused(a_filing(**{name: [entry] * 51}))


def test_unknown_fields_are_refused_at_their_parent() -> None:
    assert refused(a_filing(nickname="x")) == [("body", "unknown-field")]
    assert refused(a_filing(person={**a_person(), "age": 3})) == [("person", "unknown-field")]


@pytest.mark.parametrize(
    ("type", "number", "rule"),
    [
        ("resident-id", make_resident_id()[:-1] + "7", "checksum"),
        ("resident-id", "123", "format"),
        ("hmt-residence-permit", "810000199809020130", "checksum"),
        ("foreign-permanent-residence", make_foreign_permanent_residence()[:-1] + "5", "checksum"),
        ("hk-macao-travel-permit", "X12345678", "format"),
        ("taiwan-travel-permit", "123456789", "format"),
        ("passport", "L898902C36", "format"),
    ],
)
def test_an_identity_document_that_fails_its_check_is_named_and_never_shown(type: str, number: str, rule: str) -> None:
    good = {"type": "resident-id", "number": make_resident_id()}
    body = a_filing(person=a_person(documents=[good, {"type": type, "number": number}]))
    with pytest.raises(InvalidInput) as problem:
        check(Filing, body)
    assert [(e.field, e.rule) for e in problem.value.errors] == [("person.identity_documents[1].number", rule)]
    assert number not in json.dumps(problem.value.members)
    assert number not in str(problem.value)


def test_the_check_digit_of_a_passport_is_used() -> None:
    def with_digit(digit: str, type: str = "passport") -> dict[str, Any]:
        number = "L898902C3" if type == "passport" else "12345678"
        return a_filing(person=a_person(documents=[{"type": type, "number": number, "mrz_check": digit}]))

    check(Filing, with_digit("6"))
    assert refused(with_digit("7")) == [("person.identity_documents[0].number", "checksum")]
    assert refused(with_digit("6", "taiwan-travel-permit")) == [
        ("person.identity_documents[0].mrz_check", "passport-only")
    ]


def test_a_region_code_that_no_longer_exists_is_no_reason() -> None:
    filing_of(person=a_person(documents=[{"type": "resident-id", "number": make_resident_id(region="000001")}]))


def test_an_employer_code_that_fails_its_check_needs_an_override_with_a_reason() -> None:
    good = make_credit_code()
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")
    employer = {"name": "测试有限公司", "kind": "company", "code": bad}

    assert refused(a_filing(employer=employer)) == [("employer.code", "checksum")]
    filing_of(employer={**employer, "code_override": {"reason": "Printed so on the licence."}})
    assert ("employer.code_override.reason", "empty") in refused(
        a_filing(employer={**employer, "code_override": {"reason": " "}})
    )
    assert refused(a_filing(employer={**employer, "code": "1", "code_override": {"reason": "x"}})) == [
        ("employer.code", "format")
    ]


def test_a_filing_without_breaks_has_none() -> None:
    assert breaks() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"education": [{"degree": "bachelor", "field": "law", "awarded": "2024-06-02"}]},
            ("education[0].awarded", "after-today"),
        ),
        (
            {"titles": [{"series": "engineering", "level": "intermediate", "appointed": "2024-06-02"}]},
            ("titles[0].appointed", "after-today"),
        ),
        ({"certificates": [a_cgma(issued="2024-06-02")]}, ("certificates[0].issued", "after-today")),
        (
            {"work": [{"from": "2024-07", "to": None, "in_shanghai": True, "in_field": True}]},
            ("work[0].from", "after-today"),
        ),
        (
            {"work": [{"from": "2024-02", "to": "2024-01", "in_shanghai": True, "in_field": True}]},
            ("work[0].to", "ends-before-start"),
        ),
        (
            {"work": [{"from": "2024-02", "to": "2024-02", "in_shanghai": True, "in_field": True}]},
            ("work[0].to", "ends-before-start"),
        ),
        ({"certificates": [a_cgma(lapses="2016-04-30")]}, ("certificates[0].lapses", "lapses-before-issued")),
        (
            {
                "person": a_person(
                    documents=[
                        {
                            "type": "resident-id",
                            "number": make_resident_id(),
                            "valid_from": "2020-01-02",
                            "valid_to": "2020-01-01",
                        }
                    ]
                )
            },
            ("person.identity_documents[0].valid_to", "ends-before-start"),
        ),
    ],
)
def test_a_past_that_lies_ahead_and_an_end_before_its_beginning_are_named(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert breaks(**changes) == [expected]


def test_today_itself_is_not_ahead() -> None:
    assert (
        breaks(
            education=[{"degree": "bachelor", "field": "law", "awarded": "2024-06-01"}],
            work=[{"from": "2024-06", "to": None, "in_shanghai": True, "in_field": True}],
        )
        == []
    )


def test_facts_hold_years_and_months_and_no_free_text() -> None:
    filing = check(Filing, changed("certificates[0].lapses", "2030-05-01"))
    facts = facts_of(filing).model_dump(mode="json", by_alias=True)

    assert facts["education"] == [{"degree": "bachelor", "field": "accounting", "awarded_year": 2010}]
    assert facts["titles"] == [{"series": "accounting", "level": "intermediate", "appointed_year": 2015}]
    assert facts["certificates"] == [
        {"certificate": "cgma", "grade": "fellow", "issued": "2016-05", "lapses": "2030-05"}
    ]
    assert facts["work"][1] == {"from": "2021-01", "to": None, "in_shanghai": True, "in_field": True}
    assert facts["employer"] == {"kind": "company", "free_post": None, "superior_consent": None}
    text = json.dumps(facts, ensure_ascii=False)
    assert "SYN-0001" not in text
    assert "测试" not in text


def test_an_unknown_certificate_becomes_unlisted_and_its_words_stay_here() -> None:
    filing = filing_of(certificates=[a_cgma(body="Guild of Secrets", name="Grand Master", grade="Nobody")])
    [fact] = facts_of(filing).certificates
    assert (fact.certificate, fact.grade) == ("unlisted", "unlisted")


def test_the_schema_of_the_filing_can_be_published() -> None:
    schema = Filing.model_json_schema(by_alias=True)
    assert schema["$defs"]["Work"]["properties"]["from"]["pattern"].startswith("^(19|20|21)")
    awarded = schema["$defs"]["Education"]["properties"]["awarded"]
    assert (awarded["type"], awarded["format"]) == ("string", "date")
