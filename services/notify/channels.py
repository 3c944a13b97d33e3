"""How a mail leaves: by an SMTP server, or into a folder. The only file that knows the SMTP driver."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiosmtplib

from services.notify.mail import Mail

GOODBYE_SECONDS = 2.0
TURN_SECONDS = 0.005  # files are written for so long before others have their turn


class Temporary(Exception):
    """May work later. `code` is ours: a server's own words can hold an address and go nowhere."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Permanent(Exception):
    """This server will never take this mail for this address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Channel(Protocol):
    async def send(self, mail: Mail) -> None:
        """Returns once the mail is taken. Raises Temporary or Permanent; after Temporary it may have been taken."""

    async def rest(self) -> None:
        """Nothing to send for now: closes what is kept open."""


class OutboxFolder:
    """One file per message, named by its id, so that a repeat replaces it. For development and tests.

    Written at once: a small file without a sync takes less than the way to another thread and back.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._others_turn = 0.0  # when they had it last, monotonic

    async def send(self, mail: Mail) -> None:
        if time.monotonic() - self._others_turn > TURN_SECONDS:
            await asyncio.sleep(0)
            self._others_turn = time.monotonic()
        content = mail.content()
        try:
            self._write(f"{mail.message_id}.eml", content)
        except OSError:
            raise Temporary("outbox-not-writable") from None

    async def rest(self) -> None:
        return

    def _write(self, name: str, content: bytes) -> None:
        temporary = f"{self._folder}/.{name}.{os.getpid()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, f"{self._folder}/{name}")  # noqa: PTH105 - a Path takes longer to make than to move


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`tls`: "tls" from the first byte, "starttls" demanded before anything is said, or "none"."""

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    ca_file: Path | None = None
    seconds: float = 20.0  # for one mail, connecting included


class Smtp:
    """Keeps connections open between mails until `rest`. Safe for as many senders at once as the caller likes."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, mail: Mail) -> None:
        content = mail.content()
        client: aiosmtplib.SMTP | None = None
        taken = False
        try:
            async with asyncio.timeout(self._server.seconds):
                client = await self._connection()
                await self._submit(client, mail, content)
                taken = True
        except TimeoutError:  # aiosmtplib's own included
            raise Temporary("timeout") from None
        finally:
            if client is not None and taken:
                self._idle.append(client)
            elif client is not None:
                client.close()

    async def rest(self) -> None:
        while self._idle:
            client = self._idle.pop()
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=GOODBYE_SECONDS)
            client.close()

    async def _connection(self) -> aiosmtplib.SMTP:
        """One that was kept open and still answers, or a new one. Asked first: a repeat after DATA would be a copy."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.noop()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            else:
                return client
        return await self._connect()

    async def _connect(self) -> aiosmtplib.SMTP:
        """What goes wrong before the mail is said is trouble of the server or the settings, never of the mail."""
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            username=server.user or None,
            password=server.password or None,
            cert_bundle=str(server.ca_file) if server.ca_file and server.tls != "none" else None,
            timeout=server.seconds,
        )
        try:
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError:
            client.close()
            raise Temporary("login-refused") from None
        except aiosmtplib.SMTPTimeoutError:
            client.close()
            raise Temporary("timeout") from None
        except aiosmtplib.SMTPConnectError:
            client.close()
            raise Temporary("not-reachable") from None
        except (aiosmtplib.SMTPException, OSError, ValueError):
            client.close()
            raise Temporary("no-session") from None  # greeting, STARTTLS, certificate or login
        except BaseException:
            client.close()
            raise
        return client

    async def _submit(self, client: aiosmtplib.SMTP, mail: Mail, content: bytes) -> None:
        options = ["smtputf8"] if mail.international else []
        try:
            await client.sendmail(mail.sender.address, [mail.recipient], content, mail_options=options)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _refusal(refused.recipients[0].code) from None
        except aiosmtplib.SMTPResponseException as refused:
            raise _refusal(refused.code) from None
        except aiosmtplib.SMTPNotSupported:
            raise Permanent("address-not-supported") from None
        except aiosmtplib.SMTPTimeoutError:
            raise Temporary("timeout") from None
        except (aiosmtplib.SMTPException, OSError):
            raise Temporary("connection-lost") from None


def _refusal(code: int) -> Temporary | Permanent:
    return Permanent(f"smtp-{code}") if 500 <= code <= 599 else Temporary(f"smtp-{code}")
