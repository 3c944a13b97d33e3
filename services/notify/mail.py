"""A message as a mail. Addresses are checked here, so that no value can become a header."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime
from functools import cache

from chassis.clock import parse_instant

# Stricter than RFC 5322 on purpose: no quoting, no comments, no spaces, no control characters, one @.
_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f-\xa0]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


_LONGEST = 76  # characters of a line
_FOLD = "\r\n "
_ASCII = bytes(range(0x80))
_WORD = len("=?utf-8?b??=")  # of an encoded word, beside what it says


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
            _from(self.sender),
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
        text = self.text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
        body = base64.b64encode(text.encode()).decode()
        folded = [body[start : start + _LONGEST] for start in range(0, len(body), _LONGEST)]
        return "\r\n".join((*lines, "", *folded, "")).encode()


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


@cache
def _from(sender: Sender) -> str:
    address = _address(sender.address)
    if not sender.name:
        return f"From: {address}"
    if sender.name.isascii():
        return f"From: {Address(sender.name, addr_spec=str(address))}"
    return f"{_unstructured('From', sender.name)}{_FOLD}<{address}>"


def _unstructured(header: str, text: str) -> str:
    """In encoded words unless it is short and plain."""
    if text.isascii() and text.isprintable() and len(header) + len(text) < _LONGEST and "=?" not in text:
        return f"{header}: {text}"
    return f"{header}: {_encoded(header, text)}"


def _encoded(header: str, text: str) -> str:
    """What email.header makes of it; done here where that is Base64, as with Chinese, because it tries every length."""
    said = text.encode()
    quoted = len(said) + 2 * len(said.translate(None, _ASCII))  # at least, as the other encoding of headers
    if text.splitlines() != [text] or (len(said) + 2) // 3 * 4 >= quoted:
        return Header(text, "utf-8", maxlinelen=_LONGEST, header_name=header).encode(linesep="\r\n")
    words, room = [], _LONGEST - len(f"{header}: ") - _WORD
    while said:
        end = room // 4 * 3
        while end < len(said) and said[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(said[:end]).decode()}?=")
        said, room = said[end:], _LONGEST - len(" ") - _WORD
    return _FOLD.join(words)
