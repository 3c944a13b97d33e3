"""A run as a table, as JSON and as two charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.counted import Counted
from benchmarks.load import Measured, percentile
from benchmarks.svg import chart


@dataclass
class Configuration:
    """What was measured in one place. `floor`: applications per second of the bare work, by how many at once."""

    name: str
    servers: Mapping[str, str]
    idle: Sequence[float] = ()
    closed: list[Measured] = field(default_factory=list)
    open: list[Measured] = field(default_factory=list)
    floor: dict[int, float] = field(default_factory=dict)

    @property
    def idle_p50(self) -> float:
        return percentile(self.idle, 50)

    @property
    def idle_p95(self) -> float:
        return percentile(self.idle, 95)

    def ratio(self, measured: Measured) -> float | None:
        """How many times faster the bare work is."""
        floor = self.floor.get(measured.clients)
        return None if floor is None else round(floor / measured.complete_per_second, 1)


def table(configurations: Sequence[Configuration], counted: Counted) -> str:
    """Ratios first: they mean the same on another machine, the rest does not."""
    lines = [
        "| configuration | clients | floor / complete | complete/s | delivered/s | floor/s | p50 ms | p95 ms "
        "| POST p50 ms | CPU ms of services | of load | refused |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in configurations:
        idle = f"| {one.name} | idle | | | | | **{one.idle_p50}** | {one.idle_p95} | | | | |"
        lines += [idle, *(_row(one, measured) for measured in one.closed)]
    cost = counted.per_application
    lines += [
        "",
        f"Per application, one client, {counted.applications} applications, four services in one process, embedded:",
        f"{cost['documents_written']:g} documents written ({cost['of_these_marks']:g} of them to mark events as sent, "
        f"by time) in {cost['write_calls']:g} calls, {cost['documents_read']:g} documents read, "
        f"{cost['messages']:g} messages (read {cost['messages_read']:g} times), "
        f"{cost['bytes_written'] / 1000:.1f} KB written to stores, {cost['bytes_sent'] / 1000:.1f} KB sent.",
        "",
        "Floor: the same documents and messages through the same adapters, in bulks of as many as there are clients,",
        "with nothing else. CPU per application; `load`: of the clients and of looking whether it is complete.",
    ]
    return "\n".join(lines) + "\n"


def _row(one: Configuration, m: Measured) -> str:
    cells: list[object] = [one.name, m.clients, one.ratio(m), m.complete_per_second, m.delivered_per_second]
    cells += [round(one.floor.get(m.clients, 0.0)), m.p50, m.p95, m.post_p50, m.services_cpu, m.load_cpu, m.refused]
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


def as_json(configurations: Sequence[Configuration], counted: Counted, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "about": about,
        "ratios": {
            one.name: {str(measured.clients): one.ratio(measured) for measured in one.closed} for one in configurations
        },
        "configurations": [
            asdict(one) | {"idle_p50": one.idle_p50, "idle_p95": one.idle_p95} for one in configurations
        ],
        "counts": {
            "applications": counted.applications,
            "per_application": counted.per_application,
            "documents_written_by_kind": counted.kinds,
        },
    }


def charts(configurations: Sequence[Configuration]) -> dict[str, str]:
    """File name -> SVG."""
    throughput = {one.name: [(m.clients, m.complete_per_second) for m in one.closed] for one in configurations}
    latency = {
        f"{one.name}, {name}": [(m.wanted, getattr(m, name)) for m in one.open]
        for one in configurations
        for name in ("p50", "p95")
    }
    return {
        "throughput.svg": chart(
            "Complete applications per second", "clients", "applications per second", throughput, log_x=True
        ),
        "latency.svg": chart("Latency against load", "applications per second offered", "ms", latency),
    }
