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
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.safeguards import BITES, Bite
from tests.servers import mongo

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 600


def main(names: Sequence[str]) -> int:
    """`names`: words of the safeguards to try; none: all. The exit code is 1 when a test does not bite."""
    bites = [bite for bite in BITES if not names or any(name in bite.safeguard for name in names)]
    if not bites:
        print("No such safeguard. There are:", *(bite.safeguard for bite in BITES), sep="\n  ")
        return 1
    with ExitStack() as opened:
        if any(bite.on_mongodb for bite in bites):
            bites = _with_a_server(bites, opened)
        tree = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bite-"))) / "tree"
        _copy(tree)
        every = sorted({test for bite in bites for test in bite.tests})
        said = _run(tree, every)
        if said.returncode != 0:
            print(f"The tests fail on the tree as it is:\n{said.stdout[-3000:]}")
            return 1
        return 0 if all([_bites(bite, tree) for bite in bites]) else 1


def _with_a_server(bites: Sequence[Bite], opened: ExitStack) -> list[Bite]:
    """All of them, and one server for all their tests; where there is none, those that need none."""
    try:
        server = opened.enter_context(mongo.first_found())
    except pytest.skip.Exception as why:
        left = [bite for bite in bites if not bite.on_mongodb]
        print(f"left out: {len(bites) - len(left)} safeguards of MongoDB's adapter, because there is no server: {why}")
        return left
    os.environ["TEST_MONGODB"] = server.address
    print(f"safeguards of MongoDB's adapter: on {server.name}", flush=True)
    return list(bites)


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
    print(f"{bite.safeguard:54} {time.monotonic() - began:5.0f} s  {what}", flush=True)
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
