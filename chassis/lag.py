"""How much there is to read: asked now and then, also while nothing is read."""

from __future__ import annotations

import time

from chassis import metrics
from chassis.bus import Consumer

LAG_SECONDS = 5.0  # between two measurements


class Lag:
    """Of the consumer of a service."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._measured = float("-inf")

    async def measure(self, consumer: Consumer) -> int | None:
        """Events of the assigned partitions that are not read yet; None when they were counted a moment ago.

        Raises BusUnavailable.
        """
        if time.monotonic() - self._measured <= LAG_SECONDS:
            return None
        self._measured = time.monotonic()
        lag = await consumer.lag()
        metrics.CONSUMER_LAG.labels(service=self._service).set(lag)
        return lag
