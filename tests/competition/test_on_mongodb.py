"""The register and its cases on a MongoDB server, which has no transaction over several documents for us."""

from __future__ import annotations

from services.competition.use_cases.imports import FileIdReused
from tests.competition.office import (
    EDITION,
    a_file,
    a_member_row,
    a_number,
    a_row,
    an_office,
    case_id_of,
    erased,
    submitted,
)

CASE = case_id_of("case")


async def test_results_reach_a_case_are_annulled_and_the_case_is_erased(mongo_url):
    me = a_number()
    rows = [a_row(f"P-{n}", a_member_row(me, confirmed=True)) for n in range(250)]
    async with an_office(mongo_url, rosters=True) as office:
        await office.hears(submitted("case", me, (EDITION, "P-249", "technical-lead")))
        await office.take(a_file(*rows))
        try:
            await office.take(a_file(*rows[:10]))
            raise AssertionError("another content was taken under the same id")
        except FileIdReused:
            pass

    async with an_office(mongo_url, rosters=True) as office:
        assert await office.reassess() == 1
        await office.take(a_file(rows[249] | {"disqualified": True}, file_id="f-2"))
        assert await office.reassess() == 1
        await office.register.check(synthetic_allowed=True)

        assert [(one.number, one.answer.status, one.because) for one in await office.said(CASE)] == [
            (1, "open-if", "filed"),
            (2, "open", "result-imported"),
            (3, "closed", "result-annulled"),
        ]
        await office.hears(erased("case"))
        assert (await office.case(CASE)).data["assessments"] == []
