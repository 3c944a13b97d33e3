"""What a process knows about its own state: written by the runner, the relay and the probes, read by the probes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """`bus_trouble` and `halted`: where -> a short reason, never with data of an event."""

    store_ok: bool = True
    unsent: int = 0  # documents with unsent events, as last counted
    unread: int | None = None  # events of our partitions that are not read yet, as last counted; None: not known
    bus_trouble: dict[str, str] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)
    shutting_down: bool = False
