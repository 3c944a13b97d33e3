"""Waiting for something, no longer than so many seconds."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def happened(event: asyncio.Event, seconds: float) -> bool:
    """Whether it was set in time. Not by `wait_for`: that of Python 3.11 may hide that its caller is cancelled."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
