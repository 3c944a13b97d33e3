"""Synthetic identity numbers that pass their checks. None belongs to a person or an organisation we know of."""

from datetime import date

from contracts import identity


def make_resident_id(*, region: str = "310101", born: date = date(1990, 3, 7), sequence: int = 6) -> str:
    body = f"{region}{born:%Y%m%d}{sequence:03d}"
    return body + identity.mod_11_2(body)


def make_hmt_residence_permit(*, region: str = "810000", born: date = date(1990, 3, 7), sequence: int = 6) -> str:
    return make_resident_id(region=region, born=born, sequence=sequence)


def make_foreign_permanent_residence(
    *, province: str = "31", nationality: str = "124", born: date = date(1981, 8, 3), sequence: int = 2
) -> str:
    return make_resident_id(region=f"9{province}{nationality}", born=born, sequence=sequence)


def make_credit_code(*, region: str = "310115", organisation: str = "MA1000029", kind: str = "91") -> str:
    body = kind + region + organisation
    return body + identity.credit_code_check(body)
