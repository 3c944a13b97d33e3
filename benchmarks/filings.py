"""Applications as JSON bytes, about 1.3 KB each: every one by another synthetic person, all of one ordinary kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import orjson

from tests.filings import a_filing

BUSINESS_DATE = "2024-06-01"  # the synthetic round of the filing is open on it


def filings() -> Iterator[bytes]:
    """A CGMA holder with a degree and twelve years of work, on all three roads. Never the same person twice."""
    for number in itertools.count(1):
        yield orjson.dumps(a_filing(partner_reference=f"bench-{number}"))
