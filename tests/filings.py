"""Filings of synthetic persons, complete and valid; a test names only what matters to it."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

from tests.builders import make_credit_code, make_resident_id

_births = itertools.count()


def another_person(name: str = "测试人") -> dict[str, Any]:
    """Somebody that no other call has made in this run."""
    days = next(_births)
    number = make_resident_id(born=date(1970, 1, 1) + timedelta(days=days % 9000), sequence=1 + days // 9000)
    return a_person(name=name, documents=[{"type": "resident-id", "number": number}])


def a_person(
    *, name: str = "测试人", documents: list[dict[str, Any]] | None = None, email: str = "applicant@example.org"
) -> dict[str, Any]:
    return {
        "name": name,
        "identity_documents": documents or [{"type": "resident-id", "number": make_resident_id()}],
        "contact": {"email": email, "language": "zh"},
    }


def a_filing(**changes: Any) -> dict[str, Any]:
    """A CGMA holder with a bachelor's degree of 2010 and twelve years of work, three of them in Shanghai."""
    filing: dict[str, Any] = {
        "round": "demo-2024",
        "person": another_person(),
        "employer": {"name": "测试有限公司", "code": make_credit_code(), "kind": "company"},
        "education": [{"degree": "bachelor", "field": "accounting", "awarded": "2010-06-30"}],
        "work": [
            {"from": "2012-01", "to": "2021-01", "in_shanghai": False, "in_field": True},
            {"from": "2021-01", "to": None, "in_shanghai": True, "in_field": True},
        ],
        "titles": [],
        "certificates": [a_cgma()],
        "declarations": {"truthful": True},
        "partner_reference": "ref-1",
    }
    return filing | changes


def a_cgma(**changes: Any) -> dict[str, Any]:
    return {"body": "CIMA", "name": "CGMA", "grade": "holder", "number": "SYN-0001", "issued": "2016-05-01"} | changes


def an_engineer(**changes: Any) -> dict[str, Any]:
    """An engineer with a bachelor's degree, appointed five years before the round of 2026."""
    return a_filing(
        **{
            "round": "demo-2026",
            "education": [{"degree": "bachelor", "field": "engineering", "awarded": "2015-06-30"}],
            "titles": [{"series": "engineering", "level": "intermediate", "appointed": "2021-01-15"}],
            "certificates": [],
            "target": {"series": "engineering", "level": "associate_senior"},
        }
        | changes
    )
