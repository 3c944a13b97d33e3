"""Errors that a caller can meet, as `application/problem+json` (RFC 9457). They name field and rule, never a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from chassis import correlation
from chassis.store import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
# Ids that this system makes: digests, in base 32 or hex. Any other value of a path parameter may be anything, a name or
# a number with a letter before it, and is not repeated.
_OWN_ID = re.compile(r"[a-z]{1,4}_(?:[a-z2-7]{26}|[0-9a-f]{32})")


class Fault(Exception):
    """Base of the errors a caller can meet. The first paragraph of a class's docstring is the title that is shown."""

    def __init__(self, **members: Any) -> None:
        super().__init__()
        self.members: dict[str, Any] = members


@dataclass(frozen=True, slots=True)
class Problem:
    """How a fault is shown: `slug` ends the type `urn:problem:<service>:<slug>` and never changes."""

    status: int
    slug: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldError:
    """A rule that a field breaks: `person.identity_documents[0].number`, `checksum`. `body` is the document itself."""

    field: str
    rule: str


class InvalidInput(Fault):
    """The request breaks the rules named in `errors`. Nothing was stored."""

    def __init__(self, errors: Sequence[FieldError], **members: Any) -> None:
        super().__init__(errors=[{"field": error.field, "rule": error.rule} for error in errors], **members)
        self.errors = tuple(errors)


class MalformedJson(Fault):
    """The body is not the JSON that this service reads; `errors` names the rule. Nothing was stored."""

    def __init__(self, rule: str, **members: Any) -> None:
        super().__init__(errors=[{"field": "body", "rule": rule}], **members)
        self.rule = rule


class WrongMediaType(Fault):
    """The body must be sent as application/json in UTF-8."""


class TooLarge(Fault):
    """The body is larger than `limit_bytes`. Nothing was stored."""


class TooSlow(Fault):
    """The body did not arrive within `limit_seconds`. Nothing was stored."""


class TookTooLong(Fault):
    """The request could not be finished within `limit_seconds`. Whether it had an effect is not known: repeat it."""


class Unauthenticated(Fault):
    """Send the id and the secret of a client by HTTP Basic."""


class Forbidden(Fault):
    """This client lacks the scope named in `scope`."""


class NotFound(Fault):
    """Nothing is here that this client may see."""


class PreconditionRequired(Fault):
    """Send If-Match with the ETag of the state that you have seen."""


class PreconditionFailed(Fault):
    """The state has changed since the ETag in If-Match was given. Read it again."""


class KeyReused(Fault):
    """This Idempotency-Key was used with another body. Send the same body, or use a new key."""


class Busy(Fault):
    """Too much is in work at once. Nothing was stored; repeat the request after the time in Retry-After."""


class Unavailable(Fault):
    """The store does not answer. Whether the request had an effect is not known: repeat it after Retry-After."""


class Unexpected(Fault):
    """Something failed that should not. The correlation id leads the operators to the cause."""


CHASSIS: Mapping[type[Exception], Problem] = {
    InvalidInput: Problem(422, "invalid-input"),
    MalformedJson: Problem(400, "malformed-json"),
    WrongMediaType: Problem(415, "wrong-media-type"),
    TooLarge: Problem(413, "too-large"),
    TooSlow: Problem(408, "too-slow"),
    TookTooLong: Problem(503, "took-too-long", {"Retry-After": "5"}),
    Unauthenticated: Problem(401, "unauthenticated", {"WWW-Authenticate": 'Basic realm="zhicheng", charset="UTF-8"'}),
    Forbidden: Problem(403, "forbidden"),
    NotFound: Problem(404, "not-found"),
    PreconditionRequired: Problem(428, "precondition-required"),
    PreconditionFailed: Problem(412, "precondition-failed"),
    KeyReused: Problem(422, "idempotency-key-reused"),
    Busy: Problem(503, "busy", {"Retry-After": "5"}),
    Unavailable: Problem(503, "unavailable", {"Retry-After": "5"}),
    StoreUnavailable: Problem(503, "unavailable", {"Retry-After": "5"}),
    Unexpected: Problem(500, "unexpected"),
}


def problems(*types: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that can end in these faults. Their statuses are filled in from the service's table."""
    return {"default": {"description": "Problems", "x-faults": [name_of(kind) for kind in types]}}


def name_of(kind: type[Exception]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def title_of(kind: type[BaseException]) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((kind.__doc__ or kind.__name__).strip().split("\n\n")[0].split())


def find(table: Mapping[type[Exception], Problem], kind: type[Exception]) -> Problem | None:
    """The entry of the class or of its nearest base."""
    return next((table[base] for base in kind.__mro__ if base in table), None)


def answer(
    service: str,
    table: Mapping[type[Exception], Problem],
    fault: Exception,
    request: Request,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The problem document of a fault: `Unavailable` for a store that is away, `Unexpected` for what is in no table."""
    problem = find(table, type(fault))
    shown = fault
    if problem is None:
        shown, problem = Unexpected(), CHASSIS[Unexpected]
    elif isinstance(fault, StoreUnavailable):
        shown = Unavailable()
    members = dict(shown.members) if isinstance(shown, Fault) else {}
    return plain(
        service,
        problem,
        title_of(type(shown)),
        request,
        members=members,
        headers={**problem.headers, **(headers or {})},
    )


def plain(
    service: str,
    problem: Problem,
    title: str,
    request: Request,
    *,
    members: Mapping[str, Any],
    headers: Mapping[str, str],
) -> JSONResponse:
    """The document itself; `correlation_id` and `instance` come from the request."""
    content: dict[str, Any] = {
        "type": f"urn:problem:{service}:{problem.slug}",
        "title": title,
        "status": problem.status,
        **({"instance": where} if (where := instance_of(request)) else {}),
        "correlation_id": correlation.current(),
        **{name: value for name, value in members.items() if name not in _FIXED},
    }
    return JSONResponse(content, problem.status, headers=dict(headers), media_type=MEDIA_TYPE)


_FIXED = frozenset({"type", "title", "status", "instance", "correlation_id"})


def instance_of(request: Request) -> str | None:
    """The path; a parameter that is no id of ours is named instead of repeated. None where no route matched."""
    template = getattr(request.scope.get("route"), "path", None)
    if template is None:
        return None
    given = request.scope.get("path_params", {})

    def shown(found: re.Match[str]) -> str:
        name = found.group(1)
        value = str(given.get(name, ""))
        return value if _OWN_ID.fullmatch(value) else f":{name}"

    return re.sub(r"\{(\w+)(?::\w+)?\}", shown, template)
