"""Sends messages: those that their makers have claimed for this process, and what is due in the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.clock import Clock, later
from chassis.store import Document, StoreUnavailable
from services.notify import domain
from services.notify.domain import Backoff, Message, State, ToldCase
from services.notify.store import ToldCases, load
from services.notify.use_cases.in_hand import Hand, InHand
from services.notify.use_cases.posting import Posting
from services.notify.use_cases.settling import Result, Settling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """`lease`: seconds that a claim holds. `at_once`: cases in work at a time, each on its own connection.

    `in_hand`: cases whose new messages this process claims as it makes them; beyond it they are queued.
    """

    backoff: Backoff = field(default_factory=Backoff)
    lease: float = 60.0
    at_once: int = 4
    in_hand: int = 100

    @property
    def begin_seconds(self) -> float:
        """A message begins so soon after its claim that it ends within the lease."""
        return self.lease / 2


class Deliver:
    """Two loops, `sweep` and `send`, and an end. Several processes may run it: a claim is a write of its version."""

    def __init__(
        self, cases: ToldCases, posting: Posting, settling: Settling, in_hand: InHand, clock: Clock, pace: Pace
    ) -> None:
        self._cases = cases
        self._posting = posting
        self._settling = settling
        self._in_hand = in_hand
        self._clock = clock
        self._pace = pace
        self._at_work: set[asyncio.Task[None]] = set()
        self._refused = False  # the store took no write since the last sweep
        self.wake = asyncio.Event()  # something stands in line, or a sender is free

    def saved(self, documents: Sequence[Document]) -> None:
        """Documents that handlers have written."""
        self._in_hand.saved(documents)
        self.wake.set()

    async def sweep(self) -> int:
        """Puts cases with something due into the line: how many. Raises StoreUnavailable.

        Nothing after a write that the store refused, so that one which can only read is not asked without a pause.
        """
        if self._refused:
            self._refused = False
            return 0
        documents = await self._cases.due(self._clock.now(), self._pace.in_hand + self._pace.at_once)
        added = self._in_hand.add_due(documents)
        if added:
            self.wake.set()
        elif not self._in_hand:
            await self._posting.rest()
        return added

    async def send(self) -> int:
        """Gives free senders what stands in line; `wake` says when to ask again."""
        while len(self._at_work) < self._pace.at_once and (hand := self._in_hand.next()) is not None:
            task = asyncio.create_task(self._work(hand), name="notify.sender")
            self._at_work.add(task)
            task.add_done_callback(self._ended)
        return 0

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, StoreUnavailable):
            self._refused = True
            log.warning("messages not settled, their claims run out", extra={"action": "notify.unsettled"})
            return
        self.wake.set()
        if failure is not None:
            log.error("sender failed", exc_info=failure, extra={"action": "notify.sender-failed"})

    async def finish(self) -> None:
        """Before the process ends: gives back what was not begun, and waits for mails on their way."""
        left = self._in_hand.close()
        try:
            await asyncio.gather(*(self._give_back(hand) for hand in left), *self._at_work, return_exceptions=True)
        finally:
            for task in tuple(self._at_work):
                task.cancel()
            await asyncio.gather(*self._at_work, return_exceptions=True)

    async def _work(self, hand: Hand) -> None:
        """Sends what is ours of one case, in the order in which it was made, and what comes meanwhile."""
        try:
            while True:
                case, messages, begin_by = await self._ours(hand)
                if messages:
                    results = await self._posting.post(case, messages, begin_by, hand.holds)
                    await self._settling.settle(hand, results)
                if not hand.claims:
                    return
        finally:
            self._in_hand.done(hand)

    async def _ours(self, hand: Hand) -> tuple[ToldCase, list[Message], float]:
        """The case, what of it is ours to send now, and until when it may begin."""
        claims, hand.claims = hand.claims, {}
        begin_by = min(claims.values(), default=time.monotonic() + self._pace.begin_seconds)
        due = await self._claim_due(hand)
        case = load(hand.document)
        messages = [
            one
            for one in case.messages
            if (one.id in due and one.state is State.SENDING) or (one.id in claims and _is_first_attempt(one))
        ]
        return case, sorted(messages, key=lambda message: message.created_at), begin_by

    async def _claim_due(self, hand: Hand) -> list[str]:
        """Claims what is due: ids of the messages. None of them when another was first."""
        case, now, backoff = load(hand.document), self._clock.now(), self._pace.backoff
        due = domain.due(case, now)
        if not due:
            return []
        until = later(now, self._pace.lease)
        lost = [domain.given_up(one, "interrupted", at=now) for one in due if domain.exhausted(one, backoff)]
        claimed = [domain.claimed(one, at=now, until=until) for one in due if not domain.exhausted(one, backoff)]
        written = await self._settling.replace(hand.document, case, [*lost, *claimed])
        if written is None:
            return []
        hand.renew(written)
        return [message.id for message in claimed]

    async def _give_back(self, hand: Hand) -> None:
        messages = [
            message
            for message in load(hand.document).messages
            if message.id in hand.claims and _is_first_attempt(message)
        ]
        await self._settling.settle(hand, [Result(message, begun=False) for message in messages])


def _is_first_attempt(message: Message) -> bool:
    """What its maker has claimed. Once that claim has run out, a second attempt is somebody else's."""
    return message.state is State.SENDING and message.attempts == 1
