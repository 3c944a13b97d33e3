"""The id that ties together the answer, the log lines and the events of one request or one handled event."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("correlation_id", default="")
# A UUID or 32 hex digits: no other form, so that nobody's number can be sent as an id and reach a log.
_FORM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def current() -> str:
    """The id of what is being done now; empty outside of it."""
    return _current.get()


def accepted(given: str | None) -> str:
    """The given id, if it has the form of one, else a new one."""
    return given if given is not None and _FORM.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def correlated(id: str) -> Iterator[None]:
    token = _current.set(id)
    try:
        yield
    finally:
        _current.reset(token)
