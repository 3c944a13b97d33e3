"""How long anything at Kafka may take, and how a call of aiokafka is kept to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a call is given up, or a member by its group."""

    start: float = 30.0  # of a consumer: more than a rebalance takes
    publish: float = 10.0
    commit: float = 10.0
    ask: float = 15.0  # offsets, topics
    stop: float = 5.0
    request: float = 40.0  # of the driver: longer than any rebalance, else consumers stayed dead after a freeze
    revoke: float = 5.0  # how long partitions are kept for the batch in work when a rebalance begins
    poll_interval: float = 30.0  # a member that does not poll for so long loses its partitions until it does
    session: float = 10.0  # a member that is gone for so long loses its partitions


DEFAULT = Limits()


async def limited(work: Awaitable[Any], seconds: float) -> None:
    """Waits so many seconds, then cancels. aiokafka's stop() can raise CancelledError of its own: it ends here."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    await asyncio.wait({task}, timeout=1.0)
    if task.done() and not task.cancelled() and (error := task.exception()):
        log.info("not ended cleanly", extra={"action": "bus.end", "reason": name_of(error)})


def name_of(error: BaseException) -> str:
    return type(error).__name__
