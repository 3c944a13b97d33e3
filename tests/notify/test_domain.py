import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notify import domain
from services.notify.domain import Backoff, Failure, State, Step, ToldCase

BACKOFF = Backoff(attempts=5, base=30, factor=4)


def instant(second: int) -> str:
    return f"2026-03-01T00:{second // 60:02d}:{second % 60:02d}.000Z"


class MessagesOfACase(RuleBasedStateMachine):
    """Any order of steps, claims, results (late and doubled ones too), withdrawal and erasure."""

    @initialize()
    def begin(self) -> None:
        self.tick = itertools.count(1)
        self.case = ToldCase("c_" + "a" * 26, instant(0), case_number="N", contact_sealed="n1.x", contact_revision=1)
        self.claims: list[tuple[str, int]] = []
        self.ends: dict[str, State] = {}
        self.left: set[str] = set()

    def now(self) -> str:
        return instant(next(self.tick) % 3600)

    @rule(step=st.sampled_from([Step.RECEIVED, Step.HELD]))
    def a_step(self, step: Step) -> None:
        self.case = domain.tell(self.case, step, template=1, params={}, at=self.now())

    @rule(step=st.sampled_from([Step.DETERMINED, Step.AMENDED]), number=st.integers(1, 3))
    def a_numbered_step(self, step: Step, number: int) -> None:
        self.case = domain.tell(self.case, step, about=number, template=1, params={"n": number}, at=self.now())

    @rule()
    def withdraw(self) -> None:
        self.case = domain.withdraw(self.case, template=1, params={}, at=self.now())

    @rule()
    def erase(self) -> None:
        self.case = domain.erase(self.case, at=self.now(), on="2026-03-01")

    @rule()
    def claim(self) -> None:
        now = self.now()
        due = [one for one in domain.due(self.case, instant(3599)) if not domain.exhausted(one, BACKOFF)]
        claimed = [domain.claimed(message, at=now, until=now) for message in due]
        self.claims += [(message.id, message.attempts) for message in claimed]
        self.case = domain.with_messages(self.case, claimed)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 10_000), permanent=st.booleans(), fine=st.booleans())
    def a_result(self, which: int, permanent: bool, fine: bool) -> None:
        """Of any claim, also of one that ran out long ago or was answered before."""
        id, attempt = self.claims[which % len(self.claims)]
        [message] = [one for one in self.case.messages if one.id == id]
        now = self.now()
        if fine:
            after = domain.delivered(message, at=now)
            self.left.add(id)
        else:
            after = domain.failed(
                message, attempt, Failure("smtp-451", permanent), at=now, retry_at=now, backoff=BACKOFF
            )
        self.case = domain.with_messages(self.case, [after])

    @invariant()
    def one_message_per_thing_said(self) -> None:
        said = [(one.step, one.about, one.kind, one.recipient) for one in self.case.messages]
        assert len(said) == len(set(said))

    @invariant()
    def only_what_is_unsent_is_due(self) -> None:
        for message in self.case.messages:
            assert (message.due_at is not None) == (message.state in domain.UNSENT)
            assert (message.ended_at is None) == (message.state in domain.UNSENT)

    @invariant()
    def attempts_are_bounded(self) -> None:
        assert all(message.attempts <= BACKOFF.attempts for message in self.case.messages)

    @invariant()
    def what_left_is_delivered_for_ever(self) -> None:
        states = {message.id: message.state for message in self.case.messages}
        assert all(states[id] is State.DELIVERED for id in self.left)
        assert {id for id, state in states.items() if state is State.DELIVERED} == self.left

    @invariant()
    def what_was_given_up_or_cancelled_is_not_sent_any_more(self) -> None:
        for message in self.case.messages:
            ended = self.ends.get(message.id)
            if ended is not None:
                assert message.state not in domain.UNSENT
            if message.state in (State.WAITING, State.CANCELLED):
                self.ends[message.id] = message.state

    @invariant()
    def after_a_withdrawal_only_the_confirmation_is_due(self) -> None:
        if self.case.withdrawn or self.case.erased_on:
            unsent = [message for message in self.case.messages if message.state in domain.UNSENT]
            assert {message.step for message in unsent} <= {Step.WITHDRAWN}
        if self.case.withdrawn:
            assert self.case.messages[-1].step is Step.WITHDRAWN

    @invariant()
    def a_stone_holds_nothing(self) -> None:
        if self.case.erased_on:
            assert self.case.contact_sealed is None
            assert self.case.case_number is None
            assert all(message.params is None for message in self.case.messages)
            assert self.case.due_at is None


