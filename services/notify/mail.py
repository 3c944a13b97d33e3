"""A message as a mail. Addresses are checked here, so that no value can become a header."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime

from chassis.clock import parse_instant

# Stricter than RFC 5322 on purpose: no quoting, no comments, no spaces, no control characters, one @.
_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f-\xa0]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST = 76  # characters of a line
_FOLD = "\r\n "


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
        lines = (
            _named("From", _address(self.sender.address), self.sender.name),
            f"To: {_address(self.recipient)}",
            _unstructured("Subject", " ".join(self.subject.split())),
            f"Date: {format_datetime(parse_instant(self.at))}",
            f"Message-ID: <{self.message_id}@{self.sender.domain}>",
            "Auto-Submitted: auto-generated",
            "Content-Language: zh, en",
            "MIME-Version: 1.0",
            'Content-Type: text/plain; charset="utf-8"',
            "Content-Transfer-Encoding: base64",
        )
        text = "\r\n".join(_LINE_END.split(self.text)).encode()
        return "\r\n".join((*lines, "", "")).encode() + base64.encodebytes(text).replace(b"\n", b"\r\n")


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


def _address(address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(username=local, domain=domain)


# The headers are folded here and not by EmailMessage, which parses what it is given again and takes 25 times as long.


def _named(header: str, address: Address, name: str) -> str:
    if not name:
        return f"{header}: {address}"
    if name.isascii():
        return f"{header}: {Address(name, addr_spec=str(address))}"
    return f"{_unstructured(header, name)}{_FOLD}<{address}>"


def _unstructured(header: str, text: str) -> str:
    """In encoded words unless it is short and plain."""
    if text.isascii() and text.isprintable() and len(header) + len(text) < _LONGEST and "=?" not in text:
        return f"{header}: {text}"
    words = Header(text, "utf-8", maxlinelen=_LONGEST, header_name=header).encode(linesep="\r\n")
    return f"{header}: {words}"
