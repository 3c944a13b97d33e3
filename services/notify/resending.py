"""What a person does with messages that were given up: has them sent again."""

from __future__ import annotations

import logging

from chassis.clock import Clock
from chassis.problems import Busy, Fault, NotFound
from services.notify import domain
from services.notify.domain import Message, Resend, State, ToldCase
from services.notify.store import Change, ToldCases, load

log = logging.getLogger(__name__)

TRIES = 8  # others may write between our read and our write


class NotGivenUp(Fault):
    """The message was not given up at that time; `message_state` says how it stands."""


class SendAgain:
    """Idempotent by what it is about: one giving up of one message is answered once, however often it is asked."""

    def __init__(self, cases: ToldCases, clock: Clock) -> None:
        self._cases = cases
        self._clock = clock

    async def __call__(self, message_id: str, *, given_up_at: str, reason: str, by: str) -> tuple[ToldCase, Message]:
        """The message as it stands then. Raises NotFound, NotGivenUp, Busy."""
        for _ in range(TRIES):
            document = await self._cases.with_message(message_id)
            if document is None:
                raise NotFound
            case = load(document)
            message = next(one for one in case.messages if one.id == message_id)
            if any(one.given_up_at == given_up_at for one in message.resends):
                return case, message
            if message.state is not State.WAITING or message.ended_at != given_up_at:
                raise NotGivenUp(message_state=message.state.value)
            queued = domain.sent_again(message, Resend(given_up_at, by, self._clock.now(), reason))
            changed = domain.with_messages(case, [queued])
            [written] = await self._cases.replace([Change(document, changed, correlation_id=message.correlation_id)])
            if written is not None:
                log.info(
                    "message sent again",
                    extra={"action": "notify.sent-again", "case_id": case.id, "message_id": message_id, "by": by},
                )
                return changed, queued
        raise Busy
