import asyncio
import json
import logging

import pytest

from chassis.sealing import Envelope, new_key_pair
from chassis.store import StoreUnavailable
from contracts.canonical import canonical_json
from services.notify.channels import Permanent, Temporary
from services.notify.domain import Backoff
from services.notify.use_cases.sweeps import Count, RemoveStones
from tests.notify.builders import (
    CASE,
    EMAIL,
    PRIVATE,
    PUBLIC,
    START,
    Corner,
    Inbox,
    amended,
    case_id,
    determined,
    erased,
    sealed,
    submitted,
    withdrawn,
)


async def test_a_message_is_sent_once_and_said_so(corner: Corner):
    await corner.hear(submitted())
    inbox = Inbox()
    sweep = corner.sweep(inbox)

    assert await sweep() == 1
    assert await sweep() == 0

    assert [mail.recipient for mail in inbox.mails] == [EMAIL]
    assert await corner.states() == {"received": "delivered"}
    assert await corner.said() == ["notify.message.delivered"]
    assert inbox.rested == 1


async def test_an_event_about_a_message_names_step_number_and_attempts(corner: Corner):
    await corner.hear(submitted(), determined(number=4))
    await corner.sweep(Inbox())()

    [_, pending] = await corner.store.pending(10)
    said = json.loads(pending.record.value)
    [_, message] = (await corner.case()).messages
    assert said == {
        "case_id": CASE,
        "message_id": message.id,
        "step": "determined",
        "determination": 4,
        "kind": "email",
        "attempts": 1,
    }
    assert dict(pending.record.headers)["ce_correlationid"] == "corr-1"


async def test_two_writes_per_message(corner: Corner):
    """One for the claim, one for the result; the record itself is the runner's write."""
    await corner.hear(submitted(), determined())
    before = (await corner.document()).version

    await corner.sweep(Inbox())()

    assert (await corner.document()).version == before + 2


async def test_the_language_of_the_contact_comes_first(corner: Corner):
    await corner.hear(submitted(contact=sealed(language="en")))
    await corner.hear(submitted(case_id(1)))
    inbox = Inbox()

    await corner.sweep(inbox)()

    by_case = {mail.message_id: mail for mail in inbox.mails}
    english = by_case[(await corner.case()).messages[0].id]
    chinese = by_case[(await corner.case(case_id(1))).messages[0].id]
    assert english.subject.startswith("Application received")
    assert chinese.subject.startswith("职称申报已收到")
    assert "职称" in english.text
    assert "Application" not in chinese.text.splitlines()[0]


async def test_a_temporary_failure_is_tried_again_at_once_and_then_for_hours_until_a_person_is_asked(corner: Corner):
    await corner.hear(submitted())
    sweep = corner.sweep(Inbox(*[Temporary("smtp-451")] * 8))
    waits = []

    for attempt in range(1, 9):
        assert await sweep() == 1
        [message] = (await corner.case()).messages
        waits.append(message.state.value)
        if attempt > 1:
            assert await sweep() == 0  # not before its time
            corner.clock.pass_seconds(1.2 * 7200)

    assert waits == ["queued"] * 7 + ["waiting"]
    assert (message.attempts, message.reason, message.due_at) == (8, "smtp-451", None)
    assert await corner.said() == ["notify.message.waiting"]


async def test_a_failure_leaves_and_the_next_attempt_delivers(corner: Corner):
    await corner.hear(submitted())
    inbox = Inbox(Temporary("smtp-421"))
    sweep = corner.sweep(inbox)
    await sweep()
    corner.clock.pass_seconds(40)

    await sweep()

    [message] = (await corner.case()).messages
    assert (message.state, message.attempts, message.reason) == ("delivered", 2, None)
    assert await corner.said() == ["notify.message.delivered"]


