"""Who calls: clients of partners with their scopes, from a file that is read again whenever it changes.

Only the SHA-256 of a secret is kept. Secrets are 256 random bits, so a slow hash would protect nothing more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from chassis import metrics
from chassis.problems import Forbidden, Unauthenticated

log = logging.getLogger(__name__)

SCOPES = {
    "applications:write": "File, amend and withdraw applications of the own partner.",
    "applications:read": "Read applications of the own partner.",
    "applications:erase": "Erase the personal data of applications of the own partner.",
    "catalogue:read": "Read the published catalogue. Open to everybody; no client is needed.",
    "register:import": "Import result files of an organiser.",
    "deliveries:read": "Read the delivery log of messages of the own partner.",
    "deliveries:resend": "Have messages of all partners sent again that were given up.",
    "parked:read": "Read parked events of all partners with their content, and who let go or discarded what.",
    "parked:release": "Let parked events go on.",
    "parked:discard": "Discard parked events for good.",
    "officer:read": "Read what waits for a person, of all partners: applications and given-up messages, with reasons.",
}
PUBLIC = frozenset({"catalogue:read"})
_LONGEST_HEADER = 1024
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """`partner`: the organisation that owns cases; empty for somebody who reads what is public."""

    partner: str
    client: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Client:
    """`created`, `revoked`: instants."""

    id: str
    partner: str
    scopes: frozenset[str]
    secret_sha256: str
    created: str
    revoked: str | None = None


class BadCallersFile(ValueError):
    """The callers file has another form than {"clients": [...]}; what is wrong is named without values."""


def read_clients(raw: bytes) -> dict[str, Client]:
    """The clients of a callers file by their id. Raises BadCallersFile."""
    try:
        entries = json.loads(raw)["clients"]
        clients = [_client(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise BadCallersFile(f"not a callers file ({type(wrong).__name__})") from None
    by_id = {client.id: client for client in clients}
    if len(by_id) < len(clients):
        raise BadCallersFile("a client id stands there twice")
    return by_id


def _client(entry: dict[str, Any]) -> Client:
    scopes = frozenset(entry["scopes"])
    digest = entry["secret_sha256"]
    if scopes - SCOPES.keys() or len(bytes.fromhex(digest)) != 32:
        raise ValueError("unknown scope or no digest")
    if not all(isinstance(entry[name], str) and entry[name] for name in ("id", "partner", "created")):
        raise TypeError("id, partner and created are text")
    return Client(entry["id"], entry["partner"], scopes, digest.lower(), entry["created"], entry.get("revoked"))


class CallersFile:
    """A missing file knows no clients. A broken one leaves the last good one in force, with a log line and a metric."""

    def __init__(self, path: str | Path, *, service: str = "") -> None:
        self._path = Path(path)
        self._service = service
        self._clients: dict[str, Client] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._reported = False

    def clients(self) -> dict[str, Client]:
        """As they stand in the file now."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                raw = self._path.read_bytes()
                self._stamp = stamp  # a broken file is read again when it changes, not at every request
                self._clients = read_clients(raw)
                self._reported = False
        except FileNotFoundError:
            self._clients, self._stamp = {}, None
        except (OSError, BadCallersFile) as wrong:
            self._report(wrong)
        return self._clients

    def caller(self, client_id: str, secret: str) -> Caller | None:
        """The caller with this secret. An unknown or revoked client costs the same comparison as a known one."""
        client = self.clients().get(client_id)
        given = hashlib.sha256(secret.encode()).hexdigest()
        same = hmac.compare_digest(given, client.secret_sha256 if client else _NOBODY)
        if client is None or client.revoked is not None or not same:
            return None
        return Caller(client.partner, client.id, client.scopes)

    def _report(self, wrong: Exception) -> None:
        metrics.CALLERS_FILE_ERRORS.labels(service=self._service).inc()
        if self._reported:
            return
        self._reported = True
        log.error(
            "callers file cannot be read, the last good one stays in force",
            extra={"action": "callers.broken-file", "reason": type(wrong).__name__},
        )


def authenticate(request: Request) -> Caller:
    """Who sends this request: HTTP Basic against the callers file. Raises Unauthenticated.

    The seam for other credentials (tokens of an issuer): nothing else in the system looks at them.
    """
    client_id, secret = _basic(request.headers.getlist("authorization"))
    callers: CallersFile = request.app.state.infra.callers
    caller = callers.caller(client_id, secret)
    if caller is None:
        raise Unauthenticated
    return caller


def may(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """The dependency that lets callers with this scope in; its attribute `scope` says which. 401 or 403 otherwise.

    A public scope needs no credentials; wrong ones are refused all the same.
    """
    if scope not in SCOPES:
        raise ValueError(f"no such scope: {scope}")

    async def allowed(request: Request) -> Caller:
        if scope in PUBLIC and "authorization" not in request.headers:
            return Caller("", "", frozenset({scope}))
        caller = authenticate(request)
        if scope not in caller.scopes and scope not in PUBLIC:
            raise Forbidden(scope=scope)
        return caller

    allowed.scope = scope  # type: ignore[attr-defined]
    return allowed


def _basic(headers: list[str]) -> tuple[str, str]:
    if len(headers) != 1 or len(headers[0]) > _LONGEST_HEADER:
        raise Unauthenticated
    scheme, _, value = headers[0].partition(" ")
    if scheme.lower() != "basic":
        raise Unauthenticated
    try:
        client_id, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated from None
    if not colon:
        raise Unauthenticated
    return client_id, secret
