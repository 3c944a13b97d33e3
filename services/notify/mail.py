"""A message as a mail. Addresses are checked here, so that no value can become a header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from chassis.clock import parse_instant

# Stricter than RFC 5322 on purpose: no quoting, no comments, no spaces, no control characters, one @.
_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f-\xa0]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


class NotAnAddress(ValueError):
    """This is no mail address that can be written to. The text is not repeated."""

    def __init__(self) -> None:
        super().__init__("not a mail address")


@dataclass(frozen=True, slots=True)
class Sender:
    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """`at`: the instant when the message was made; a repeat carries the same id and date."""

    message_id: str
    sender: Sender
    recipient: str  # as `checked_address` gives it
    subject: str
    text: str
    at: str

    @property
    def international(self) -> bool:
        """The part before the @ is not ASCII: only servers with SMTPUTF8 take it."""
        return not self.recipient.isascii()

    def content(self) -> bytes:
        """The mail as it goes over the wire."""
        message = EmailMessage(policy=policy.SMTPUTF8 if self.international else policy.SMTP)
        message["From"] = _address(self.sender.address, self.sender.name)
        message["To"] = _address(self.recipient)
        message["Subject"] = " ".join(self.subject.split())
        message["Date"] = format_datetime(parse_instant(self.at))
        message["Message-ID"] = f"<{self.message_id}@{self.sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text, charset="utf-8", cte="base64")  # drops content headers that stand there before
        message["Content-Language"] = "zh, en"
        return message.as_bytes()


def checked_address(text: str) -> str:
    """The address with its domain in ASCII. Raises NotAnAddress for anything that is more or less than one address."""
    local, at, domain = text.rpartition("@")
    try:
        host = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        raise NotAnAddress from None
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(host):
        raise NotAnAddress
    address = f"{local}@{host}"
    try:
        str(_address(address))
    except Exception:  # the parser of the standard library fails in many ways on odd addresses
        raise NotAnAddress from None
    return address


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