async def test_a_permanent_failure_waits_for_a_person_at_once(corner: Corner):
    await corner.hear(submitted())

    await corner.sweep(Inbox(Permanent("smtp-550")))()

    [message] = (await corner.case()).messages
    assert (message.state, message.attempts, message.reason) == ("waiting", 1, "smtp-550")
    assert await corner.said() == ["notify.message.waiting"]


async def test_a_failure_nobody_expected_is_a_temporary_one_without_its_text(corner: Corner, caplog):
    caplog.set_level(logging.DEBUG)
    await corner.hear(submitted())

    await corner.sweep(Inbox(RuntimeError(f"to {EMAIL}")))()

    [message] = (await corner.case()).messages
    assert (message.state, message.reason) == ("queued", "failed-RuntimeError")
    assert EMAIL not in caplog.text


async def test_after_a_temporary_failure_the_rest_of_the_case_waits_alike(corner: Corner):
    await corner.hear(submitted(), determined())
    inbox = Inbox(Temporary("timeout"))

    await corner.sweep(inbox)()

    assert inbox.mails == []
    assert await corner.states() == {"received": "queued", "determined1": "queued"}


async def test_what_a_dead_process_held_is_sent_again_with_the_same_id_after_the_lease(corner: Corner):
    await corner.hear(submitted())
    cut_off = _Never()
    task = asyncio.create_task(corner.sweep(cut_off)())
    await asyncio.wait_for(cut_off.taken.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    inbox = Inbox()
    sweep = corner.sweep(inbox)

    assert await sweep() == 0  # the claim still holds
    corner.clock.pass_seconds(61)
    assert await sweep() == 1

    assert inbox.mails[0].content() == cut_off.mails[0].content()
    assert await corner.states() == {"received": "delivered"}


async def test_a_message_that_is_cut_off_every_time_ends_as_waiting(corner: Corner):
    await corner.hear(submitted())
    for _ in range(8):
        never = _Never()
        task = asyncio.create_task(corner.sweep(never)())
        await asyncio.wait_for(never.taken.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        corner.clock.pass_seconds(61)

    await corner.sweep(Inbox())()

    [message] = (await corner.case()).messages
    assert (message.state, message.reason, message.attempts) == ("waiting", "interrupted", 8)


async def test_two_processes_send_each_message_once(corner: Corner):
    cases = [case_id(number) for number in range(40)]
    for case in cases:
        await corner.hear(submitted(case))
    one, other = Inbox(), Inbox()

    while any(await asyncio.gather(corner.sweep(one)(), corner.sweep(other)())):
        pass

    sent = [mail.message_id for mail in one.mails + other.mails]
    assert len(sent) == len(set(sent)) == 40


async def test_no_more_cases_than_allowed_are_in_work_at_once(corner: Corner):
    for number in range(12):
        await corner.hear(submitted(case_id(number)))
    at_once = most = 0

    class Counting(Inbox):
        async def send(self, mail):
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            at_once -= 1

    await corner.sweep(Counting(), at_once=3)()

    assert most == 3


async def test_a_withdrawal_during_sending_keeps_what_left_as_delivered(corner: Corner):
    await corner.hear(submitted())

    class Meanwhile(Inbox):
        async def send(self, mail):
            if not self.mails:
                await corner.hear(withdrawn())
            await super().send(mail)

    await corner.sweep(Meanwhile())()

    assert await corner.states() == {"received": "delivered", "withdrawn": "queued"}


async def test_a_withdrawal_during_an_attempt_that_fails_cancels_the_message(corner: Corner):
    await corner.hear(submitted())

    class Meanwhile(Inbox):
        async def send(self, mail):
            await corner.hear(withdrawn())
            raise Temporary("timeout")

    await corner.sweep(Meanwhile())()

    assert await corner.states() == {"received": "cancelled", "withdrawn": "queued"}
    assert await corner.said() == []


async def test_an_erasure_during_sending_leaves_a_stone_and_no_event(corner: Corner):
    await corner.hear(submitted())

    class Meanwhile(Inbox):
        async def send(self, mail):
            await corner.hear(erased())
            await super().send(mail)

    await corner.sweep(Meanwhile())()

    case = await corner.case()
    assert (case.erased_on is not None, case.contact_sealed, case.messages[0].params) == (True, None, None)
    assert await corner.states() == {"received": "delivered"}
    assert await corner.said() == []


async def test_a_result_that_the_store_does_not_take_at_first_is_saved_later(corner: Corner):
    await corner.hear(submitted())

    class Meanwhile(Inbox):
        async def send(self, mail):
            await corner.hear(determined())  # so that the case must be read again
            await super().send(mail)

    inbox = Meanwhile()
    real, answers = corner.cases.get_many, [StoreUnavailable(), StoreUnavailable()]

    async def away(cases):
        if answers:
            raise answers.pop()
        return await real(cases)

    corner.cases.get_many = away  # type: ignore[method-assign]
    await corner.sweep(inbox)()

    assert not answers
    assert await corner.states() == {"received": "delivered", "determined1": "queued"}
    assert len(inbox.mails) == 1


async def test_a_contact_sealed_with_the_previous_key_is_opened(corner: Corner):
    await corner.hear(submitted())
    newer, _ = new_key_pair()
    inbox = Inbox()

    await corner.sweep(inbox, envelope=Envelope({"n2": newer, "n1": PRIVATE}))()

    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    "contact",
    [
        pytest.param(sealed(about=f"{case_id(9)}/1"), id="sealed-for-another-case"),
        pytest.param(sealed(about=f"{CASE}/2"), id="sealed-for-another-revision"),
        pytest.param(sealed(key=("n0", PUBLIC)), id="sealed-with-a-key-that-is-gone"),
        pytest.param("n1.AAAA", id="broken"),
    ],
)
async def test_a_contact_that_cannot_be_opened_waits_for_a_person(corner: Corner, contact):
    await corner.hear(submitted(contact=contact))
    inbox = Inbox()

    await corner.sweep(inbox)()

    [message] = (await corner.case()).messages
    assert (inbox.mails, message.state, message.reason) == ([], "waiting", "contact-unreadable")
    assert await corner.said() == ["notify.message.waiting"]


@pytest.mark.parametrize(
    "email",
    [
        "a@example.test\r\nBcc: all@example.test",
        "a@example.test\nSubject: x",
        "a@example.test, b@example.test",
        "Name <a@example.test>",
        "a@example.test\u2028Bcc: b@example.test",
        "a b@example.test",
        "a@exa mple.test",
        "a\x00@example.test",
        "=?utf-8?q?a?=@example.test\r\n\r\nbody",
        "nobody",
        "",
    ],
)
async def test_a_contact_that_is_more_than_an_address_is_not_written_to(corner: Corner, email):
    await corner.hear(submitted(contact=sealed(email=email)))
    inbox = Inbox()

    await corner.sweep(inbox)()

    [message] = (await corner.case()).messages
    assert (inbox.mails, message.state, message.reason) == ([], "waiting", "contact-not-an-address")


async def test_an_amended_contact_is_used_for_the_next_attempt(corner: Corner):
    await corner.hear(submitted())
    inbox = Inbox(Temporary("smtp-451"))
    sweep = corner.sweep(inbox)
    await sweep()
    await corner.hear(amended(contact=sealed(revision=2, email="new@example.test")))
    corner.clock.pass_seconds(40)

    await sweep()

    assert {mail.recipient for mail in inbox.mails} == {"new@example.test"}
    assert await corner.states() == {"received": "delivered", "amended2": "delivered"}


async def test_nothing_personal_is_logged_stored_or_said(corner: Corner, caplog):
    """Every outcome once, logs at DEBUG; the address is first shown to be found where it may be."""
    caplog.set_level(logging.DEBUG)
    inbox = Inbox(None, Temporary("smtp-451"), Permanent("smtp-550"), ValueError(EMAIL))
    for number in range(4):
        await corner.hear(submitted(case_id(number)), determined(case_id(number)))
    await corner.sweep(inbox, at_once=1)()
    stored = b"".join([part async for part in corner.store.dump()])
    said = b"".join(entry.record.value for entry in await corner.store.pending(100))

    assert EMAIL.encode() in inbox.mails[0].content()
    assert "message sent" in caplog.text
    for where in (caplog.text.encode(), stored, said):
        assert where
        assert EMAIL.encode() not in where
        assert b"example.test" not in where


async def test_stones_go_after_their_days_and_no_earlier(corner: Corner):
    await corner.hear(submitted(), erased())
    await corner.hear(submitted(case_id(1)))
    young = RemoveStones(corner.cases, corner.clock, 60)
    old = RemoveStones(corner.cases, corner.clock, 0)

    assert await young() == 0
    assert await old() == 1

    assert await corner.store.get("cases_told", CASE) is None
    assert await corner.states(case_id(1)) == {"received": "queued"}


async def test_messages_that_wait_are_a_metric(corner: Corner):
    from chassis import metrics

    await corner.hear(submitted())
    await corner.sweep(Inbox(Permanent("smtp-550")))()
    corner.clock.pass_seconds(10)
    await corner.hear(submitted(case_id(1)))
    corner.clock.pass_seconds(90)

    await Count(corner.cases, corner.clock)()

    def shown(name: str, **labels: str) -> float | None:
        return metrics.REGISTRY.get_sample_value(name, {"service": "notify", "kind": "message"} | labels)

    assert shown("zhicheng_documents", state="waiting") == 1
    assert shown("zhicheng_documents", state="queued") == 1
    assert shown("zhicheng_oldest_waiting_seconds") == 90
    assert shown("zhicheng_oldest_waiting_seconds", kind="message-given-up") == 100

    await corner.hear(withdrawn())
    await Count(corner.cases, corner.clock)()

    assert shown("zhicheng_documents", state="waiting") == 0
    assert shown("zhicheng_oldest_waiting_seconds", kind="message-given-up") == 0


async def test_a_message_ages_from_its_making_on_between_attempts_and_in_the_hands_of_a_sender(corner: Corner):
    from chassis import metrics

    async def age() -> float | None:
        await Count(corner.cases, corner.clock)()
        labels = {"service": "notify", "kind": "message"}
        return metrics.REGISTRY.get_sample_value("zhicheng_oldest_waiting_seconds", labels)

    await corner.hear(submitted())
    for _ in range(3):
        await corner.sweep(Inbox(Temporary("timeout")))()
        corner.clock.pass_seconds(40)
    await corner.hear(submitted(case_id(1)))

    assert await age() == 120

    await corner.sweep(Inbox())()
    corner.clock.pass_seconds(3600)
    await corner.sweep(Inbox())()

    assert await age() == 0


async def test_the_message_given_up_first_counts_though_another_case_is_older(corner: Corner):
    from chassis import metrics

    await corner.hear(submitted())
    await corner.sweep(Inbox())()
    corner.clock.pass_seconds(5)
    await corner.hear(submitted(case_id(1)))
    await corner.sweep(Inbox(Permanent("smtp-550")))()
    corner.clock.pass_seconds(60)
    await corner.hear(determined())
    await corner.sweep(Inbox(Permanent("smtp-550")))()

    await Count(corner.cases, corner.clock)()

    labels = {"service": "notify", "kind": "message-given-up"}
    assert metrics.REGISTRY.get_sample_value("zhicheng_oldest_waiting_seconds", labels) == 60


async def test_what_is_written_is_canonical_json(corner: Corner):
    await corner.hear(submitted(), determined())
    await corner.sweep(Inbox(Temporary("x")), backoff=Backoff(base=0.5))()

    assert canonical_json((await corner.document()).data)
    assert START in canonical_json((await corner.document()).data).decode()


class _Never(Inbox):
    """Takes a mail and is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = asyncio.Event()

    async def send(self, mail):
        self.mails.append(mail)
        self.taken.set()
        await asyncio.Event().wait()
