"""`python -m local.down`: stops the stack of a data folder. The data stay."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.screen import Screen
from local.stack import StackRefused
from local.supervisor import take
from local.up import DATA

LONGEST_STOP = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.down", description="Stops a stack; its data stay.")
    parser.add_argument("--data", type=Path, default=DATA, help="its data folder (default: .local)")
    folder = parser.parse_args(arguments).data
    screen = Screen.of(sys.stdout)
    if not folder.exists() or _nobody_has(folder):
        screen.line(f"No stack runs in {folder}.")
        return 0
    # The lock is held, so the process that it names lives.
    pid = int((folder / "supervisor.lock").read_text("ascii"))
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + LONGEST_STOP
    while not _nobody_has(folder):
        if time.monotonic() > end:
            screen.trouble(f"The stack did not stop within {LONGEST_STOP:.0f} s. Its supervisor is process {pid}.")
            return 1
        time.sleep(0.05)
    screen.line(f"Stopped. The data stay in {folder}.")
    return 0


def _nobody_has(folder: Path) -> bool:
    try:
        os.close(take(folder))
    except StackRefused:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
