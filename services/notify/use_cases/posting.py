"""Posts the messages of a case: opens its contact, writes the mails, hands them to the channel."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chassis.sealing import Envelope, Unreadable
from services.notify.channels import Channel, Permanent, Temporary
from services.notify.domain import Failure, Message, ToldCase
from services.notify.letters import LANGUAGES, Letters
from services.notify.mail import Mail, NotAnAddress, Sender, checked_address
from services.notify.use_cases.settling import Result

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contact:
    email: str
    language: str


class Posting:
    def __init__(self, channel: Channel, letters: Letters, envelope: Envelope, sender: Sender) -> None:
        self._channel = channel
        self._letters = letters
        self._envelope = envelope
        self._sender = sender

    async def rest(self) -> None:
        """Nothing to send for now."""
        await self._channel.rest()

    async def post(
        self, case: ToldCase, messages: Sequence[Message], begin_by: float, ours: Callable[[Message], bool]
    ) -> list[Result]:
        """In order; after a temporary failure the rest fails alike, because the server is the same.

        begin_by: monotonic; what has not begun then is not begun, nor what is not `ours` any more when its turn comes.
        """
        contact = self._contact(case)
        if isinstance(contact, Failure):
            return [Result(message, contact) for message in messages]
        results: list[Result] = []
        failure: Failure | None = None
        for message in messages:
            if time.monotonic() > begin_by or (results and not ours(message)):
                results.append(Result(message, begun=False))
                continue
            ended = failure or await self._post(case, message, contact)
            results.append(Result(message, ended))
            if ended is not None and not ended.permanent:
                failure = ended
        return results

    def _contact(self, case: ToldCase) -> Contact | Failure:
        try:
            opened = self._envelope.open(case.contact_sealed or "", about=f"{case.id}/{case.contact_revision}")
            value = json.loads(opened)
            return Contact(checked_address(value["email"]), value["language"])
        except NotAnAddress:
            return Failure("contact-not-an-address", permanent=True)
        except (Unreadable, ValueError, KeyError, TypeError):
            return Failure("contact-unreadable", permanent=True)

    async def _post(self, case: ToldCase, message: Message, contact: Contact) -> Failure | None:
        try:
            await self._channel.send(self._mail(message, contact))
        except Temporary as why:
            return Failure(why.code)
        except Permanent as why:
            return Failure(why.code, permanent=True)
        except Exception as bug:  # its text may hold the address: only its kind is told
            kind = type(bug).__name__
            log.error(
                "sending failed",
                extra={"action": "notify.failed", "case_id": case.id, "message_id": message.id, "error": kind},
            )
            return Failure(f"failed-{kind}")
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
