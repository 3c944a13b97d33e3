"""One document per case: assessments in order, answered again without computing, let go when the person asks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.canonical import digest
from contracts.events import Because, CaseDetermined, CaseHeld, EquivalenceAssessed, RoadAnswer
from services.equivalence import policy_files
from services.equivalence.assessments import assessment_id
from tests.equivalence.office import (
    TODAY,
    Office,
    amended,
    an_office,
    asked_again,
    case_id_of,
    erased,
    some_filed_facts,
    submitted,
    withdrawn,
)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as found:
        yield found


async def test_a_filed_case_gets_assessment_one(office: Office) -> None:
    await office.hears(submitted())

    [said] = await office.said()
    assert (said.number, said.revision, said.because) == (1, 1, Because.FILED)
    assert said.answer.status == "open-if"
    assert [each.code for each in said.answer.conditions] == ["certificate-verified"]
    assert said.policy.digest == policy_files.list_digests()["1.0"]
    assert said.policy.version == "1.0"


async def test_ids_and_digests_derive_from_what_the_assessment_is_about(office: Office) -> None:
    await office.hears(submitted())

    [said] = await office.said()
    [stored] = (await office.case()).data["assessments"]
    assert said.input_digest == digest(stored["facts"])
    assert said.assessment_id == assessment_id(case_id_of("a case"), 1, said.input_digest, said.policy.digest)
    sent = {
        "answer": said.answer.model_dump(mode="json"),
        "exemptions": [each.model_dump(mode="json") for each in said.exemptions],
    }
    assert said.result_digest == digest(sent) == digest(stored["result"])
    assert stored["result"] == sent


async def test_what_is_stored_is_what_the_rules_saw_and_no_more(office: Office) -> None:
    await office.hears(submitted(facts=some_filed_facts(competitions=[])))

    [stored] = (await office.case()).data["assessments"]
    assert sorted(stored["facts"]) == [
        "certificates",
        "earlier_rounds",
        "education",
        "employer",
        "received_on",
        "round",
        "round_year",
        "target",
        "titles",
        "work",
    ]
    whole = json.dumps((await office.case()).data)
    assert "p1.somebody" not in whole
    assert "sealed" not in whole


async def test_an_amendment_gets_the_next_number_although_nothing_changed_for_this_road(office: Office) -> None:
    await office.hears(submitted())
    await office.hears(amended())

    first, second = await office.said()
    assert (second.number, second.revision, second.because) == (2, 2, Because.AMENDED)
    assert second.assessment_id != first.assessment_id
    assert second.result_digest == first.result_digest


async def test_a_revision_that_was_answered_gets_no_second_answer(office: Office) -> None:
    await office.hears(submitted(), submitted())
    await office.hears(submitted())

    assert len(await office.said()) == 1


async def test_asked_again_the_stored_answer_goes_out_under_its_own_number(office: Office) -> None:
    await office.hears(submitted())
    await office.hears(asked_again())

    first, again = await office.said()
    assert again.because == Because.ASKED_AGAIN
    assert again == first.model_copy(update={"because": Because.ASKED_AGAIN})
    assert len((await office.case()).data["assessments"]) == 1


async def test_asked_again_for_others_or_for_an_older_revision_says_nothing(office: Office) -> None:
    await office.hears(submitted(), amended())
    await office.hears(asked_again(revision=1), asked_again(revision=2, services=("competition",)))

    assert len(await office.said()) == 2


async def test_no_answer_follows_a_withdrawal(office: Office) -> None:
    await office.hears(submitted(), withdrawn(), asked_again())

    assert len(await office.said()) == 1
    assert (await office.case()).data["status"] == "withdrawn"


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_erasure_leaves_a_stone_and_nothing_late_brings_the_person_back(
    office: Office, in_one_batch: bool
) -> None:
    events = [submitted(), amended(), erased()]
    if in_one_batch:
        await office.hears(*events)
    else:
        for each in events:
            await office.hears(each)
    await office.hears(amended(revision=3), asked_again(revision=3))

    case = await office.case()
    assert case.data["status"] == "erased"
    assert case.data["assessments"] == []
    assert case.data["ended_on"] == TODAY.isoformat()
    assert case.seen == {"intake": 5}
    assert "cgma" not in json.dumps(case.data)


async def test_an_erasure_of_a_case_that_never_came_leaves_a_stone(office: Office) -> None:
    await office.hears(erased())
    await office.hears(submitted())

    assert (await office.case()).data["status"] == "erased"
    assert await office.said() == []


async def test_a_list_that_has_not_arrived_makes_the_key_wait(office: Office) -> None:
    folded = await office.hears(submitted(version="9.0"))

    assert folded.troubles["intake"].kind == "retry"
    assert folded.troubles["intake"].code == "list-not-here"


async def test_a_list_of_another_digest_is_never_used(office: Office) -> None:
    folded = await office.hears(submitted(list_digest="sha256:" + "1" * 64))

    assert folded.troubles["intake"].kind == "reject"
    assert folded.troubles["intake"].code == "list-digest-differs"


async def test_held_and_determined_cases_only_move_the_marks(office: Office) -> None:
    name = "a case"
    held = CaseHeld(
        case_id=case_id_of(name), revision=1, case_number="2024-0001-7", reason="duplicate", contact_sealed="sealed"
    )
    determined = CaseDetermined(
        case_id=case_id_of(name),
        revision=1,
        number=1,
        determination_id="d",
        because=Because.FILED,
        case_number="2024-0001-7",
        roads=(),
        waits_for_officer=False,
    )
    await office.hears(held, submitted(), determined)

    assert (await office.case()).seen == {"intake": 3}
    assert len(await office.said()) == 1


async def test_other_roads_asked_for_change_nothing_here(office: Office) -> None:
    await office.hears(submitted(roads=["ordinary"]))

    [said] = await office.said()
    assert said.answer.status == "open-if"


async def test_exemptions_stand_beside_the_road(office: Office) -> None:
    certificates = [{"certificate": "hkicpa", "grade": "member", "issued": "2015-01"}]
    await office.hears(submitted(facts=some_filed_facts(certificates=certificates)))

    [said] = await office.said()
    assert [(each.id, each.of_the_list) for each in said.exemptions] == [("ref-hkicpa-to-cicpa", False)]
    assert "no-list-entry" in [each.code for each in said.answer.notes]


async def test_the_oldest_assessments_go_when_a_case_is_amended_without_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.equivalence.use_cases.MOST_KEPT", 3)
    await office.hears(submitted(), *(amended(revision=number) for number in range(2, 7)))

    assert [each["number"] for each in (await office.case()).data["assessments"]] == [4, 5, 6]
    assert [each.number for each in await office.said()] == [1, 2, 3, 4, 5, 6]


async def test_stones_go_after_sixty_days(tmp_path: Path) -> None:
    async with an_office(tmp_path) as office:
        await office.hears(submitted("erased"), erased("erased"))
        await office.hears(submitted("withdrawn"), withdrawn("withdrawn"))
        await office.hears(submitted("goes on"))
        for each in ("erased", "withdrawn", "goes on"):
            await office.case(each)

        later = Office(office.store, TODAY + timedelta(days=59))
        assert await later.sweep() == 0
        assert await Office(office.store, TODAY + timedelta(days=60)).sweep() == 2
        await office.case("goes on")


async def test_the_answer_on_the_wire_is_the_answer_in_the_store(office: Office) -> None:
    """INVARIANT: a field that the contract gains must be in the stored result too, or digests no longer agree."""
    for name, facts in {
        "closed": some_filed_facts(certificates=[]),
        "open": some_filed_facts(),
        "officer": some_filed_facts(certificates=[{"certificate": "pmp", "grade": "holder", "issued": "2016-05"}]),
    }.items():
        await office.hears(submitted(name, facts=facts))
        [stored] = (await office.case(name)).data["assessments"]
        assert (
            RoadAnswer.model_validate(stored["result"]["answer"]).model_dump(mode="json") == stored["result"]["answer"]
        )


async def test_a_day_of_another_year_is_no_part_of_the_answer(tmp_path: Path) -> None:
    """Rules see the dates of the filing, never the clock."""
    answers: list[EquivalenceAssessed] = []
    for number, today in enumerate((date(2024, 6, 1), date(2031, 1, 1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with an_office(folder, today=today) as office:
            await office.hears(submitted())
            answers += await office.said()

    assert answers[0] == answers[1]
