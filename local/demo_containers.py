"""`python -m local.demo_containers`: the stories, told to the containers of compose.yaml and to an embedded stack.

Both must give the expected answers, and the same determinations byte for byte.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.canonical import canonical_json
from local.containers import Containers, ContainersRefused, docker_answers
from local.demo import Told, key_of, tell
from local.partner import NoAnswer, Partner
from local.screen import Screen
from local.stack import Stack, StackRefused, free_ports
from local.stories import Story, stories
from local.supervisor import ROOT, GivenUp, Supervisor
from local.telling import Telling

LONGEST = 1200.0  # seconds for everything; a first build fetches images and packages
SECRETS = ROOT / ".local" / "compose-demo"
PATIENCE = 60.0  # of a partner
APART = frozenset({"at", "id", "case_id", "case_number", "determination_id"})  # of a run, not of its rules

MoveCalendar = Callable[[str], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo_containers",
        description="Starts the containers of compose.yaml, tells them the stories of the field, compares the "
        "determinations with those of an embedded stack, and takes the containers down again.",
    )
    parser.add_argument("--full", action="store_true", help="print whole messages instead of their first paragraph")
    parser.add_argument("--keep", action="store_true", help="leave the containers running")
    parser.add_argument("--down", action="store_true", help="take down what --keep left, with its data")
    asked = parser.parse_args(arguments)
    screen = Screen.of(sys.stdout)
    try:
        if asked.down:
            asyncio.run(Containers(SECRETS).down(keep_data=False))
            return 0
        return 0 if asyncio.run(_demo(screen, full=asked.full, keep=asked.keep)) else 1
    except TimeoutError:
        screen.trouble(f"The stories were not told within {LONGEST:.0f} s.")
    except (ContainersRefused, StackRefused, GivenUp, NoAnswer) as why:
        screen.trouble(str(why))
    except KeyboardInterrupt:
        screen.line("stopped")
    return 1


async def _demo(screen: Screen, *, full: bool, keep: bool) -> bool:
    if not await docker_answers():
        screen.trouble("No Docker engine with compose answers. Start one, or use `make demo`, which needs none.")
        return False
    began = time.monotonic()
    todo = stories()
    containers = Containers(SECRETS, port_base=free_ports(), business_date=first_date(todo))
    screen.line("Building four images, starting ten containers and four jobs. The first time takes some minutes.")
    async with asyncio.timeout(LONGEST):
        await containers.make_secrets()
        try:
            await containers.up("--build", shown=True)
            good = await _compared(containers, todo, screen, full=full, began=began)
        finally:
            if not keep:
                await containers.down(keep_data=False)
    if keep:
        screen.line(f"intake answers at {containers.url('intake')}/docs, mail is at {containers.mail_url}/messages")
        screen.line(f"Clients are in {SECRETS / 'clients.json'}. To stop: make compose-demo-down")
    return good


async def _compared(containers: Containers, todo: list[Story], screen: Screen, *, full: bool, began: float) -> bool:
    telling = Telling(screen, full=full)
    async with Partner(containers, seconds=PATIENCE) as api:
        told = await tell_all(todo, api, telling, containers.move_calendar)
        theirs = await determinations(todo, api)
    telling.table(told, time.monotonic() - began)
    screen.line("The same filings go to an embedded stack now.")
    ours = await embedded_determinations(containers, todo)
    differs = [id for id in theirs if theirs[id] != ours[id]]
    for id in differs:
        screen.line(screen.paint(f"✗ {id}: the containers' determination is another one than the embedded", "red"))
    if not differs:
        words = f"✓ {len(theirs)} determinations are the same on both, byte for byte (ids, times and numbers aside)."
        screen.line(screen.paint(words, "green", "bold"))
    return not differs and not any(wrong for *_, wrong in told)


def first_date(todo: Sequence[Story]) -> str:
    return next(str(story.date) for story in todo if story.date is not None)


async def tell_all(todo: Sequence[Story], api: Partner, telling: Telling, move_calendar: MoveCalendar) -> list[Told]:
    """All stories in the order of their days, to a stack whose calendar stands at the first."""
    told = []
    today = first_date(todo)
    for number, story in enumerate(todo, 1):
        if story.date is not None and str(story.date) != today:
            today = str(story.date)
            telling.calendar(today)
            await move_calendar(today)
        telling.title(number, len(todo), story, today)
        told.append(await tell(story, api, telling))
    return told


async def determinations(todo: Sequence[Story], api: Partner) -> dict[str, bytes]:
    """Story -> its determination in canonical form. What was filed already is not filed again: the key is the same."""
    found = {}
    for story in todo:
        if story.ask is None:
            receipt = await api.submit(story.filing, key=key_of(story))
            case = await api.settled(receipt["case_id"])
            found[story.id] = canonical_json(_aside(case["determination"]))
    return found


async def embedded_determinations(containers: Containers, todo: Sequence[Story]) -> dict[str, bytes]:
    """The same from an embedded stack of its own. It shares the key of the pseudonyms, which the register rests on."""
    names = ("INTAKE_PSEUDONYM_KEYS", "COMPETITION_PSEUDONYM_KEYS")
    keys = {name: containers.secret(name.lower()) for name in names}
    folder = Path(tempfile.mkdtemp(prefix="zhicheng-embedded-"))
    try:
        stack = Stack(folder, port_base=free_ports(), business_date=first_date(todo), settings=keys)
        today = stack.business_date
        async with Supervisor(stack) as running, Partner(stack, seconds=PATIENCE) as api:
            for story in todo:
                if story.date is not None and str(story.date) != today:
                    today = str(story.date)
                    await running.restart("intake", business_date=today)
                if story.ask is None:
                    await determinations([story], api)
            return await determinations(todo, api)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _aside(determination: Mapping[str, Any]) -> dict[str, Any]:
    """Without what names the case and the moment. Ids of clauses stay, they are deeper inside."""
    return {name: value for name, value in determination.items() if name not in APART}


if __name__ == "__main__":
    sys.exit(main())
