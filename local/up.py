"""`python -m local.up`: a stack that stays. In the foreground until Ctrl-C, or left running with --detach."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from local.screen import Screen
from local.stack import SERVICES, Stack, StackRefused, choose_ports, write_private
from local.stories import story
from local.supervisor import ROOT, GivenUp, Supervisor, last_lines, take

DATA = Path(".local")
EXAMPLE = "ordinary"  # the story whose filing the curl command sends
LONGEST_START = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    screen = Screen.of(sys.stdout)
    try:
        if asked.detach:
            return _detached(asked, screen)
        return asyncio.run(_foreground(asked, screen))
    except (StackRefused, GivenUp) as why:
        screen.trouble(str(why))
        return 1
    except OSError as why:
        screen.trouble(f"{why.strerror}: {why.filename}")
        return 1


async def _foreground(asked: argparse.Namespace, screen: Screen) -> int:
    os.close(take(asked.data))  # before ports are looked for: a running stack has the ones we want
    stack = Stack(
        asked.data,
        port_base=choose_ports(asked.port_base),
        business_date=None if asked.business_date == "today" else asked.business_date,
        inherit=True,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.ensure_future(_start(stack, screen))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return 0
    running = starting.result()
    try:
        running.write_state("ready", business_date=asked.business_date)
        if not asked.quiet:
            _tell(stack, asked.business_date, screen, how_to_stop=asked.how_to_stop)
        watching = asyncio.ensure_future(running.wait())
        await asyncio.wait((watching, stopping), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        screen.line("stopping")
        return 0
    finally:
        stopping.cancel()
        await running.stop()


async def _start(stack: Stack, screen: Screen) -> Supervisor:
    """Ready, or stopped again when it is not to be."""
    return await Supervisor(stack, say=screen.line).__aenter__()


def _detached(asked: argparse.Namespace, screen: Screen) -> int:
    """Starts the same command in the background and waits until it is ready or gives up."""
    stack = Stack(asked.data)
    if not _is_free(asked.data):
        state = read_state(stack)
        screen.line(f"A stack runs in {asked.data} already.")
        stack = Stack(asked.data, port_base=state.get("port_base", stack.port_base))
        if state.get("state") == "ready":
            _tell(stack, state["business_date"], screen, how_to_stop=asked.how_to_stop)
        return 0
    log = stack.folder / "log" / "supervisor.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.up", "--data", str(stack.folder), "--quiet"]
    command += ["--business-date", asked.business_date]
    if asked.port_base is not None:
        command += ["--port-base", str(asked.port_base)]
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    os.close(output)
    screen.line(f"starting {', '.join(SERVICES)}; this takes a few seconds")
    end = time.monotonic() + LONGEST_START
    while process.poll() is None and time.monotonic() < end:
        state = read_state(stack)
        if state.get("state") == "ready" and state.get("pid") == process.pid:
            stack = Stack(asked.data, port_base=state["port_base"])
            _tell(stack, asked.business_date, screen, how_to_stop=asked.how_to_stop)
            return 0
        time.sleep(0.05)
    if process.poll() is None:
        process.terminate()
    screen.trouble("\n".join(last_lines(log, 12)) or f"The stack did not start; see {log}")
    return 1


def read_state(stack: Stack) -> dict[str, Any]:
    """What the supervisor wrote last; empty when there is nothing."""
    with contextlib.suppress(OSError, ValueError):
        state: dict[str, Any] = json.loads(stack.state.read_text("utf-8"))
        return state
    return {}


def _is_free(folder: Path) -> bool:
    try:
        os.close(take(folder))
    except StackRefused:
        return False
    return True


def _tell(stack: Stack, business_date: str, screen: Screen, *, how_to_stop: str) -> None:
    """Addresses, and commands that work as they are pasted."""
    credential = stack.credential()
    example = stack.folder / "example-filing.json"
    write_private(example, json.dumps(story(EXAMPLE).filing, ensure_ascii=False, indent=2) + "\n")
    names = stack.folder / "stack.sh"
    addresses = "".join(f"{service.upper()}={stack.url(service)}\n" for service in SERVICES)
    operator = stack.credential("demo-operator")
    logins = f"LOGIN='{credential.client}:{credential.secret}'\nOPERATOR='{operator.client}:{operator.secret}'\n"
    write_private(names, logins + addresses)
    screen.line()
    for service in SERVICES:
        screen.line(f"  {service:12} {stack.url(service)}/docs")
    screen.line()
    calendar = "is the real one" if business_date == "today" else f"stands at {business_date}"
    screen.line(
        f"The calendar of applications {calendar}. Mail goes to {stack.outbox}, logs to {stack.folder / 'log'}."
    )
    screen.line("File the application of a synthetic engineer, then read the case whose id comes back:")
    screen.line()
    login = f"-u '{credential.client}:{credential.secret}'"
    screen.line(
        f"curl -sS {login} \\\n  -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-application' \\\n"
        f"  -d @'{example}' {stack.url('intake')}/v1/applications"
    )
    screen.line()
    screen.line(f"curl -sS {login} {stack.url('intake')}/v1/applications/CASE_ID")
    screen.line()
    screen.line(f"The same client reads messages at {stack.url('notify')}/v1/deliveries?case_id=CASE_ID .")
    screen.line(f'The same by name, in a shell: . {names}   then curl -u "$LOGIN" "$INTAKE/v1/applications"')
    screen.line(f"Stop it with: {how_to_stop}   (data stay in {stack.folder})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.up", description="Starts the four services on the embedded store and bus."
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data, keys and logs (default: .local)")
    parser.add_argument(
        "--port-base", type=int, help="the services take the four ports behind it (default: 8100, or the next free)"
    )
    parser.add_argument(
        "--business-date",
        type=_business_date,
        default="2026-03-01",
        help="the day that applications see, YYYY-MM-DD or today; the synthetic rounds are of 2024 and 2026 "
        "(default: 2026-03-01)",
    )
    parser.add_argument("--detach", action="store_true", help="leave it running and return when it is ready")
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)  # no credential into a log
    parser.add_argument("--how-to-stop", default="python -m local.down", help=argparse.SUPPRESS)
    return parser


def _business_date(text: str) -> str:
    if text != "today":
        date.fromisoformat(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
