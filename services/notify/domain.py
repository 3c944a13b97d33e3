"""What a case has been told: messages with their states. Values in, values out; no clock, no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

APPLICANT = "applicant"
EMAIL = "email"
_AS_JSON = json.JSONEncoder(separators=(",", ":"))


class Step(StrEnum):
    """What happened to the case."""

    RECEIVED = "received"
    HELD = "held"
    AMENDED = "amended"
    DETERMINED = "determined"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # claimed by one sender, often from the first, until `due_at`, then free again
    DELIVERED = "delivered"  # the mail server took it
    WAITING = "waiting"  # given up: waits for a person
    CANCELLED = "cancelled"  # overtaken by a withdrawal or an erasure


UNSENT = frozenset({State.QUEUED, State.SENDING})


@dataclass(frozen=True, slots=True)
class Resend:
    """A person had a given-up message sent again. `given_up_at`: which giving up; `by`: a client; both times instants.

    `reason` is the person's own words; None once the case is erased.
    """

    given_up_at: str
    by: str
    at: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message: to one recipient, by one kind of channel, about one step of a case.

    `about`: number of the determination or revision that it tells of, None where a step happens once.
    `params`: what its template needs, nothing personal; None once the case is erased. Times are instants.
    """

    id: str
    step: Step
    about: int | None
    kind: str
    recipient: str
    template: int
    params: Mapping[str, Any] | None
    created_at: str
    due_at: str | None
    correlation_id: str = ""
    state: State = State.QUEUED
    attempts: int = 0
    attempted_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None  # code of the last failure
    resends: tuple[Resend, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """`permanent`: the server will never take it. `code` is ours, never a server's own words."""

    code: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Backoff:
    """Attempts in all; the second follows at once, the third after `base` seconds, each further pause is longer by
    `factor` until it is `longest`.

    As it stands: 0 s, 30 s, 2 min, 8 min, 32 min, 2 h and 2 h, given up after four to five and a half hours.
    """

    attempts: int = 8
    base: float = 30.0
    factor: float = 4.0
    longest: float = 7200.0

    def pause(self, attempts: int, spread: float) -> float:
        """Seconds to wait after so many attempts; `spread` in [0, 1) moves it by up to a fifth either way."""
        if attempts == 1:
            return 0.0
        pause = self.base
        for _ in range(attempts - 2):  # a power of so many would be beyond what a float holds
            if pause >= self.longest:
                break
            pause *= self.factor
        return min(pause, self.longest) * (0.8 + 0.4 * spread)


@dataclass(frozen=True, slots=True)
class ToldCase:
    """What one case has been told, and its sealed contact. `contact_revision`: the revision that is inside the seal."""

    id: str
    created_at: str
    case_number: str | None = None
    contact_sealed: str | None = None
    contact_revision: int = 0
    round: str | None = None
    list_version: str | None = None
    withdrawn: bool = False
    erased_on: str | None = None
    messages: tuple[Message, ...] = field(default=())

    @property
    def due_at(self) -> str | None:
        """When the first of the unsent messages is due; None when nothing is left to send."""
        return min((message.due_at for message in self.messages if message.due_at is not None), default=None)

    @property
    def unsent_since(self) -> str | None:
        """Since when the oldest of the unsent messages waits: since it was made, or a person had it sent again."""
        unsent = [message for message in self.messages if message.due_at is not None]
        return min((one.resends[-1].at if one.resends else one.created_at for one in unsent), default=None)


def message_id(case_id: str, step: Step, about: int | None, kind: str, recipient: str) -> str:
    """Derives from what the message is about, so that the same is never said twice under two ids."""
    parts = _AS_JSON.encode([case_id, step, step if about is None else about, kind, recipient])
    return "m_" + hashlib.sha256(parts.encode()).hexdigest()[:32]


def tell(
    case: ToldCase,
    step: Step,
    *,
    about: int | None = None,
    template: int,
    params: Mapping[str, Any],
    at: str,
    correlation_id: str = "",
) -> ToldCase:
    """The case with one more message, due at once; the same case when it has been said, or the case has ended."""
    id = message_id(case.id, step, about, EMAIL, APPLICANT)
    if case.withdrawn or case.erased_on or any(message.id == id for message in case.messages):
        return case
    message = Message(id, step, about, EMAIL, APPLICANT, template, params, at, due_at=at, correlation_id=correlation_id)
    return replace(case, messages=(*case.messages, message))


def withdraw(
    case: ToldCase, *, template: int, params: Mapping[str, Any], at: str, correlation_id: str = ""
) -> ToldCase:
    """Nothing that is unsent goes out any more; the confirmation is the last message."""
    if case.withdrawn or case.erased_on:
        return case
    silent = replace(case, messages=_cancelled(case.messages, at))
    confirmed = tell(silent, Step.WITHDRAWN, template=template, params=params, at=at, correlation_id=correlation_id)
    return replace(confirmed, withdrawn=True)


def erase(case: ToldCase, *, at: str, on: str) -> ToldCase:
    """A stone: ids and states of the messages and the day, nothing that says anything about a person."""
    if case.erased_on:
        return case
    messages = tuple(
        replace(message, params=None, resends=tuple(replace(one, reason=None) for one in message.resends))
        for message in _cancelled(case.messages, at)
    )
    return ToldCase(case.id, case.created_at, withdrawn=case.withdrawn, erased_on=on, messages=messages)


def _cancelled(messages: Sequence[Message], at: str) -> tuple[Message, ...]:
    return tuple(
        replace(message, state=State.CANCELLED, due_at=None, ended_at=at)
        if message.state in UNSENT or message.state is State.WAITING
        else message
        for message in messages
    )


def due(case: ToldCase, now: str) -> tuple[Message, ...]:
    """Unsent messages whose time has come, in the order in which they were made; a claim that ran out counts as due."""
    ready = [message for message in case.messages if message.due_at is not None and message.due_at <= now]
    return tuple(sorted(ready, key=lambda message: message.created_at))


def claimed(message: Message, *, at: str, until: str) -> Message:
    """In the hands of one sender, until the given instant; this begins an attempt."""
    if message.state not in UNSENT:
        raise ValueError(f"a {message.state} message cannot be sent")
    return replace(
        message, state=State.SENDING, attempts=message.attempts + 1, attempted_at=at, due_at=until, reason=None
    )


def exhausted(message: Message, backoff: Backoff) -> bool:
    """The last attempt allowed was begun and never came to an end."""
    return message.state is State.SENDING and message.attempts >= backoff.attempts


def given_back(message: Message, attempt: int, *, at: str) -> Message:
    """Free again, as if this attempt had never begun."""
    if message.state is not State.SENDING or message.attempts != attempt:
        return message
    return replace(message, state=State.QUEUED, attempts=attempt - 1, due_at=at)


def delivered(message: Message, *, at: str) -> Message:
    """Sent. A mail that left has left, whatever happened to the case meanwhile."""
    if message.state is State.DELIVERED:
        return message
    return replace(message, state=State.DELIVERED, due_at=None, ended_at=at, reason=None)


def failed(message: Message, attempt: int, failure: Failure, *, at: str, retry_at: str, backoff: Backoff) -> Message:
    """Tried again later, or given up. The failure of an attempt that is no longer the current one changes nothing."""
    if message.state is not State.SENDING or message.attempts != attempt:
        return message
    if failure.permanent or message.attempts >= backoff.attempts:
        return given_up(message, failure.code, at=at)
    return replace(message, state=State.QUEUED, due_at=retry_at, reason=failure.code)


def given_up(message: Message, reason: str, *, at: str) -> Message:
    """Waits for a person."""
    if message.state not in UNSENT:
        return message
    return replace(message, state=State.WAITING, due_at=None, ended_at=at, reason=reason)


def sent_again(message: Message, resend: Resend) -> Message:
    """A given-up message in the queue once more, with all its attempts before it."""
    if message.state is not State.WAITING:
        raise ValueError(f"a {message.state} message was not given up")
    return replace(
        message,
        state=State.QUEUED,
        attempts=0,
        due_at=resend.at,
        ended_at=None,
        reason=None,
        resends=(*message.resends, resend),
    )


def with_messages(case: ToldCase, changed: Sequence[Message]) -> ToldCase:
    """The case with these messages in the place of those of the same ids."""
    by_id = {message.id: message for message in changed}
    return replace(case, messages=tuple(by_id.get(message.id, message) for message in case.messages))
