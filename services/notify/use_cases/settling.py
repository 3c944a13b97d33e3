"""Saves what came of messages, with an event for each that ended."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.clock import Clock, later
from chassis.store import Document, StoreUnavailable
from contracts.events import MessageDelivered, MessageEvent, MessageWaiting
from services.notify import domain
from services.notify.domain import Backoff, Failure, Message, State, Step, ToldCase
from services.notify.store import ToldCases, load
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

    async def settle(self, hand: Hand, results: Sequence[Result]) -> None:
        """Saves the results, also over what was written meanwhile. Given up in the end, the claim runs out."""
        document: Document | None = hand.document
        for attempt in range(TRIES):
            try:
                if document is None:
                    return
                if (written := await self._apply(document, results)) is not None:
                    hand.renew(written)
                    return
                document = await self._cases.get(document.id)
            except StoreUnavailable:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(min(0.1 * 2**attempt, 3.0))
        log.warning("result not saved", extra={"action": "notify.unsettled", "case_id": hand.document.id})

    async def _apply(self, document: Document, results: Sequence[Result]) -> Document | None:
        case, now = load(document), self._clock.now()
        current = {message.id: message for message in case.messages}
        changed = [
            self._after(current[result.message.id], result, now) for result in results if result.message.id in current
        ]
        return await self.replace(document, case, changed)

    def _after(self, message: Message, result: Result, now: str) -> Message:
        attempt = result.message.attempts
        if not result.begun:
            return domain.given_back(message, attempt, at=now)
        if result.failure is None:
            return domain.delivered(message, at=now)
        retry_at = later(now, self._backoff.pause(attempt, random.random()))  # noqa: S311 - spreads load, guards nothing
        return domain.failed(message, attempt, result.failure, at=now, retry_at=retry_at, backoff=self._backoff)

    async def replace(self, document: Document, case: ToldCase, changed: Sequence[Message]) -> Document | None:
        """Writes the changed messages, with an event for each that ended: the document as it stands then.

        Nothing to write counts as written. None: another was first.
        """
        before = {message.id: message for message in case.messages}
        moved = [message for message in changed if message != before[message.id]]
        if not moved:
            return document
        events = [] if case.erased_on else [_event(case.id, message) for message in moved if _ended(message)]
        written = await self._cases.replace(
            document,
            domain.with_messages(case, moved),
            events=events,
            correlation_id=moved[-1].correlation_id,
        )
        if written is not None:
            for message in moved:
                if message.state is State.WAITING:
                    log.warning(
                        "message waits for a person",
                        extra={
                            "action": "notify.waiting",
                            "case_id": case.id,
                            "message_id": message.id,
                            "reason": message.reason,
                        },
                    )
        return written


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