MessagesOfACase.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestMessagesOfACase = MessagesOfACase.TestCase


@given(st.integers(2, 4), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_stay_within_a_fifth(attempts, spread):
    pause = BACKOFF.pause(attempts, spread)

    assert 0.8 * 30 * 4 ** (attempts - 2) <= pause <= 1.2 * 30 * 4 ** (attempts - 2)
    assert BACKOFF.pause(attempts + 1, 0) > pause


def test_the_first_pause_is_none_and_the_last_ones_are_no_longer_than_the_longest():
    pauses = [Backoff().pause(attempts, 0.5) for attempts in range(1, Backoff().attempts)]

    assert pauses == [0, 30, 120, 480, 1920, 7200, 7200]
    assert 0.8 * sum(pauses) / 3600 > 3.7  # hours until a person is asked


@pytest.mark.parametrize("backoff", [Backoff(), Backoff(factor=100.0), Backoff(base=1e300), Backoff(factor=1.0)])
def test_a_pause_is_a_number_after_any_number_of_attempts(backoff):
    assert backoff.pause(2000, 0.5) == pytest.approx(min(backoff.longest, backoff.base * backoff.factor**100))


def test_only_a_given_up_message_is_sent_again_and_erasure_leaves_no_word_of_the_reason():
    case = domain.tell(ToldCase("c_" + "a" * 26, instant(0)), Step.RECEIVED, template=1, params={}, at=instant(0))
    [queued] = case.messages
    resend = domain.Resend(instant(5), "officer-1", instant(9), "the address was corrected by telephone")
    with pytest.raises(ValueError, match="not given up"):
        domain.sent_again(queued, resend)

    given_up = domain.given_up(domain.claimed(queued, at=instant(1), until=instant(4)), "smtp-550", at=instant(5))
    again = domain.sent_again(given_up, resend)

    assert (again.state, again.attempts, again.due_at, again.ended_at) == (State.QUEUED, 0, instant(9), None)
    erased = domain.erase(domain.with_messages(case, [again]), at=instant(10), on="2026-03-01")
    assert erased.messages[0].resends == (domain.Resend(instant(5), "officer-1", instant(9), None),)


def test_a_message_id_tells_apart_what_is_different():
    case = "c_" + "a" * 26
    about = [
        (case, Step.RECEIVED, None, "email", "applicant"),
        (case, Step.DETERMINED, 1, "email", "applicant"),
        (case, Step.DETERMINED, 2, "email", "applicant"),
        (case, Step.AMENDED, 2, "email", "applicant"),
        (case, Step.DETERMINED, 1, "sms", "applicant"),
        (case, Step.DETERMINED, 1, "email", "employer"),
        ("c_" + "b" * 26, Step.DETERMINED, 1, "email", "applicant"),
    ]

    assert len({domain.message_id(*parts) for parts in about}) == len(about)


def test_the_oldest_due_message_goes_first():
    case = ToldCase("c_" + "a" * 26, instant(0))
    case = domain.tell(case, Step.DETERMINED, about=1, template=1, params={}, at=instant(9))
    case = domain.tell(case, Step.RECEIVED, template=1, params={}, at=instant(3))

    assert [message.step for message in domain.due(case, instant(10))] == [Step.RECEIVED, Step.DETERMINED]
    assert domain.due(case, instant(2)) == ()
    assert case.due_at == instant(3)
