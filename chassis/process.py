"""The command line of a service: one process with a role, from its settings to its exit code."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

from chassis import logs
from chassis.bus import BusUnavailable
from chassis.running import Running
from chassis.schema import SchemaRefused
from chassis.service import Build
from chassis.settings import ServiceSettings
from chassis.store import StoreUnavailable

log = logging.getLogger(__name__)

CYCLES = 10_000  # objects made between two looks for cycles; Python's own 700 comes several times per application

ROLES = ("all", "api", "consume", "relay", "setup")


def run(name: str, kind: type[ServiceSettings], build: Build) -> None:
    """`python -m services.<name>.main [role]`. Ends with 0 when it was asked to stop, 1 when it could not go on."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{name}.main",
        description=f"The {name} service. Settings come from the environment: {name.upper()}_* (see docs).",
    )
    parser.add_argument(
        "role",
        nargs="?",
        default="all",
        choices=ROLES,
        help="all (default): API and consumer in one process; relay: sends what others left; setup: topics, indexes, "
        "policy versions, then end",
    )
    role = parser.parse_args().role
    try:
        settings = kind()
    except ValueError as refused:
        print(f"{name}: settings refused\n{_without_values(refused)}", file=sys.stderr)
        raise SystemExit(2) from None
    logs.setup(name, settings.log_level, sys.stderr)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise SystemExit(runner.run(_main(name, settings, build, role)))


async def _main(name: str, settings: ServiceSettings, build: Build, role: str) -> int:
    running = _running(name, settings, build, role)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.ask_to_stop)
    log.info("starting", extra={"action": "service.starting", "role": role, "settings": settings.effective()})
    if settings.environment == "production" and settings.bus_url.get_secret_value().startswith("kafka:"):
        log.warning("events travel to Kafka in the clear", extra={"action": "service.bus-in-the-clear"})
    try:
        started = await running.start()
    except (StoreUnavailable, BusUnavailable, SchemaRefused) as why:
        log.error("not started", extra={"action": "service.not-started", "reason": str(why)})
        await running.stop()
        return 1
    if started and role != "setup":
        _leave_the_start_alone()
        log.info(
            "ready",
            extra={
                "action": "service.ready",
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "store": running.store.server,
                "bus": running.bus.server,
            },
        )
        await running.wait()
    await running.stop()
    log.info("stopped", extra={"action": "service.stopped"})
    unfinished = role == "setup" and not started  # others wait for its success
    return 1 if running.failed or unfinished else 0


def _leave_the_start_alone() -> None:
    """What the start has made stays; looking through it again and again for garbage finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(CYCLES, *gc.get_threshold()[1:])


def _running(name: str, settings: ServiceSettings, build: Build, role: str) -> Running:
    if settings.crash_plan is None:
        return Running(settings, build, name=name, role=role)
    from chassis import crash_points

    return crash_points.planned(settings, build, name=name, role=role, path=settings.crash_plan)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


def _without_values(refused: ValueError) -> str:
    """Which setting and why; a value may be a secret."""
    errors = getattr(refused, "errors", None)
    if errors is None:
        return type(refused).__name__
    lines = []
    for error in errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in error["loc"]) or "settings"
        lines.append(f"  {where}: {error['msg']}")
    return "\n".join(lines)
