"""Waiting for conditions, never for times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

LONGEST = 90.0  # of no cost when all goes well


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = LONGEST) -> None:
    """Until the condition holds; AssertionError when it never does."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end:
            raise AssertionError(f"the condition did not come true in {seconds} s")
        await asyncio.sleep(0.01)
