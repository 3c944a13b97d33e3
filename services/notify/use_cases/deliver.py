"""Sends messages: those that their makers have claimed for this process, and what is due in the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from chassis.clock import Clock, later
from chassis.store import Document, StoreUnavailable
from services.notify import domain
from services.notify.domain import Backoff, Message, ToldCase
from services.notify.store import ToldCases
from services.notify.use_cases.in_hand import Claim, Hand, InHand
from services.notify.use_cases.posting import Posting
from services.notify.use_cases.settling import Result, Settling

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.05  # between two writes of results; what ends meanwhile goes into the next


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
    """A loop, `sweep`; senders and a settler that come and go with the work; and an end.

    Several processes may run it: a claim is a write of its version.
    """

    def __init__(
        self, cases: ToldCases, posting: Posting, settling: Settling, in_hand: InHand, clock: Clock, pace: Pace
    ) -> None:
        self._cases = cases
        self._posting = posting
        self._settling = settling
        self._in_hand = in_hand
        self._clock = clock
        self._pace = pace
        self._senders: set[asyncio.Task[None]] = set()
        self._settlers: set[asyncio.Task[None]] = set()  # one at most
        self._ended: dict[Hand, list[Result]] = {}
        self._settled_at = 0.0  # when the last write of results began, monotonic

    def saved(self, documents: Sequence[Document]) -> None:
        """Documents that handlers have written."""
        self._in_hand.saved(documents)
        self.begin()

    async def sweep(self) -> int:
        """Claims what is due, as many cases as there are places, and puts them into the line: how many.

        Raises StoreUnavailable.
        """
        claimed: list[Hand] = []
        if room := self._in_hand.room:
            found = self._in_hand.find(await self._cases.due(self._clock.now(), room))
            try:
                claimed = await self._claim(found)
            finally:
                for hand in found:
                    self._in_hand.go_on(hand)
        self.begin()
        if not claimed and not self._in_hand:
            await self._posting.rest()
        return len(claimed)

    async def _claim(self, hands: Sequence[Hand]) -> list[Hand]:
        """Claims what is due of these, in one write: those of whom it was not another that was first."""
        now, backoff = self._clock.now(), self._pace.backoff
        until = later(now, self._pace.lease)
        claims: dict[Hand, list[Message]] = {}

        def due(hand: Hand, case: ToldCase) -> list[Message]:
            ready = domain.due(case, now)
            lost = [domain.given_up(one, "interrupted", at=now) for one in ready if domain.exhausted(one, backoff)]
            claims[hand] = [
                domain.claimed(one, at=now, until=until) for one in ready if not domain.exhausted(one, backoff)
            ]
            return [*lost, *claims[hand]]

        begin_by = time.monotonic() + self._pace.begin_seconds
        written = await self._settling.replace(hands, due)
        for hand in written:
            hand.claims |= {one.id: Claim(one.attempts, begin_by) for one in claims[hand]}
        return written

    def begin(self) -> None:
        """Sends what stands in line, as much at once as there may be."""
        for _ in range(min(self._in_hand.in_line, self._pace.at_once - len(self._senders))):
            self._own(self._send, self._senders, "notify.sender")

    async def _send(self) -> None:
        """Sends case by case what is ours, in the order of its making, until nobody stands in line."""
        while (hand := self._in_hand.next()) is not None:
            try:
                case, messages, begin_by = hand.begin()
                results = await self._posting.post(case, messages, begin_by, hand.holds)
            except Exception:
                log.exception("sender failed", extra={"action": "notify.sender-failed"})
                results = []
            except BaseException:
                self._in_hand.leave(hand)  # its claims run out
                raise
            if not results:
                self._in_hand.go_on(hand)
                continue
            self._ended[hand] = results
            if not self._settlers:
                self._own(self._settle, self._settlers, "notify.settler")

    async def _settle(self) -> None:
        """Saves what has ended, together what ends at about the same time; a case goes on when it is saved."""
        while self._ended:
            await asyncio.sleep(max(self._settled_at + SETTLE_SECONDS - time.monotonic(), 0.0))
            if self._senders:  # a slow one holds back nobody for longer than that
                await asyncio.wait(self._senders, timeout=SETTLE_SECONDS)
            self._settled_at = time.monotonic()
            ended, self._ended = self._ended, {}
            try:
                await self._settling.settle(ended)
            except StoreUnavailable:
                log.warning("messages not settled, their claims run out", extra={"action": "notify.unsettled"})
            except Exception:
                log.exception("messages not settled", extra={"action": "notify.settler-failed"})
            finally:
                for hand in ended:
                    self._in_hand.go_on(hand)
            self.begin()

    def _own(self, work: Callable[[], Awaitable[None]], tasks: set[asyncio.Task[None]], name: str) -> None:
        async def working() -> None:
            try:
                await work()
            finally:
                tasks.discard(task)  # at once: a callback would come after somebody has relied on this one

        task = asyncio.create_task(working(), name=name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)  # cancelled before it began

    async def sent(self) -> None:
        """Until nothing is at work."""
        while working := self._senders | self._settlers:
            await asyncio.wait(working)

    async def finish(self) -> None:
        """Before the process ends: gives back what was not begun, and waits for mails on their way."""
        left = {hand: [Result(message, begun=False) for message in hand.begin()[1]] for hand in self._in_hand.close()}
        try:
            await asyncio.gather(self._settling.settle(left), self.sent(), return_exceptions=True)
        finally:
            await self.cut_off()

    async def cut_off(self) -> None:
        """Leaves nothing at work; what has begun is repeated later."""
        working = self._senders | self._settlers
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
