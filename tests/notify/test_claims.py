"""A message is claimed in the write that makes it, when this process has a sender for it."""

import asyncio

import pytest

from chassis.clock import later
from chassis.store import Outcome, StoreUnavailable, change
from services.notify.channels import Temporary
from services.notify.store import COLLECTION
from services.notify.use_cases.deliver import Deliver
from services.notify.use_cases.in_hand import InHand
from tests.notify.builders import (
    CASE,
    LEASE,
    START,
    Corner,
    Inbox,
    amended,
    case_id,
    delivery,
    determined,
    erased,
    submitted,
    until_sent,
    withdrawn,
)
from tests.waiting import until


def sending(corner: Corner, channel: Inbox, *, most: int = 100, begin_seconds: float = LEASE / 2) -> Deliver:
    """A sender for what the corner's handlers make from now on."""
    corner.in_hand = InHand(most=most, more=4, begin_seconds=begin_seconds)
    return corner.sender(channel, in_hand=corner.in_hand)


class Stuck(Inbox):
    """Takes nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    async def send(self, mail):
        self.asked.set()
        await self.may.wait()
        await super().send(mail)


async def test_two_writes_make_and_settle_a_message(corner: Corner):
    """INVARIANT: the write that makes a message is its claim."""
    inbox = Inbox()
    deliver = sending(corner, inbox)
    versions = []
    for event in (submitted(), determined()):
        await corner.hear(event)
        assert list((await corner.states()).values())[-1] == "sending"
        versions.append((await corner.document()).version)
        await until_sent(deliver)
        versions.append((await corner.document()).version)

    assert versions == [1, 2, 3, 4]
    assert await corner.states() == {"received": "delivered", "determined1": "delivered"}
    assert [message.attempts for message in (await corner.case()).messages] == [1, 1]
    assert len(inbox.mails) == 2
    assert await corner.said() == ["notify.message.delivered"] * 2
    assert await deliver.sweep() == 0


async def test_two_steps_in_one_batch_are_claimed_by_their_one_write_and_sent_in_order(corner: Corner):
    inbox = Inbox()
    deliver = sending(corner, inbox)

    await corner.hear_together([delivery(submitted(), 1), delivery(determined(), 2)])
    await until_sent(deliver)

    assert (await corner.document()).version == 2
    assert [mail.message_id for mail in inbox.mails] == [one.id for one in (await corner.case()).messages]


async def test_with_no_sender_free_messages_are_queued_and_the_sweep_takes_them(corner: Corner):
    cases = [case_id(number) for number in range(5)]
    inbox = Inbox()
    deliver = sending(corner, inbox, most=2)
    for case in cases:
        await corner.hear(submitted(case))

    states = [(await corner.states(case))["received"] for case in cases]
    assert states == ["sending", "sending", "queued", "queued", "queued"]
    await until_sent(deliver)
    assert await deliver.sweep() == 3
    await until_sent(deliver)

    assert [(await corner.states(case))["received"] for case in cases] == ["delivered"] * 5
    assert len({mail.message_id for mail in inbox.mails}) == len(inbox.mails) == 5


async def test_what_a_dead_process_had_claimed_is_sent_by_another_once_its_claim_has_run_out(corner: Corner):
    """INVARIANT: a mail goes out at least once, always under the same id."""
    sending(corner, Inbox())
    await corner.hear(submitted())  # and the process is killed
    inbox = Inbox()
    other = corner.sweep(inbox)

    assert await other() == 0
    corner.clock.pass_seconds(LEASE + 1)
    assert await other() == 1

    [message] = (await corner.case()).messages
    assert (message.state, message.attempts, inbox.mails[0].message_id) == ("delivered", 2, message.id)


async def test_a_message_that_is_made_while_its_case_is_at_work_goes_out_after_the_one_before(corner: Corner):
    channel = Stuck()
    deliver = sending(corner, channel)
    await corner.hear(submitted())
    deliver.begin()
    await asyncio.wait_for(channel.asked.wait(), 90)

    await corner.hear(determined())
    channel.may.set()
    await until_sent(deliver)

    assert [mail.message_id for mail in channel.mails] == [one.id for one in (await corner.case()).messages]
    assert await corner.states() == {"received": "delivered", "determined1": "delivered"}
    assert (await corner.document()).version == 4


async def test_a_message_in_line_is_not_sent_once_its_case_is_withdrawn_or_erased(corner: Corner):
    inbox = Inbox()
    deliver = sending(corner, inbox)
    other = case_id(1)
    await corner.hear(submitted(), submitted(other), withdrawn(), erased(other))

    await until_sent(deliver)

    assert await corner.states() == {"received": "cancelled", "withdrawn": "delivered"}
    assert await corner.states(other) == {"received": "cancelled"}
    assert len(inbox.mails) == 1


async def test_a_message_that_waited_in_line_too_long_is_given_back_and_not_sent(corner: Corner):
    """It could end after its claim has run out, beside another sender."""
    inbox = Inbox()
    deliver = sending(corner, inbox, begin_seconds=-1.0)
    await corner.hear(submitted())
    await until_sent(deliver)

    [message] = (await corner.case()).messages
    assert (inbox.mails, message.state, message.attempts) == ([], "queued", 0)
    assert await deliver.sweep() == 1


async def test_a_claim_that_ran_out_takes_no_message_from_the_sender_that_has_it_now(corner: Corner):
    """INVARIANT: a message is in the hands of one sender. Only the one that has it gives it back."""
    slow = sending(corner, Inbox(), begin_seconds=-1.0)  # so many stand in line that it comes too late
    await corner.hear(submitted())
    corner.clock.pass_seconds(LEASE + 1)
    channel = Stuck()
    other = corner.sender(channel)
    assert await other.sweep() == 1
    other.begin()
    await asyncio.wait_for(channel.asked.wait(), 30)

    await corner.hear(amended())  # from here on the slow one knows the case as it is now
    await until_sent(slow)
    [received, _] = (await corner.case()).messages
    assert (received.state, received.attempts) == ("sending", 2)

    channel.may.set()
    await until_sent(other)
    assert (await corner.states())["received"] == "delivered"


async def test_messages_behind_one_on_its_way_are_not_sent_once_their_case_is_withdrawn(corner: Corner):
    channel = Stuck()
    deliver = sending(corner, channel)
    await corner.hear_together([delivery(submitted(), 1), delivery(determined(), 2)])
    deliver.begin()
    await asyncio.wait_for(channel.asked.wait(), 30)

    await corner.hear_again(withdrawn(), 3)
    channel.may.set()
    await until_sent(deliver)

    states = await corner.states()
    assert states == {"received": "delivered", "determined1": "cancelled", "withdrawn": "delivered"}
    assert len(channel.mails) == 2


async def test_a_store_that_takes_no_write_is_not_asked_again_at_once(corner: Corner):
    await corner.hear(submitted())  # no sender is free: it is queued
    deliver = corner.sender(Inbox())
    real = corner.cases.replace

    async def full(*args, **more):
        raise StoreUnavailable

    corner.cases.replace = full  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):  # whoever repeats the sweep pauses
        await deliver.sweep()
    assert not deliver._in_hand

    corner.cases.replace = real  # type: ignore[method-assign]
    assert await deliver.sweep() == 1
    await until_sent(deliver)
    assert await corner.states() == {"received": "delivered"}


async def test_a_process_that_ends_gives_back_what_it_has_not_begun_and_lets_mails_on_their_way_arrive(corner: Corner):
    """INVARIANT: after SIGTERM nothing waits for a claim to run out."""
    channel = Stuck()
    deliver = sending(corner, channel)
    cases = [case_id(number) for number in range(6)]
    for case in cases:
        await corner.hear(submitted(case))
    deliver.begin()
    await asyncio.wait_for(channel.asked.wait(), 90)

    finishing = asyncio.create_task(deliver.finish())
    await asyncio.sleep(0)
    channel.may.set()
    await asyncio.wait_for(finishing, 90)

    states = [(await corner.states(case))["received"] for case in cases]
    assert states == ["delivered"] * 4 + ["queued"] * 2
    for case in cases[4:]:
        [message] = (await corner.case(case)).messages
        assert (message.attempts, message.due_at) == (0, START)
    await corner.hear(determined(cases[0]))
    assert (await corner.states(cases[0]))["determined1"] == "queued"


async def test_an_end_that_is_cut_off_leaves_no_sender_behind(corner: Corner):
    channel = Stuck()
    deliver = sending(corner, channel)
    await corner.hear(submitted())
    deliver.begin()
    await asyncio.wait_for(channel.asked.wait(), 90)
    finishing = asyncio.create_task(deliver.finish())
    await asyncio.sleep(0)

    finishing.cancel()
    await asyncio.gather(finishing, return_exceptions=True)

    assert channel.mails == []
    assert await corner.states() == {"received": "sending"}
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("notify.")]


async def test_an_attempt_that_fails_leaves_the_message_to_the_sweep(corner: Corner):
    inbox = Inbox(Temporary("smtp-451"))
    deliver = sending(corner, inbox)
    await corner.hear(submitted())
    await until_sent(deliver)

    [message] = (await corner.case()).messages
    assert (message.state, message.attempts, message.reason) == ("queued", 1, "smtp-451")
    corner.clock.pass_seconds(60)
    assert await deliver.sweep() == 1
    await until_sent(deliver)
    assert await corner.states() == {"received": "delivered"}


async def test_a_result_that_the_store_does_not_take_at_first_is_saved_without_a_second_mail(corner: Corner):
    inbox = Inbox()
    deliver = sending(corner, inbox)
    await corner.hear(submitted())
    real, answers = corner.cases.replace, [StoreUnavailable(), StoreUnavailable()]

    async def away(*args, **more):
        if answers:
            raise answers.pop()
        return await real(*args, **more)

    corner.cases.replace = away  # type: ignore[method-assign]
    await until_sent(deliver)

    assert await corner.states(CASE) == {"received": "delivered"}
    assert len(inbox.mails) == 1


async def test_what_waited_for_a_place_goes_out_before_what_is_new_of_its_case(corner: Corner):
    inbox = Inbox()
    await corner.hear(submitted())  # no sender is free
    assert await corner.states() == {"received": "queued"}
    deliver = sending(corner, inbox)

    await corner.hear(determined())
    assert await corner.states() == {"received": "sending", "determined1": "sending"}
    await until_sent(deliver)

    assert (await corner.document()).version == 3
    assert [mail.message_id for mail in inbox.mails] == [one.id for one in (await corner.case()).messages]


async def test_messages_that_end_together_are_settled_by_one_write_to_the_store(corner: Corner):
    cases = [case_id(number) for number in range(20)]
    deliver = sending(corner, Inbox())
    for case in cases:
        await corner.hear(submitted(case))
    real, written = corner.store.write, []

    async def counted(writes, **more):
        written.append(len(writes))
        return await real(writes, **more)

    corner.store.write = counted  # type: ignore[method-assign]
    await until_sent(deliver)

    assert written == [20]
    assert [(await corner.states(case))["received"] for case in cases] == ["delivered"] * 20


async def test_what_is_due_is_claimed_by_one_write_to_the_store(corner: Corner):
    cases = [case_id(number) for number in range(20)]
    for case in cases:
        await corner.hear(submitted(case))  # no sender is free: they are queued
    deliver = corner.sender(Inbox())
    real, written = corner.store.write, []

    async def counted(writes, **more):
        written.append(len(writes))
        return await real(writes, **more)

    corner.store.write = counted  # type: ignore[method-assign]
    assert await deliver.sweep() == 20
    await until_sent(deliver)

    assert written == [20, 20]


async def test_a_case_that_changes_meanwhile_does_not_touch_the_others_that_end_with_it(corner: Corner):
    cases = [case_id(number) for number in range(3)]
    for case in cases:
        await corner.hear(submitted(case))  # no sender is free: they are queued

    class Meanwhile(Inbox):
        async def send(self, mail):
            if not self.mails:
                await corner.hear(withdrawn(cases[0]))
            await super().send(mail)

    await corner.sweep(Meanwhile(), at_once=1)()

    assert await corner.states(cases[0]) == {"received": "delivered", "withdrawn": "queued"}
    assert [await corner.states(case) for case in cases[1:]] == [{"received": "delivered"}] * 2
    assert [(await corner.document(case)).version for case in cases] == [4, 3, 3]


async def test_a_mail_that_hangs_does_not_hold_back_the_results_of_others(corner: Corner):
    class FirstHangs(Stuck):
        async def send(self, mail):
            if self.asked.is_set():
                self.mails.append(mail)
            else:
                await super().send(mail)

    channel = FirstHangs()
    deliver = sending(corner, channel)
    cases = [case_id(number) for number in range(6)]
    for case in cases:
        await corner.hear(submitted(case))
    deliver.begin()

    async def others_settled() -> bool:
        return [(await corner.states(case))["received"] for case in cases[1:]] == ["delivered"] * 5

    await until(others_settled, seconds=60)
    assert await corner.states(cases[0]) == {"received": "sending"}
    channel.may.set()
    await until_sent(deliver)
    assert await corner.states(cases[0]) == {"received": "delivered"}


async def test_a_case_that_cannot_be_read_holds_back_no_other(corner: Corner):
    await corner.hear(submitted(case_id(1)), submitted())
    document = await corner.document(case_id(1))
    [message] = document.data["messages"]
    newer = {"messages": [{**message, "of_a_newer_release": 1}]}
    assert await corner.store.write([change(COLLECTION, document, newer)]) == [Outcome.WRITTEN]
    deliver = corner.sender(Inbox())

    assert await deliver.sweep() == 1  # nothing done is a pause
    await until_sent(deliver)
    assert await deliver.sweep() == 0

    assert await corner.states() == {"received": "delivered"}
    assert not deliver._in_hand


async def test_a_claim_that_was_not_written_takes_no_message_from_the_sender_that_has_it(corner: Corner):
    """INVARIANT: also where two made the same attempt, and one write came between: the handlers run once more."""
    await corner.hear(submitted())  # no sender is free: it is queued
    inbox, channel = Inbox(), Stuck()
    deliver, other = sending(corner, inbox), corner.sender(channel)
    real = corner.store.write

    async def after_the_other(writes, **more):
        corner.store.write = real  # type: ignore[method-assign]
        assert await other.sweep() == 1
        return await real(writes, **more)

    corner.store.write = after_the_other  # type: ignore[method-assign]
    await corner.hear(determined())
    other.begin()
    await asyncio.wait_for(channel.asked.wait(), 90)
    await until_sent(deliver)
    channel.may.set()
    await until_sent(other)

    assert await corner.states() == {"received": "delivered", "determined1": "delivered"}
    received, determination = (await corner.case()).messages
    assert [mail.message_id for mail in inbox.mails] == [determination.id]
    assert [mail.message_id for mail in channel.mails] == [received.id]


async def test_a_new_message_claims_nothing_of_its_case_that_is_in_other_hands_whatever_its_time(corner: Corner):
    """The clock of who said it may be ahead of ours, by more than a claim holds."""
    await corner.hear(submitted())  # no sender is free: it is queued
    channel = Stuck()
    other = corner.sender(channel)
    assert await other.sweep() == 1
    other.begin()
    await asyncio.wait_for(channel.asked.wait(), 90)

    inbox = Inbox()
    deliver = sending(corner, inbox)
    await corner.hear(determined(), at=later(START, 10 * LEASE))
    await until_sent(deliver)
    channel.may.set()
    await until_sent(other)

    assert await corner.states() == {"received": "delivered", "determined1": "delivered"}
    assert [len(each.mails) for each in (inbox, channel)] == [1, 1]


async def test_what_was_given_back_is_not_taken_from_the_next_sender_where_the_store_did_not_answer(corner: Corner):
    """INVARIANT: the attempt that was given back is the next sender's, under the same number."""
    late = sending(corner, Inbox(), begin_seconds=-1.0)
    await corner.hear(submitted())
    channel = Stuck()
    other = corner.sender(channel)
    real = corner.cases.replace

    async def without_an_answer(*args, **more):
        corner.cases.replace = real  # type: ignore[method-assign]
        await real(*args, **more)
        corner.clock.pass_seconds(1)
        assert await other.sweep() == 1
        raise StoreUnavailable

    corner.cases.replace = without_an_answer  # type: ignore[method-assign]
    await until_sent(late)
    [message] = (await corner.case()).messages
    assert (message.state, message.attempts) == ("sending", 1)

    channel.may.set()
    await until_sent(other)
    assert await corner.states() == {"received": "delivered"}
