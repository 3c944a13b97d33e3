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
from statistics import fmean, median

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
that tells the determination is on record). At the end it says of each of three wishes whether it held: memory grows by
less than 5 % after the warm-up; p99 stays flat (in the last quarter of the minutes after the warm-up it is at most half
above the first quarter's, medians of both); outboxes are empty again. Figures are of this machine; nothing fails for
their sake, save outboxes that do not empty (exit code 1)."""
MOST_GROWTH = 0.05
MOST_LATER = 1.5  # p99 at the end, in those at the beginning
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
    warm_up = 60 * min(asked.warm_up, asked.minutes / 2)
    _report(measured, begun, watched, latencies)
    print(f"after the first {warm_up / 60:g} of {asked.minutes:g} minutes:")
    warm = begun + warm_up
    print(memory_held([megabytes for when, megabytes in watched.memory if when >= warm]))
    print(latency_held([*minutes(warm, [each for each in latencies if each[0] >= warm]).values()]))
    print(outboxes_held(left))
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


def _report(measured: Measured, begun: float, watched: Watched, latencies: Sequence[tuple[float, float]]) -> None:
    by_minute = minutes(begun, latencies)
    memory = minutes(begun, watched.memory)
    print("| minute | applications | p50 ms | p99 ms | memory MB |\n|---|---|---|---|---|")
    for minute, found in by_minute.items():
        used = memory.get(minute, [])
        shown = f"{fmean(used):.1f}" if used else ""
        print(f"| {minute + 1} | {len(found)} | {percentile(found, 50)} | {percentile(found, 99)} | {shown} |")
    print(f"{measured.applications} complete, {measured.refused} times told to come back")


def memory_held(megabytes: Sequence[float]) -> str:
    """Of samples after the warm-up; a tenth of them is averaged at either end."""
    if len(megabytes) < 2:
        return "NOT MEASURED: memory"
    few = max(len(megabytes) // 10, 1)
    first, last = fmean(megabytes[:few]), fmean(megabytes[-few:])
    grown = last / first - 1
    return f"{_held(grown < MOST_GROWTH)}: memory {first:.1f} MB, at the end {last:.1f} MB, {grown:+.1%} (below +5.0%)"


def latency_held(latencies: Sequence[Sequence[float]]) -> str:
    """Of the latencies of each minute after the warm-up, in ms."""
    found = [percentile(minute, 99) for minute in latencies]
    if len(found) < 2:
        return "NOT MEASURED: p99 of two minutes"
    few = max(len(found) // 4, 1)
    first, last = median(found[:few]), median(found[-few:])
    times = last / first
    return f"{_held(times <= MOST_LATER)}: p99 {first:.0f} ms, at the end {last:.0f} ms, {times:.2f} times (up to 1.5)"


def outboxes_held(left: Mapping[str, int]) -> str:
    """`left`: documents with unsent events by service."""
    counts = ", ".join(f"{name} {count}" for name, count in left.items())
    return f"{_held(not any(left.values()))}: outboxes at the end: {counts} (all 0)"


def _held(so: bool) -> str:
    return "held" if so else "NOT HELD"


def minutes(begun: float, values: Sequence[tuple[float, float]]) -> Mapping[int, list[float]]:
    found: dict[int, list[float]] = {}
    for when, value in sorted(values):
        found.setdefault(int((when - begun) // 60), []).append(value)
    return found


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
