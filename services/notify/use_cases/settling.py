"""Saves what came of messages, with an event for each that ended."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from chassis.clock import Clock, later
from chassis.store import StoreUnavailable
from contracts.events import MessageDelivered, MessageEvent, MessageWaiting
from services.notify import domain
from services.notify.domain import Backoff, Failure, Message, State, Step, ToldCase
from services.notify.store import Change, ToldCases, load
from services.notify.use_cases.in_hand import Hand

log = logging.getLogger(__name__)

TRIES = 8


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt at one message ended. `failure` None: it was taken. `begun` False: there was none."""

    message: Message
    failure: Failure | None = None
    begun: bool = True


class Settling:
    def __init__(self, cases: ToldCases, clock: Clock, backoff: Backoff) -> None:
        self._cases = cases
        self._clock = clock
        self._backoff = backoff

    async def settle(self, ended: Mapping[Hand, Sequence[Result]]) -> None:
        """Saves the results, also over what was written meanwhile. Given up in the end, the claims run out.

        Raises StoreUnavailable.
        """
        left = dict(ended)
        for attempt in range(TRIES):
            try:
                left = await self._settled(left)
            except StoreUnavailable:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(min(0.1 * 2**attempt, 3.0))
            if not left:
                return
        for hand in left:
            log.warning("result not saved", extra={"action": "notify.unsettled", "case_id": hand.document.id})

    async def _settled(self, ended: Mapping[Hand, Sequence[Result]]) -> dict[Hand, Sequence[Result]]:
        """What another was first with, read anew; of a case that is gone nothing is left to do."""
        now = self._clock.now()

        def after(hand: Hand, case: ToldCase) -> list[Message]:
            current = {message.id: message for message in case.messages}
            known = [result for result in ended[hand] if result.message.id in current]
            return [self._after(current[result.message.id], result, now) for result in known]

        written = set(await self.replace(ended, after))
        left = [hand for hand in ended if hand not in written]
        found = await self._cases.get_many([hand.document.id for hand in left]) if left else {}
        for hand in left:
            if there := found.get(hand.document.id):
                hand.renew(there)
        return {hand: ended[hand] for hand in left if hand.document.id in found}

    def _after(self, message: Message, result: Result, now: str) -> Message:
        attempt = result.message.attempts
        if not result.begun:
            if message.attempted_at != result.message.attempted_at:
                return message  # given back before, without an answer of the store: this attempt is another's by now
            return domain.given_back(message, attempt, at=now)
        if result.failure is None:
            return domain.delivered(message, at=now)
        retry_at = later(now, self._backoff.pause(attempt, random.random()))  # noqa: S311 - spreads load, guards nothing
        return domain.failed(message, attempt, result.failure, at=now, retry_at=retry_at, backoff=self._backoff)

    async def replace(self, hands: Iterable[Hand], change: Callable[[Hand, ToldCase], Sequence[Message]]) -> list[Hand]:
        """Writes the messages that `change` answers with, all cases together, with an event for each that ended.

        The hands that have their document as it stands then: those without a change too, not those where another was
        first. A case that cannot be read holds back no other.
        """
        written: list[Hand] = []
        changes: dict[Hand, Change] = {}
        for hand in hands:
            try:
                case = load(hand.document)
                before = {message.id: message for message in case.messages}
                moved = [message for message in change(hand, case) if message != before[message.id]]
            except Exception:
                log.exception("case not read", extra={"action": "notify.unreadable", "case_id": hand.document.id})
                continue
            if not moved:
                written.append(hand)
                continue
            events = [] if case.erased_on else [_event(case.id, message) for message in moved if _ended(message)]
            after = domain.with_messages(case, moved)
            changes[hand] = Change(hand.document, after, events, moved[-1].correlation_id)
        for (hand, wanted), document in zip(changes.items(), await self._cases.replace(changes.values()), strict=True):
            if document is not None:
                hand.renew(document)
                written.append(hand)
                _tell(wanted)
        return written


def _tell(change: Change) -> None:
    """Of each message that was given up with this change."""
    for event in change.events:
        if isinstance(event, MessageWaiting):
            log.warning(
                "message waits for a person",
                extra={
                    "action": "notify.waiting",
                    "case_id": event.case_id,
                    "message_id": event.message_id,
                    "reason": event.reason,
                },
            )


def _ended(message: Message) -> bool:
    return message.state in (State.DELIVERED, State.WAITING)


def _event(case_id: str, message: Message) -> MessageEvent:
    determination = message.about if message.step is Step.DETERMINED else None
    if message.state is State.DELIVERED:
        return MessageDelivered(
            case_id=case_id,
            message_id=message.id,
            step=message.step,
            determination=determination,
            kind=message.kind,
            attempts=message.attempts,
        )
    return MessageWaiting(
        case_id=case_id,
        message_id=message.id,
        step=message.step,
        determination=determination,
        kind=message.kind,
        attempts=message.attempts,
        reason=message.reason or "",
    )
