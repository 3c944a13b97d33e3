"""`python -m benchmarks.soak`: a load below the limit for a long time; does anything grow?"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvloop

from benchmarks import servers as real_servers
from benchmarks.counted import EMBEDDED
from benchmarks.filings import filings
from benchmarks.load import Load, Measured, percentile
from benchmarks.places import Place, four_processes
from benchmarks.watching import Watch
from chassis.adapters import open_store
from chassis.relay import MARK_SECONDS

ABOUT = """Measures for some seconds how many complete applications per second the system holds, then offers a share of
that for many minutes, and reports per minute the memory of the four processes and the latency (POST until the message
that tells the determination is on record); at the end how much memory grew after the warm-up, and what is left in the
outboxes. Wanted: less than 5 % growth after five minutes, a p99 that stays flat, empty outboxes. Figures are of this
machine; nothing fails because of them, save outboxes that do not empty (exit code 1)."""
SAMPLE_SECONDS = 5.0
MARKED_SECONDS = 10.0  # by then what was sent is marked, also for a process that takes over
CLIENTS = 16
MOST_IN_CALIBRATION = 5000


@dataclass
class Watched:
    """What was seen while the load went on: (time of `time.perf_counter`, MB)."""

    memory: list[tuple[float, float]] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=ABOUT)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (20)")
    parser.add_argument("--warm-up", type=float, default=5.0, help="minutes after which growth is counted (5)")
    parser.add_argument("--share", type=float, default=0.7, help="of what the system holds (0.7)")
    parser.add_argument("--on", choices=("embedded", "real"), default="embedded", help="servers (embedded)")
    parser.add_argument("--calibrate", type=float, default=10.0, help="seconds of measuring what it holds (10)")
    asked = parser.parse_args()
    if asked.on == "real" and (missing := real_servers.available()):
        parser.error(missing)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_soak(asked))


async def _soak(asked: argparse.Namespace) -> int:
    seconds = 60 * asked.minutes
    posted: dict[str, float] = {}
    with real_servers.real(synced=True) if asked.on == "real" else contextlib.nullcontext() as real:
        servers = real or EMBEDDED
        _say(f"{servers.name}: starting")
        async with four_processes(servers) as place, Watch(place.store_urls["notify"]) as watch:
            load = Load(place.stack, watch, filings(), place.cpu)
            await load.idle(5)
            holds = (await load.closed(CLIENTS, asked.calibrate, MOST_IN_CALIBRATION)).complete_per_second
            rate = asked.share * holds
            _say(f"holds {holds:.0f}/s; {rate:.0f}/s are offered for {asked.minutes:g} minutes")
            begun = time.perf_counter()
            async with _sampled(place, begun) as watched:
                measured = await load.open(rate, seconds, posted)
            left = await _unsent(place)
    latencies = [(when, 1000 * (watch.completed[id] - when)) for id, when in posted.items()]
    _report(measured, begun, watched, latencies, warm_up=60 * min(asked.warm_up, asked.minutes / 2))
    print(f"outboxes at the end: {', '.join(f'{name} {count}' for name, count in left.items())}")
    return 1 if any(left.values()) else 0


@asynccontextmanager
async def _sampled(place: Place, begun: float) -> AsyncIterator[Watched]:
    watched = Watched()

    async def look() -> None:
        while True:
            if (megabytes := place.memory()) is not None:
                watched.memory.append((time.perf_counter(), megabytes))
                _say(f"{(time.perf_counter() - begun) / 60:5.1f} min: {megabytes:.1f} MB")
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield watched
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _unsent(place: Place) -> dict[str, int]:
    """Documents with unsent events, once what was sent last is marked."""
    found = await _unmarked(place)
    until = time.perf_counter() + MARKED_SECONDS
    while any(found.values()) and time.perf_counter() < until:
        await asyncio.sleep(MARK_SECONDS)
        found = await _unmarked(place)
    return found


async def _unmarked(place: Place) -> dict[str, int]:
    found = {}
    for name, url in place.store_urls.items():
        store = await open_store(f"{url}?mode=ro" if url.startswith("sqlite:") else url)
        try:
            found[name] = await store.pending_depth(1_000_000)
        finally:
            await store.close()
    return found


def _report(
    measured: Measured, begun: float, watched: Watched, latencies: Sequence[tuple[float, float]], *, warm_up: float
) -> None:
    by_minute = minutes(begun, latencies)
    memory = minutes(begun, watched.memory)
    print("| minute | applications | p50 ms | p99 ms | memory MB |\n|---|---|---|---|---|")
    for minute, found in by_minute.items():
        used = memory.get(minute, [])
        shown = f"{sum(used) / len(used):.1f}" if used else ""
        print(f"| {minute + 1} | {len(found)} | {percentile(found, 50)} | {percentile(found, 99)} | {shown} |")
    print(f"{measured.applications} complete, {measured.refused} times told to come back")
    after = [megabytes for when, megabytes in watched.memory if when - begun >= warm_up]
    if len(after) >= 2:
        few = max(len(after) // 10, 1)  # samples that are averaged at either end
        first, last = sum(after[:few]) / few, sum(after[-few:]) / few
        print(
            f"memory after {warm_up / 60:g} minutes {first:.1f} MB, at the end {last:.1f} MB: {last / first - 1:+.1%}"
        )


def minutes(begun: float, values: Sequence[tuple[float, float]]) -> Mapping[int, list[float]]:
    found: dict[int, list[float]] = {}
    for when, value in sorted(values):
        found.setdefault(int((when - begun) // 60), []).append(value)
    return found


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
