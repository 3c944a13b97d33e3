"""The number of a case that people read out: `2026-P6AU-PKAF-578C-F`.

It is the year, twelve signs made of the case id, and a check sign over both. The 31 signs leave out what is mistaken
for another when it is read or written (I, O, S, V, Z), and 31 is a prime: a sum with the weights 3^n catches every
wrong sign and every swap of neighbours, and the check sign is one of the same signs.
"""

from __future__ import annotations

import hashlib
import re

_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_MISTAKEN = str.maketrans({"I": "1", "O": "0", "S": "5", "V": "U", "Z": "2"})
_SPELLED = re.compile(rf"([0-9]{{4}})([{_SIGNS}]{{4}})([{_SIGNS}]{{4}})([{_SIGNS}]{{4}})([{_SIGNS}])")


def case_number(case_id: str, year: int) -> str:
    """The number of a case received in `year` (2026). No clock and no counter: the same case, the same number."""
    rest = int.from_bytes(hashlib.sha256(f"case number|{case_id}".encode()).digest(), "big")
    signs = ""
    for _ in range(12):
        rest, place = divmod(rest, len(_SIGNS))
        signs += _SIGNS[place]
    body = f"{year:04d}{signs}"
    return _grouped(body + _check(body))


def valid(number: str) -> bool:
    """Whether this is a number as `case_number` writes it, with the right check sign."""
    return read(number) == number


def read(text: str) -> str | None:
    """The number behind what a person said or typed: any case, with or without hyphens and spaces, O for 0.

    None when it is not one, or its check sign does not fit.
    """
    signs = re.sub(r"[\s-]", "", text).upper().translate(_MISTAKEN)
    if not _SPELLED.fullmatch(signs) or _check(signs[:-1]) != signs[-1]:
        return None
    return _grouped(signs)


def _check(body: str) -> str:
    total = sum(_SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(body, start=1))
    return _SIGNS[-total % 31]


def _grouped(signs: str) -> str:
    return "-".join((signs[:4], signs[4:8], signs[8:12], signs[12:16], signs[16]))
