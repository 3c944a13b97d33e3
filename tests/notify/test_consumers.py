from contracts.canonical import canonical_json
from services.notify.consumers import Tell
from services.notify.domain import message_id
from services.notify.store import load
from services.notify.use_cases.deliver import Pace
from services.notify.use_cases.in_hand import InHand
from tests.notify.builders import (
    CASE,
    LETTERS,
    NUMBER,
    Corner,
    SetClock,
    amended,
    delivery,
    determined,
    erased,
    held,
    sealed,
    submitted,
    withdrawn,
)


async def test_a_handler_is_a_function_of_event_and_document():
    tell = Tell(LETTERS, SetClock(), InHand(most=1, more=1, begin_seconds=1.0), Pace())
    event = submitted()

    first = await tell.submitted(event, None, delivery(event, 1))
    again = await tell.submitted(event, None, delivery(event, 1))

    assert first is not None
    assert again is not None
    assert canonical_json(first.fields) == canonical_json(again.fields)


async def test_each_step_becomes_one_message(corner: Corner):
    await corner.hear(submitted(), determined(), amended(), determined(number=2, revision=2), withdrawn(revision=2))

    assert list(await corner.states()) == ["received", "determined1", "amended2", "determined2", "withdrawn"]


async def test_a_held_case_that_is_released_is_told_both(corner: Corner):
    await corner.hear(held(), submitted())

    assert await corner.states() == {"held": "queued", "received": "queued"}


async def test_an_event_that_comes_again_says_nothing_twice(corner: Corner):
    await corner.hear(submitted(), determined())
    before = await corner.document()

    await corner.hear_again(submitted(), 1)
    await corner.hear_again(determined(), 2)

    assert await corner.document() == before


async def test_a_step_said_twice_under_new_numbers_is_one_message(corner: Corner):
    await corner.hear(submitted(), submitted(), determined(), determined())

    assert len((await corner.case()).messages) == 2


async def test_message_ids_derive_from_what_they_are_about(corner: Corner):
    await corner.hear(submitted(), determined(number=3))

    ids = [message.id for message in (await corner.case()).messages]
    assert ids == [
        message_id(CASE, "received", None, "email", "applicant"),
        message_id(CASE, "determined", 3, "email", "applicant"),
    ]
    assert (await corner.document()).data["message_ids"] == ids


async def test_the_newest_contact_replaces_the_ones_before(corner: Corner):
    newer = sealed(revision=2, email="new@example.test")
    await corner.hear(submitted(), amended(contact=newer))

    case = await corner.case()
    assert (case.contact_sealed, case.contact_revision) == (newer, 2)


async def test_after_a_withdrawal_only_the_confirmation_goes_out(corner: Corner):
    await corner.hear(submitted(), determined(), withdrawn(), determined(number=2))

    assert await corner.states() == {"received": "cancelled", "determined1": "cancelled", "withdrawn": "queued"}


async def test_an_erased_case_is_a_stone(corner: Corner):
    await corner.hear(submitted(), determined(), erased())

    document = await corner.document()
    case = load(document)
    assert case.erased_on == corner.clock.today().isoformat()
    assert case.contact_sealed is None
    assert {message.state for message in case.messages} == {"cancelled"}
    assert all(message.params is None for message in case.messages)
    assert document.data["due_at"] is None
    assert document.seen == {"intake": 3}
    assert NUMBER not in canonical_json(document.data).decode()
    assert "n1." not in canonical_json(document.data).decode()


async def test_an_erasure_that_comes_before_everything_leaves_a_stone(corner: Corner):
    """Events before it are dropped by their numbers; the stone makes sure that nothing is said afterwards."""
    await corner.hear_again(erased(), 7)
    await corner.hear_again(submitted(), 3)
    await corner.hear_again(withdrawn(), 8)

    assert (await corner.case()).messages == ()
    assert (await corner.case()).erased_on


async def test_an_erasure_heard_twice_keeps_its_first_day(corner: Corner):
    await corner.hear(submitted(), erased())
    before = (await corner.case()).erased_on
    corner.clock.pass_seconds(200_000)

    await corner.hear(erased())

    assert (await corner.case()).erased_on == before


async def test_the_partner_stands_on_the_document(corner: Corner):
    await corner.hear(submitted(), partner="partner-7")

    assert (await corner.document()).data["partner_id"] == "partner-7"
