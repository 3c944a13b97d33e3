"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("fastapi", "pydantic", "uvicorn", "uvloop", "aiokafka", "motor", "pymongo", "orjson", "cryptography")


def machine() -> dict[str, Any]:
    return {
        "processor": _from("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(int((_from("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 1024**2, 1) or None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "fsync_ms": _fsync_ms(),
        "load_before": round(os.getloadavg()[0], 2),  # of others: above 0.5 the figures are noisy
        "libraries": {name: version(name) for name in LIBRARIES},
        "commit": _commit(),
    }


def _fsync_ms(times: int = 50) -> float:
    """Median time to bring 4 KB to the disk, in the folder that the runs use."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return round(1000 * sorted(taken)[times // 2], 2)


def _from(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _commit() -> str | None:
    try:
        command = ["git", "describe", "--always", "--dirty"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except OSError:
        return None
    return done.stdout.strip() or None
