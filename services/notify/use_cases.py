"""What notify does on its own: sends what is due, counts what waits, removes old stones."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chassis import metrics
from chassis.clock import Clock, later, parse_instant
from chassis.sealing import Envelope, Unreadable
from chassis.store import Document, StoreUnavailable
from contracts.events import MessageDelivered, MessageEvent, MessageWaiting
from services.notify import domain
from services.notify.channels import Channel, Permanent, Temporary
from services.notify.domain import Backoff, Failure, Message, State, Step, ToldCase
from services.notify.letters import LANGUAGES, Letters
from services.notify.mail import Mail, NotAnAddress, Sender, checked_address
from services.notify.store import ToldCases, load

log = logging.getLogger(__name__)

SETTLE_TRIES = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """`lease`: seconds that a claim holds. `at_once`: cases in work at a time, each on its own connection."""

    backoff: Backoff = field(default_factory=Backoff)
    lease: float = 60.0
    at_once: int = 4
    batch: int = 100


@dataclass(frozen=True, slots=True)
class Contact:
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class _Result:
    """How one attempt at one message ended. `failure` None: it was taken."""

    message: Message
    failure: Failure | None = None


class Deliver:
    """One pass over what is due. Several processes may run it: a claim replaces the version that was read."""

    def __init__(
        self,
        cases: ToldCases,
        channel: Channel,
        letters: Letters,
        envelope: Envelope,
        clock: Clock,
        *,
        sender: Sender,
        pace: Pace = Pace(),
    ) -> None:
        self._cases = cases
        self._channel = channel
        self._letters = letters
        self._envelope = envelope
        self._clock = clock
        self._sender = sender
        self._pace = pace

    async def __call__(self) -> int:
        """How many cases it worked on. Raises StoreUnavailable."""
        documents = await self._cases.due(self._clock.now(), self._pace.batch)
        if not documents:
            await self._channel.rest()
            return 0
        slots = asyncio.Semaphore(self._pace.at_once)

        cases = (self._case(document, slots) for document in documents)
        outcomes = await asyncio.gather(*cases, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes.count(True)

    async def _case(self, document: Document, slots: asyncio.Semaphore) -> bool:
        """Claims what is due of one case, sends it in order, saves what came of it. False: another was first."""
        async with slots:
            claimed = await self._claim(document)
            if claimed is None:
                return False
            held, messages, contact = claimed
            results = await self._send(load(held), messages, contact) if contact is not None else []
        if results:
            await self._settle(held, results)
        return True

    async def _claim(self, document: Document) -> tuple[Document, list[Message], Contact | None] | None:
        """The document as it stands now, and what of it is ours to send to whom. None: another was first."""
        case, now = load(document), self._clock.now()
        due = domain.due(case, now)
        contact = self._contact(case)
        if isinstance(contact, str):
            given_up = [domain.given_up(message, contact, at=now) for message in due]
            held = await self._replace(document, case, given_up)
            return None if held is None else (held, [], None)
        until = later(now, self._pace.lease)
        lost = [domain.given_up(message, "interrupted", at=now) for message in due if self._exhausted(message)]
        claimed = [domain.claimed(message, at=now, until=until) for message in due if not self._exhausted(message)]
        held = await self._replace(document, case, [*lost, *claimed])
        return None if held is None else (held, claimed, contact)

    def _exhausted(self, message: Message) -> bool:
        return domain.exhausted(message, self._pace.backoff)

    def _contact(self, case: ToldCase) -> Contact | str:
        """The opened contact, or the code of what is wrong with it."""
        try:
            opened = self._envelope.open(case.contact_sealed or "", about=f"{case.id}/{case.contact_revision}")
            value = json.loads(opened)
            return Contact(checked_address(value["email"]), value["language"])
        except NotAnAddress:
            return "contact-not-an-address"
        except (Unreadable, ValueError, KeyError, TypeError):
            return "contact-unreadable"

    async def _send(self, case: ToldCase, messages: Sequence[Message], contact: Contact) -> list[_Result]:
        """In order; after a temporary failure the rest fails alike, because the server is the same."""
        results: list[_Result] = []
        stop = asyncio.get_running_loop().time() + self._pace.lease / 2
        failure: Failure | None = None
        for message in messages:
            if failure is None and asyncio.get_running_loop().time() > stop:
                failure = Failure("out-of-time")
            ended = failure or await self._attempt(case, message, contact)
            results.append(_Result(message, ended))
            if ended is not None and not ended.permanent:
                failure = ended
        return results

    async def _attempt(self, case: ToldCase, message: Message, contact: Contact) -> Failure | None:
        try:
            await self._channel.send(self._mail(message, contact))
        except Temporary as why:
            return Failure(why.code)
        except Permanent as why:
            return Failure(why.code, permanent=True)
        except Exception as bug:  # its text may hold the address: only its kind is told
            log.error(
                "sending failed",
                extra={"action": "notify.failed", "case_id": case.id, "message_id": message.id, "error": _kind(bug)},
            )
            return Failure(f"failed-{_kind(bug)}")
        log.info("message sent", extra={"action": "notify.sent", "case_id": case.id, "message_id": message.id})
        return None

    def _mail(self, message: Message, contact: Contact) -> Mail:
        first, second = LANGUAGES if contact.language == LANGUAGES[0] else LANGUAGES[::-1]
        letters = [
            self._letters.write(message.step, message.template, message.params or {}, language)
            for language in (first, second)
        ]
        return Mail(
            message_id=message.id,
            sender=self._sender,
            recipient=contact.email,
            subject=" / ".join(letter.subject for letter in letters),
            text=f"\n\n{'-' * 40}\n\n".join(letter.text.strip() for letter in letters) + "\n",
            at=message.created_at,
        )

    async def _settle(self, held: Document, results: Sequence[_Result]) -> None:
        """Saves the results, also over what was written meanwhile. Given up in the end, the lease sends again."""
        document: Document | None = held
        for attempt in range(SETTLE_TRIES):
            try:
                if document is None or await self._apply(document, results):
                    return
                document = await self._cases.get(held.id)
            except StoreUnavailable:
                if attempt == SETTLE_TRIES - 1:
                    raise
                await asyncio.sleep(min(0.1 * 2**attempt, 3.0))
        log.warning("result not saved", extra={"action": "notify.unsettled", "case_id": held.id})

    async def _apply(self, document: Document, results: Sequence[_Result]) -> bool:
        case, now = load(document), self._clock.now()
        current = {message.id: message for message in case.messages}
        changed = [
            self._after(current[result.message.id], result, now) for result in results if result.message.id in current
        ]
        return await self._replace(document, case, changed) is not None

    def _after(self, message: Message, result: _Result, now: str) -> Message:
        if result.failure is None:
            return domain.delivered(message, at=now)
        attempt, backoff = result.message.attempts, self._pace.backoff
        retry_at = later(now, backoff.pause(attempt, random.random()))  # noqa: S311 - spreads load, guards nothing
        return domain.failed(message, attempt, result.failure, at=now, retry_at=retry_at, backoff=backoff)

    async def _replace(self, document: Document, case: ToldCase, changed: Sequence[Message]) -> Document | None:
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


def _kind(error: Exception) -> str:
    return type(error).__name__


class Count:
    """Sets the metrics: cases with messages that wait, queue or are being sent.

    Ages: since when the message that is due longest is due, and since when the oldest that was given up is.
    """

    def __init__(self, cases: ToldCases, clock: Clock) -> None:
        self._cases = cases
        self._clock = clock

    async def __call__(self) -> int:
        for state in (State.WAITING, State.QUEUED, State.SENDING):
            metrics.DOCUMENTS.labels("notify", "message", state.value).set(await self._cases.count(state))
        now = self._clock.now()
        due = await self._cases.due(now, 1)
        _aged("message", due[0].data["due_at"] if due else None, now)
        oldest = await self._cases.given_up(after=None, limit=1)
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
