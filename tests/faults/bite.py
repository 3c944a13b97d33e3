"""`python -m tests.faults.bite`: do the tests bite? Takes one safeguard at a time out of a copy of the tree.

For each, the named tests run on the copy, and at least one must fail with the promise in words. Tests that pass without
the safeguard that they are there for prove nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Bite:
    """`code` stands in `file` exactly once and is replaced `by` something that lacks the safeguard."""

    safeguard: str
    file: str
    code: str
    by: str
    tests: tuple[str, ...]
    promise: str  # what a failure must say


RUNNER = "tests/chassis/test_runner.py"
TROUBLE = "tests/chassis/test_runner_trouble.py"
BITES = (
    Bite(
        "sequence check",
        "chassis/fold.py",
        "        if delivery.sequence <= last:\n",
        "        if False:\n",
        (f"{RUNNER}::test_events_of_a_key_are_handled_in_order_and_each_once",),
        "each once",
    ),
    Bite(
        "gap check",
        "chassis/fold.py",
        "            if delivery.sequence > last + 1:\n",
        "            if False:\n",
        (f"{RUNNER}::test_a_missing_event_that_comes_late_is_handled_first",),
        "never past a gap",
    ),
    Bite(
        "version guard",
        "chassis/store_sqlite.py",
        "",
        "",
        ("tests/conformance/store/test_writes.py",),
        "expected version",
    ),
    Bite(
        "relay's order per key",
        "chassis/relay.py",
        "                stuck.add(entry.document_id)\n",
        "                pass\n",
        (f"{RUNNER}::test_the_relay_sends_nothing_of_a_key_behind_an_event_that_failed",),
        "next event of a key",
    ),
    Bite(
        "offset order",
        "chassis/runner.py",
        "        offsets = self.held.not_done(self._next)\n",
        "        offsets = dict(self._next)\n",
        (f"{RUNNER}::test_a_retry_holds_its_key_only_and_a_restart_finds_it_again",),
        "offsets move after",
    ),
)


def main(names: Sequence[str]) -> int:
    """`names`: words of the safeguards to try; none: all. The exit code is 1 when a test does not bite."""
    bites = [bite for bite in BITES if not names or any(name in bite.safeguard for name in names)]
    with tempfile.TemporaryDirectory(prefix="bite-") as folder:
        tree = Path(folder) / "tree"
        _copy(tree)
        every = sorted({test for bite in bites for test in bite.tests})
        said = _run(tree, every)
        if said.returncode != 0:
            print(f"The tests fail on the tree as it is:\n{said.stdout[-3000:]}")
            return 1
        return 0 if all([_bites(bite, tree) for bite in bites]) else 1


def _bites(bite: Bite, tree: Path) -> bool:
    began = time.monotonic()
    file = tree / bite.file
    whole = file.read_text("utf-8")
    if whole.count(bite.code) != 1:
        return _tell(bite, began, f"NOT FOUND: the code to take out does not stand once in {bite.file}")
    file.write_text(whole.replace(bite.code, bite.by), "utf-8")
    try:
        said = _run(tree, bite.tests)
    finally:
        file.write_text(whole, "utf-8")
    if said.returncode == 0:
        return _tell(bite, began, "NO TEST FAILS without it")
    if said.returncode != 1 or bite.promise not in said.stdout:
        return _tell(bite, began, f"NO FAILURE SAYS {bite.promise!r}:\n{said.stdout[-3000:]}")
    return _tell(bite, began, f"bites: {bite.promise}", good=True)


def _tell(bite: Bite, began: float, what: str, *, good: bool = False) -> bool:
    print(f"{bite.safeguard:28} {time.monotonic() - began:5.0f} s  {what}", flush=True)
    return good


def _run(tree: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "long or not long", *tests]
    return subprocess.run(
        command, cwd=tree, env=_environment(), capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )


def _environment() -> dict[str, str]:
    """What breaks shall be told soon."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "FAULTS_PATIENCE": "30"}


def _copy(tree: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
