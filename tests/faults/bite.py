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
RELAY = "tests/chassis/test_relay.py"
TROUBLE = "tests/chassis/test_runner_trouble.py"
WRITES = "tests/conformance/store/test_writes.py"
BITES = (
    Bite(
        "sequence check",
        "chassis/fold.py",
        "        if delivery.sequence <= last:\n",
        "        if False:\n",
        (f"{RUNNER}::test_events_of_a_key_are_handled_in_order_and_each_once",),
        "INVARIANT: effects are once",
    ),
    Bite(
        "gap check",
        "chassis/fold.py",
        "            if last < chain.needed(delivery.sequence, delivery.before, self._table):\n",
        "            if False:\n",
        (f"{RUNNER}::test_a_missing_event_that_comes_late_is_handled_first",),
        "INVARIANT: nothing is handled past a gap",
    ),
    Bite(
        "version guard",
        "chassis/sqlite_rows.py",
        "    elif there.version != write.expected or any(",
        "    elif any(",
        (f"{WRITES}::test_of_two_racing_changes_exactly_one_is_written",),
        "INVARIANT: no update is lost",
    ),
    Bite(
        "outbox sweep",
        "chassis/relay.py",
        "            if time.monotonic() - swept >= SWEEP_SECONDS:\n",
        "            if False:\n",
        (f"{RELAY}::test_a_write_whose_outcome_is_unknown_is_found_by_the_sweep",),
        "INVARIANT: every outbox is empty at the end",
    ),
    Bite(
        "relay's order per key",
        "chassis/relay.py",
        "            if queue and sent and queue[0] is entry:\n",
        "            if queue and queue[0] is entry:\n",
        (f"{RELAY}::test_nothing_of_a_key_is_sent_behind_an_event_that_failed",),
        "INVARIANT: a repeat is possible, a gap is not",
    ),
    Bite(
        "relay's order after a crash",
        "chassis/sqlite_outbox.py",
        "        after = not before <= self._sent | self._told\n",
        "        after = False\n",
        (f"{RELAY}::test_a_new_event_does_not_pass_one_that_a_crash_left_unsent",),
        "INVARIANT: per key in order",
    ),
    Bite(
        "a mark below what is under way",
        "chassis/mongo_writers.py",
        "        self._open.update(numbers)\n",
        "",
        ("tests/chassis/test_mongo_writers.py::test_a_mark_stays_below_the_lowest_number_under_way",),
        "INVARIANT: a mark never passes what may still land",
    ),
    Bite(
        "offset order: the offset stays at held events",
        "chassis/runner.py",
        "        offsets = self.held.not_done(self._next)\n",
        "        offsets = dict(self._next)\n",
        (f"{RUNNER}::test_a_retry_holds_its_key_only_and_a_restart_finds_it_again",),
        "INVARIANT: the offset stays at the first event that is not done",
    ),
    Bite(
        "offset order: committed after the save",
        "chassis/runner.py",
        "        work, parks = self._sort(batch)\n",
        "        await consumer.commit({each.partition: each.offset + 1 for each in batch})\n"
        "        work, parks = self._sort(batch)\n",
        (f"{TROUBLE}::test_a_crash_before_the_write_leaves_the_events_to_be_read_again",),
        "INVARIANT: offsets move after the work is saved",
    ),
    Bite(
        "a released event leaves its line after the save",
        "chassis/releasing.py",
        "        saved = await self._fold_and_save(readable, passed)\n",
        "        await self._store.write([remove(parked.COLLECTION, entry.id) for entry, _ in leading])\n"
        "        saved = await self._fold_and_save(readable, passed)\n",
        (
            "tests/parked/test_releasing.py::test_a_store_that_fails_between_two_steps_costs_nothing[sqlite-things-False]",
        ),
        "INVARIANT: cut off anywhere, a release goes on",
    ),
    Bite(
        "parking of later events",
        "chassis/holding.py",
        "            writes.append(self.park(event.received, reason, head=head, delivery=event))\n",
        "            writes += [self.park(event.received, reason, head=head, delivery=event)] if head else []\n",
        (f"{TROUBLE}::test_what_comes_after_a_parked_event_is_parked_behind_it_at_once",),
        "INVARIANT: nothing of a parked key overtakes it",
    ),
)


def main(names: Sequence[str]) -> int:
    """`names`: words of the safeguards to try; none: all. The exit code is 1 when a test does not bite."""
    bites = [bite for bite in BITES if not names or any(name in bite.safeguard for name in names)]
    if not bites:
        print("No such safeguard. There are:", *(bite.safeguard for bite in BITES), sep="\n  ")
        return 1
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
    print(f"{bite.safeguard:46} {time.monotonic() - began:5.0f} s  {what}", flush=True)
    return good


def _run(tree: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "long or not long", *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )


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
