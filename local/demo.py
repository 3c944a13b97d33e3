"""`python -m local.demo`: the stories of the field, told to a stack of their own and compared with what is expected."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from local.partner import NoAnswer, Partner
from local.screen import Screen
from local.stack import Stack, StackRefused, free_ports
from local.stories import Question, Story, differences, stories
from local.supervisor import GivenUp, Supervisor
from local.telling import Telling

LONGEST = 180.0  # seconds for all stories


def key_of(story: Story) -> str:
    """The idempotency key of its filing: told again, a story finds the case that it made."""
    return f"story-{story.id}"


# Story, answer in short, milliseconds from receipt to determination, what differs from the expected answer.
Told = tuple[Story, str, int, list[str]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo", description="Tells the stories of the field to a fresh stack. Ends by itself."
    )
    parser.add_argument("--full", action="store_true", help="print whole messages instead of their first paragraph")
    parser.add_argument("--keep", action="store_true", help="keep the data folder")
    asked = parser.parse_args(arguments)
    screen = Screen.of(sys.stdout)
    folder = Path(tempfile.mkdtemp(prefix="zhicheng-demo-"))
    done = False
    try:
        done = asyncio.run(_demo(folder, screen, full=asked.full))
    except TimeoutError:
        screen.trouble(f"The stories were not told within {LONGEST:.0f} s.")
    except (StackRefused, GivenUp, NoAnswer) as why:
        screen.trouble(str(why))
    except KeyboardInterrupt:
        screen.line("stopped")
    if done and not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        screen.line(f"Data, logs and mails of this run are in {folder} .")
    return 0 if done else 1


async def _demo(folder: Path, screen: Screen, *, full: bool) -> bool:
    """True when every answer was the expected one."""
    began = time.monotonic()
    todo = stories()
    today = next(str(story.date) for story in todo if story.date is not None)
    stack = Stack(folder / "data", port_base=free_ports(), business_date=today)
    telling = Telling(screen, full=full)
    telling.opening(stack, today)
    told: list[Told] = []
    async with asyncio.timeout(LONGEST), Supervisor(stack, say=telling.of_the_stack) as running, Partner(stack) as api:
        for number, story in enumerate(todo, 1):
            if story.date is not None and str(story.date) != today:
                today = str(story.date)
                telling.calendar(today)
                await running.restart("intake", business_date=today)
            telling.title(number, len(todo), story, today)
            told.append(await tell(story, api, telling))
    telling.table(told, time.monotonic() - began)
    return not any(differs for *_, differs in told)


async def tell(story: Story, api: Partner, telling: Telling) -> Told:
    """Asks what the story asks, shows the answer and compares it with what is expected."""
    return await (_filed(story, api, telling) if story.ask is None else _asked(story, story.ask, api, telling))


async def _filed(story: Story, api: Partner, telling: Telling) -> Told:
    receipt = await api.submit(story.filing, key=key_of(story))
    case_id = receipt["case_id"]
    case = await api.settled(case_id)
    messages = await api.told(case_id)
    way = await api.timeline(case_id)
    telling.way(case, way)
    telling.determination(case)
    telling.messages(messages)
    found = differences(story.expected, case, messages)
    telling.compared(found)
    return story, telling.summary(case), telling.milliseconds(case, way), found


async def _asked(story: Story, ask: Question, api: Partner, telling: Telling) -> Told:
    began = time.monotonic()
    answer = await api.read(ask.service, ask.path)
    took = int((time.monotonic() - began) * 1000)
    telling.exemptions(ask.path, answer)
    found = differences(story.expected, answer)
    telling.compared(found)
    entries, arrangements = len(answer["of_the_list"]["entries"]), len(answer["arrangements"])
    return story, f"entries of the list known: {entries}, arrangements apart from it: {arrangements}", took, found


if __name__ == "__main__":
    sys.exit(main())
