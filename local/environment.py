"""`python3 local/environment.py [--dev]`: the virtual environment in .venv, made once per set of requirements.

Runs before anything is installed: the standard library alone, and nothing that a Python since 3.7 could not read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
PIP_SECONDS = 900


class Trouble(Exception):
    """What went wrong and what to do."""


def main(arguments: list[str]) -> int:
    kind, names = "run", ["requirements.txt"]
    if "--dev" in arguments:
        kind, names = "dev", [*names, "requirements-dev.txt"]
    files = [ROOT / name for name in names]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = VENV / f"installed.{kind}.{digest[:16]}"
    if stamp.exists() and PYTHON.exists():
        return 0
    began = time.monotonic()
    try:
        version = _version(str(PYTHON)) if PYTHON.exists() else None
        if version is None or not OLDEST <= version <= NEWEST:
            _make(_interpreter())
        _install(files)
    except Trouble as trouble:
        print(str(trouble), file=sys.stderr)
        return 1
    stamp.touch()
    print(f"The environment in .venv is ready ({time.monotonic() - began:.0f} s; the next time it is there already).")
    return 0


def _interpreter() -> str:
    """A Python that fits: this one, or one beside it."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1))]
    for name in names:
        path = name if os.sep in name else shutil.which(name)
        version = _version(path) if path else None
        if path and version and OLDEST <= version <= NEWEST:
            return path
    raise Trouble(
        f"Python {_dotted(OLDEST)} to {_dotted(NEWEST)} is needed; this one is {_dotted(sys.version_info[:2])}. "
        "Install one of them (python.org, or your system's packages) and try again, or name it: "
        "make demo PYTHON=/path/to/python"
    )


def _version(python: str) -> tuple[int, int] | None:
    """(3, 11); None where that is no Python that runs."""
    command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _make(python: str) -> None:
    print("Making a virtual environment in .venv ...", flush=True)
    command = [python, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
    if done.returncode:
        shutil.rmtree(str(VENV), ignore_errors=True)
        said = done.stdout.decode(errors="replace").strip()
        raise Trouble(
            f"The virtual environment could not be made:\n{said}\n"
            "On Debian and Ubuntu it needs the package python3-venv: apt install python3-venv"
        )


def _install(files: list[Path]) -> None:
    """From the locked files, each package checked by its hash; prints how far it is."""
    count = sum(line[:1].isalnum() for file in files for line in file.read_text("utf-8").splitlines())
    print(f"Installing up to {count} packages, each checked by its hash ...", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--require-hashes", "--no-deps", "--disable-pip-version-check"]
    command += [part for file in files for part in ("-r", str(file))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=str(ROOT))
    late = threading.Timer(PIP_SECONDS, process.kill)
    late.start()
    said = []
    seen = 0
    for raw in process.stdout or ():
        said.append(raw.decode(errors="replace").rstrip())
        if said[-1].startswith(("Collecting ", "Requirement already satisfied")):
            seen += 1
            if seen % 10 == 0:
                print(f"  {seen} of {count} found", flush=True)
        elif said[-1].startswith("Installing collected"):
            print("  unpacking", flush=True)
    failed = process.wait()
    late.cancel()
    if failed:
        errors = [line for line in said if "ERROR" in line] or said
        shown = "\n  ".join(errors[-5:])
        raise Trouble(
            f"pip could not install the packages:\n  {shown}\n"
            "Can this machine reach a package index? Does it need a proxy or a mirror (HTTPS_PROXY, PIP_INDEX_URL)?\n"
            "Then try again; what is there already stays."
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
