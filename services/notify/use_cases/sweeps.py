"""What time does to told cases: counts what waits, removes old stones."""

from __future__ import annotations

from datetime import timedelta

from chassis import metrics
from chassis.clock import Clock, parse_instant
from services.notify.domain import State
from services.notify.store import ToldCases, load

MOST_GIVEN_UP = 200  # cases that are looked through for the message that was given up first


class Count:
    """Sets the metrics: cases with messages that wait, queue or are being sent.

    Ages: of the message that waits longest to be sent, in line, claimed or between two attempts; and since when the one
    that was given up first is, of the oldest 200 cases with such messages.
    """

    def __init__(self, cases: ToldCases, clock: Clock) -> None:
        self._cases = cases
        self._clock = clock

    async def __call__(self) -> int:
        for state in (State.QUEUED, State.SENDING):
            metrics.DOCUMENTS.labels("notify", "message", state.value).set(await self._cases.count(state))
        now = self._clock.now()
        unsent = await self._cases.unsent_longest()
        _aged("message", unsent.data["unsent_since"] if unsent else None, now)
        oldest = await self._cases.given_up(after=None, limit=MOST_GIVEN_UP)
        waiting = len(oldest) if len(oldest) < MOST_GIVEN_UP else await self._cases.count(State.WAITING)
        metrics.DOCUMENTS.labels("notify", "message", State.WAITING.value).set(waiting)
        ended = [message.ended_at for one in oldest for message in load(one).messages if message.state is State.WAITING]
        _aged("message-given-up", min(filter(None, ended), default=None), now)
        return 0


def _aged(kind: str, since: str | None, now: str) -> None:
    age = parse_instant(now) - parse_instant(since) if since else timedelta()
    metrics.OLDEST_WAITING_SECONDS.labels("notify", kind).set(max(age.total_seconds(), 0.0))


class RemoveStones:
    """Erased cases go for good once no topic and no offset can bring an event about them back."""

    def __init__(self, cases: ToldCases, clock: Clock, days: int) -> None:
        self._cases = cases
        self._clock = clock
        self._days = days

    async def __call__(self) -> int:
        """How many were removed."""
        until = self._clock.today() - timedelta(days=self._days)
        return await self._cases.remove(await self._cases.stones(until.isoformat(), 500))
