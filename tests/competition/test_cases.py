"""What the service makes of the events of a case."""

from __future__ import annotations

from chassis.clock import later
from chassis.store import change
from contracts.canonical import digest
from contracts.events import CaseHeld
from services.competition.store import CASES
from tests.competition.office import (
    EDITION,
    a_file,
    a_member_row,
    a_number,
    a_row,
    amended,
    an_office,
    asked_again,
    case_id_of,
    erased,
    submitted,
    withdrawn,
)

CASE = case_id_of("case")
EVTOL_LEAD = "990000198804120012"


async def test_the_technical_lead_of_the_evtol_finalist_may_be_assessed_up_to_full_senior(tmp_path):
    async with an_office(tmp_path, rosters=True) as office:
        await office.hears(submitted("case", EVTOL_LEAD, (EDITION, "SYN-2024-001", "technical-lead")))

        said = await office.newest(CASE)
        answer = said.answer
        assert (answer.road, answer.status) == ("competition", "open")
        assert answer.opens is not None
        assert (answer.opens.title.zh, answer.opens.only) == ("正高级工程师", False)
        assert [item.values for item in answer.exceptions] == [{"from": "none", "to": "senior", "allowed": "yes"}]
        assert [item.code for item in answer.outstanding] == ["role-confirmation", "committee-assessment"]
        assert answer.evidence[0].values["award"] == "优胜奖"
        assert all("合成" in item.text.zh for item in answer.evidence)
        assert {(clause.source, clause.confidence) for clause in answer.clauses} >= {("S24", "news"), ("S01", "news")}
        assert (said.policy.id, said.number, said.because) == ("competition-register", 1, "filed")


async def test_an_answer_states_what_it_was_made_from(tmp_path):
    async with an_office(tmp_path, rosters=True) as office:
        await office.hears(submitted("case", EVTOL_LEAD, (EDITION, "SYN-2024-001", "technical-lead")))

        said, version = await office.newest(CASE), await office.register.version()
        [kept] = (await office.case(CASE)).data["assessments"]
        assert (said.policy.version, said.policy.digest) == (str(version.number), version.digest)
        assert said.input_digest == digest(kept["facts"])
        assert said.result_digest == digest({"answer": said.answer.model_dump(mode="json"), "exemptions": []})


async def test_every_revision_gets_an_answer_with_a_new_number_even_if_it_says_the_same(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", a_number()), amended("case", a_number()))
        await office.hears(amended("case", a_number(), revision=3))

        said = await office.said(CASE)
        assert [(event.revision, event.number, event.because) for event in said] == [
            (1, 1, "filed"),
            (2, 2, "amended"),
            (3, 3, "amended"),
        ]
        assert len({event.assessment_id for event in said}) == 3


async def test_asked_again_says_the_stored_answer_and_computes_nothing(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-1", a_member_row(me, confirmed=True))))

        await office.hears(asked_again("case"))

        first, again = await office.said(CASE)
        assert again == first.model_copy(update={"because": "asked-again"})
        assert len((await office.case(CASE)).data["assessments"]) == 1


async def test_asked_again_for_another_service_or_a_revision_without_an_answer_says_nothing(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", a_number()))

        await office.hears(asked_again("case", services=("equivalence",)), asked_again("case", revision=2))

        assert len(await office.said(CASE)) == 1


async def test_nothing_follows_a_withdrawal(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")), withdrawn("case"))
        await office.take(a_file(a_row("P-1", a_member_row(me))))

        assert await office.reassess() == 0
        await office.hears(asked_again("case"))

        assert len(await office.said(CASE)) == 1


async def test_erasure_leaves_the_id_the_marks_and_the_date(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")), erased("case"))

        case = await office.case(CASE)
        assert case.data["status"] == "erased"
        assert case.data["erased_at"]
        assert case.data["assessments"] == []
        assert case.seen == {"intake": 2}
        assert "p1." not in str(case.data)


async def test_an_event_about_an_erased_case_finds_the_stone_and_does_nothing(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(erased("case"))

        await office.hears(submitted("case", a_number(), (EDITION, "P-1", "member")), asked_again("case"))

        assert await office.said(CASE) == []
        assert (await office.case(CASE)).data["assessments"] == []


async def test_a_case_that_is_held_first_is_answered_when_it_is_filed(tmp_path):
    async with an_office(tmp_path) as office:
        held = CaseHeld(case_id=CASE, revision=1, case_number="1", reason="duplicate", contact_sealed="x")
        office._known[CaseHeld.TYPE] = CaseHeld
        await office.hears(held)

        await office.hears(submitted("case", a_number()))

        assert (await office.newest(CASE)).number == 1


async def test_stones_go_after_their_days_and_not_before(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(erased("case"))
        await office.hears(erased("other"))
        old = later(office.clock.now(), -61 * 86_400)
        await office.store.write([change(CASES, await office.case(CASE), {"erased_at": old})])

        assert await office.stones() == 1

        assert await office.store.get(CASES, CASE) is None
        assert (await office.case(case_id_of("other"))).data["status"] == "erased"
