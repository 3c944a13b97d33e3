"""MongoDB's protocol without MongoDB: SecantusDB, `secantusd-rs` from the PATH or the wheel in a folder of its own.

SecantusDB is GPL-2.0: a program that tests talk to over a socket. It is no part of the product, is imported nowhere and
stands in no requirements file; the wheel lives in a virtual environment under the folder of plain servers.
"""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.control import Control, NotStarted, Process
from tests.servers.folder import NotFetched, fetch, free_port, listens, locked, place

RUST = "secantusd-rs"
WHEEL_VERSION = "0.7.0b3"
START_SECONDS = 180


def planned() -> str:
    """The program that will be used, for a report header; fetches nothing."""
    return RUST if shutil.which(RUST) else f"the SecantusDB wheel {WHEEL_VERSION}"


@functools.cache
def program() -> Path | str:
    """The server's program, the wheel fetched once for all runs; or in one line why there is none."""
    if there := shutil.which(RUST):
        return Path(there)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    with locked(f"secantusdb-{WHEEL_VERSION}-python{python}") as place_of_its_own:
        complete = place_of_its_own / "complete"
        if not complete.exists():
            shutil.rmtree(place_of_its_own, ignore_errors=True)
            wheel = f"SecantusDB=={WHEEL_VERSION}"
            pip = [str(place_of_its_own / "bin" / "python"), "-m", "pip"]
            try:
                fetch([sys.executable, "-m", "venv", str(place_of_its_own)])
                fetch([*pip, "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", wheel])
            except NotFetched as error:
                return str(error)
            complete.touch()
        return place_of_its_own / "bin" / "secantusd-py"


@contextmanager
def process() -> Iterator[tuple[int, Control]]:
    """A server of its own that syncs its journal at each commit; its port. Raises NotFetched and NotStarted."""
    found = program()
    if isinstance(found, str):
        raise NotFetched(found)
    with place("mongo") as (data, log):
        port = free_port()
        command = [str(found), "--host", "127.0.0.1", "--port", str(port), "--storage-path", str(data / "db")]
        command += ["--cache-size", "256M", "--log-level", "WARNING", "--standalone", "--sync-on-commit"]
        server = Process(command, folder=data, log=log)
        try:
            server.start()
            if trouble := server.until(lambda: listens(port), seconds=START_SECONDS):
                raise NotStarted(trouble)
            yield port, server
        finally:
            server.stop()
