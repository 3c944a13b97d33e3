"""SMTP servers of our own, each with one way to misbehave. They listen on a free port of this machine."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Handler:
    """Answers to the next RCPT and DATA commands, in order; "" = the usual one. `seconds`: how long it thinks
    before it has taken a mail, and again before it says so. `connections`: sessions begun."""

    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    hang: bool = False
    drop_after_data: bool = False
    seconds: float = 0.0
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.hang:
            await asyncio.sleep(60)
        if self.rcpt and (answer := self.rcpt.pop(0)):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data and (answer := self.data.pop(0)):
            return answer
        assert isinstance(envelope.content, bytes)
        await asyncio.sleep(self.seconds)
        self.mails.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        if self.drop_after_data and server.transport is not None:
            self.drop_after_data = False
            server.transport.close()
        await asyncio.sleep(self.seconds)
        return "250 taken"


@contextmanager
def smtp_server(
    handler: Handler, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None, utf8: bool = True
) -> Iterator[int]:
    """The port. `tls`: the server offers STARTTLS and takes nothing without. `login`: user and password it wants."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        wanted = LoginPassword(*(part.encode() for part in login or ("", "")))
        return AuthResult(success=given == wanted, handled=False)

    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=tls,
        require_starttls=tls is not None,
        authenticator=check if login else None,
        auth_required=login is not None,
        auth_require_tls=tls is not None,
        enable_SMTPUTF8=utf8,
        ready_timeout=60,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
