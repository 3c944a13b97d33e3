"""docs/reference/commands.md: what the commands say of themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.reference.markdown import page

ROOT = Path(__file__).parents[2]
# Commands that people type; `python -m services.<name>.main` is alike for all four services.
COMMANDS = (
    ("local.demo",),
    ("local.up",),
    ("local.down",),
    ("local.demo_containers",),
    ("local.reference",),
    ("services.intake.main",),
    ("chassis.backup",),
    ("chassis.callers_cli",),
    ("chassis.callers_cli", "--file", "FILE", "add"),
    ("chassis.callers_cli", "--file", "FILE", "revoke"),
    *(
        ("chassis.parked_cli", *command)
        for command in ((), ("list",), ("show",), ("replay",), ("discard",), ("releases",))
    ),
    ("chassis.sealing", "new-keys"),
    ("contracts.schemas",),
)


def commands_page() -> str:
    with ThreadPoolExecutor(2) as pool:
        helps = list(pool.map(_help, COMMANDS))
    return page(
        "Commands",
        "## make",
        f"```text\n{_make().strip()}\n```",
        *(
            f"## python -m {' '.join(command)}\n\n```text\n{text}\n```"
            for command, text in zip(COMMANDS, helps, strict=True)
        ),
    )


def _make() -> str:
    """What `make help` prints, read from the Makefile: a machine that builds pages need not have make."""
    _, _, after = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nhelp:\n")
    said = after.partition("\n\n")[0].splitlines()
    return "\n".join(line.strip().removeprefix('@echo "').removesuffix('"') for line in said)


def _help(command: tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
