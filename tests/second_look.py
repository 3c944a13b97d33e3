"""`python -m tests.second_look`: tests on servers that failed run once more, alone; exit status 0 when all pass now.

A machine that builds for several people may stop a broker's container for a minute; that is no fault of ours, but a
test that fails and then passes may also be a race that is. So each is named as unstable, for somebody to look at.
A test without servers or processes has nobody else to blame, and many failures are no accident: no second look.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FAILED = Path(".pytest_cache/v/cache/lastfailed")
WITH_SERVERS = (
    "tests/conformance/",
    "tests/deploy/",
    "tests/docs/test_tutorial.py",
    "tests/faults/",
    "tests/journeys/",
    "tests/local/",
    "tests/parked/",
    *(f"tests/chassis/test_{name}.py" for name in ("crash_points", "is_ready", "logs", "process", "runner_on_kafka")),
    *(f"tests/competition/test_{name}.py" for name in ("on_mongodb", "recompute")),
    "tests/contracts/test_schemathesis.py",
    "tests/equivalence/test_recompute.py",
    *(f"tests/notify/test_{name}.py" for name in ("channels", "process", "stopping")),
)
MOST = 4


def may_look_again(failed: Sequence[str]) -> bool:
    """`failed`: node ids. Those of one file may share the server that did not come up, so they count as one."""
    files = {name.partition("::")[0] for name in failed}
    few = len(failed) <= MOST or len(files) == 1
    return bool(failed) and few and all(name.startswith(WITH_SERVERS) for name in failed)


def main() -> int:
    failed = sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []
    if not may_look_again(failed):
        print("No second look: not a few tests on servers alone.")
        return 1
    print("A second look at:", *failed, sep="\n  ", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", "-q", *failed], check=False).returncode
    verdict = "UNSTABLE, to be looked at" if again == 0 else "failed twice"
    print(f"{verdict}:", *failed, sep="\n  ")
    return again


if __name__ == "__main__":
    sys.exit(main())
