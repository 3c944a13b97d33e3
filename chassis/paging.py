"""Cursors of lists that are ordered by (received_at descending, id): opaque text that says both."""

from __future__ import annotations

import base64
import json
from typing import Annotated

from fastapi import Depends, Query

from chassis.clock import parse_instant
from chassis.problems import FieldError, InvalidInput


def cursor_of(after: tuple[str, str] | None) -> str | None:
    """The cursor behind which the next page begins; None = there is none."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(after, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: Annotated[str | None, Query(max_length=400)] = None) -> tuple[str, str] | None:
    """(instant, id) behind a cursor of ours. Raises InvalidInput for any other text."""
    if cursor is None:
        return None
    try:
        instant, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        parse_instant(instant)
        if not isinstance(id, str):
            raise TypeError
    except (ValueError, TypeError):
        raise InvalidInput([FieldError("cursor", "unknown")]) from None
    return instant, id


Cursor = Annotated[tuple[str, str] | None, Depends(read_cursor)]
