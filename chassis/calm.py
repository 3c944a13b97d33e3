"""Keeps a library's own log lines few: one that is away for a minute would otherwise say so a thousand times."""

from __future__ import annotations

import logging
import time

EVERY_SECONDS = 10.0


class Seldom(logging.Filter):
    """Lets the same message (before its values are filled in) through once in `seconds`, and nothing at DEBUG."""

    def __init__(self, seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return False
        now = time.monotonic()
        message = str(record.msg)
        if now - self._said.get(message, -self._seconds) < self._seconds:
            return False
        self._said[message] = now
        return True


def calm(library: str) -> None:
    """For all loggers of a library that is already imported. At DEBUG it may write the very data that it carries."""
    names = [name for name in logging.root.manager.loggerDict if name == library or name.startswith(library + ".")]
    for name in names:
        logging.getLogger(name).addFilter(Seldom())
