"""Cursors of lists that are ordered by (received_at descending, id): opaque text that says both."""

from __future__ import annotations

import base64
import json
import re
from typing import Annotated

from fastapi import Depends, Query

from chassis.clock import parse_instant
from chassis.problems import FieldError, InvalidInput

# (instant, id) of the last entry of a page. An entry that has lost its instant (erased) sorts last and has null there.
Place = tuple[str | None, str]
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def cursor_of(after: Place | None) -> str | None:
    """The cursor behind which the next page begins; None = there is none."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(after, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: Annotated[str | None, Query(max_length=400)] = None) -> Place | None:
    """The place behind a cursor of ours. Raises InvalidInput for any other text."""
    if cursor is None:
        return None
    try:
        instant, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if instant is not None:
            parse_instant(instant)
        if not _ID.fullmatch(id):
            raise ValueError("no id of ours")
    except (ValueError, TypeError):
        raise InvalidInput([FieldError("cursor", "unknown")]) from None
    return instant, id


Cursor = Annotated[Place | None, Depends(read_cursor)]
