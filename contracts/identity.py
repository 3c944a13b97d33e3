"""Canonical forms and checks of identity documents and of the unified social credit code.

One document has one spelling here, so that the same person's same document gives the same pseudonym wherever it is
typed. Full-width signs become half-width, letters upper case, spaces and hyphens go. A region code is never a reason:
codes are retired and people keep them. Errors name a rule and never the number.
"""

import re
from collections.abc import Callable
from datetime import date

RESIDENT_ID = "resident-id"
HMT_RESIDENCE_PERMIT = "hmt-residence-permit"
FOREIGN_PERMANENT_RESIDENCE = "foreign-permanent-residence"
HK_MACAO_TRAVEL_PERMIT = "hk-macao-travel-permit"
TAIWAN_TRAVEL_PERMIT = "taiwan-travel-permit"
PASSPORT = "passport"

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # 31 signs: no I, O, S, V, Z
_SEPARATORS = " \t\u00a0\u3000-\u2010\u2011\u2012\u2013\u2014\u2212"
# Only these three ranges are mapped: str.upper would also turn "ß" into "SS" and "ı" into "I".
_SPELLING = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | {code: code - 0xFEE0 - 32 for code in range(0xFF41, 0xFF5B)}
    | {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
    | {ord(sign): None for sign in _SEPARATORS}
    | {0xFF0D: None}
)

# What an id that is no identity document must not hold: every type above but a passport's numbers has so many digits.
LONG_NUMBER = "[0-9]{8}"


class IdentityError(ValueError):
    """The number is not one of this kind. `rule`: format, checksum, birth-date or type."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def canonical(type: str, number: str, *, mrz_check: str | None = None) -> str:
    """The one spelling of an identity document's number; the same again for a canonical one.

    `mrz_check`: the check digit behind a passport's number in its machine-readable zone, if the applicant gave it.
    Raises IdentityError: `type` for an unknown type (or a check digit for another document than a passport),
    `format`, `checksum`, `birth-date`.
    """
    if type not in _CANONICAL or (mrz_check is not None and type != PASSPORT):
        raise IdentityError("type")
    text = _CANONICAL[type](_spelled(number))
    if mrz_check is not None:
        _match("[0-9]", _spelled(mrz_check))
        if _spelled(mrz_check) != mrz_check_digit(text):
            raise IdentityError("checksum")
    return text


def holds_long_number(text: str) -> bool:
    """Whether an id (of a project, an edition, a round) could hide the number of a document: 8 digits in a row."""
    return re.search(LONG_NUMBER, text) is not None


def credit_code(text: str) -> str:
    """The one spelling of a unified social credit code (GB 32100): 18 signs, the last a check sign.

    Raises IdentityError: `format`, `checksum`. A real code has been reported that fails its check, so a caller may
    offer a documented override; `credit_code_format` gives the spelling without the check.
    """
    code = credit_code_format(text)
    if credit_code_check(code[:17]) != code[17]:
        raise IdentityError("checksum")
    return code


def credit_code_format(text: str) -> str:
    """As `credit_code`, with the length and the alphabet checked but not the check sign."""
    return _match(f"[{_CREDIT_ALPHABET}]{{18}}", _spelled(text))


def mod_11_2(body: str) -> str:
    """The check sign of ISO 7064 MOD 11-2 for a string of digits: 0-9 or X (GB 11643)."""
    total = 0
    for digit in body:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11]


def mrz_check_digit(number: str) -> str:
    """The check digit of a document number in a machine-readable zone (weights 7, 3, 1; filler counts 0)."""
    return str(sum(int(sign, 36) * (7, 3, 1)[place % 3] for place, sign in enumerate(number)) % 10)


def credit_code_check(body: str) -> str:
    """The check sign for the first 17 signs of a unified social credit code.

    The last `% 31` matters: with a remainder of 0 the common formula without it runs off the alphabet.
    """
    total = sum(_CREDIT_ALPHABET.index(sign) * pow(3, place, 31) for place, sign in enumerate(body))
    return _CREDIT_ALPHABET[(31 - total % 31) % 31]


def _spelled(text: str) -> str:
    return text.translate(_SPELLING)


def _match(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise IdentityError("format")
    return text


def _checked(text: str) -> str:
    """18 signs as GB 11643 builds them: checksum first, because it tells a slip of the pen from a wrong date."""
    if mod_11_2(text[:17]) != text[17]:
        raise IdentityError("checksum")
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        raise IdentityError("birth-date") from None
    return text


def _resident_id(text: str) -> str:
    return _checked(_match("[0-9]{17}[0-9X]", text))


def _hmt_residence_permit(text: str) -> str:
    """810000, 820000 and 830000 say Hong Kong, Macao and Taiwan: here they are the kind of document, not a region."""
    return _checked(_match("8[123]0000[0-9]{11}[0-9X]", text))


def _foreign_permanent_residence(text: str) -> str:
    """Cards since 2023-12-01: 9, province, nationality, birth date, sequence, check. Older: 3 letters, 12 digits."""
    if re.fullmatch("[A-Z]{3}[0-9]{12}", text):
        return text
    return _checked(_match("9[0-9]{16}[0-9X]", text))


def _hk_macao_travel_permit(text: str) -> str:
    """H or M and the holder's 8 digits. Older permits print a count of issues behind them, which is dropped: it
    numbers the cards of one holder, and old and new card are to meet. HA or MA and 7 digits: not Chinese nationals.
    """
    return _match("[HM][0-9]{8}(?:[0-9]{2})?|[HM]A[0-9]{7}", text)[:9]


def _taiwan_travel_permit(text: str) -> str:
    """8 digits, or the 10 of older permits. No source says what the two more mean, so they stay: two cards of one
    person that do not meet do less harm than two persons who do.
    """
    return _match("[0-9]{8}|[0-9]{10}", text)


def _passport(text: str) -> str:
    return _match("[A-Z0-9]{1,9}", text)


_CANONICAL: dict[str, Callable[[str], str]] = {
    RESIDENT_ID: _resident_id,
    HMT_RESIDENCE_PERMIT: _hmt_residence_permit,
    FOREIGN_PERMANENT_RESIDENCE: _foreign_permanent_residence,
    HK_MACAO_TRAVEL_PERMIT: _hk_macao_travel_permit,
    TAIWAN_TRAVEL_PERMIT: _taiwan_travel_permit,
    PASSPORT: _passport,
}
TYPES: tuple[str, ...] = tuple(_CANONICAL)
