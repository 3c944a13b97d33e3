"""A service as a process while it starts: it ends when it is asked to, whoever does not answer it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 180.0
pytestmark = pytest.mark.timeout(900)


class Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: dict[str, dict[str, Any]] = {}  # the last line of each action

    async def says(self, action: str) -> dict[str, Any]:
        """A line with this action, said already or still to come."""
        assert self.process.stderr is not None
        async with asyncio.timeout(LONGEST):
            while action not in self.said:
                line = await self.process.stderr.readline()
                assert line, f"it ended without {action}"
                said = json.loads(line)
                self.said[said["action"]] = said
        return self.said[action]

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), LONGEST)


@asynccontextmanager
async def service(folder: Path, *role: str, **settings: str) -> AsyncIterator[Process]:
    """equivalence, which needs no keys."""
    given = {
        "store_url": f"sqlite:{folder}/store.db",
        "bus_url": f"local:{folder}/bus.db",
        "callers_file": f"{folder}/callers.json",
        "port": "0",
    }
    environment = {f"EQUIVALENCE_{name.upper()}": value for name, value in (given | settings).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.equivalence.main", *role, cwd=ROOT,
        env=os.environ | environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """host:port of somebody who takes connections and never answers; the event says that one came."""
    came = asyncio.Event()
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        came.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        for writer in held:
            writer.close()


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """host:port that is ours, and where nobody listens."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{own.getsockname()[1]}"


@pytest.mark.parametrize("setting", ["bus_url", "store_url"])
async def test_a_process_that_is_asked_to_stop_while_a_server_keeps_it_waiting_ends_with_0(
    tmp_path: Path, setting: str
) -> None:
    async with silent() as (address, came):
        url = (
            f"kafka://{address}"
            if setting == "bus_url"
            else f"mongodb://{address}/name?serverSelectionTimeoutMS=600000"
        )
        async with service(tmp_path, **{setting: url}) as process:
            await process.says("service.starting")
            await asyncio.wait_for(came.wait(), LONGEST)
            process.process.send_signal(signal.SIGTERM)
            await process.says("service.stopped")
            assert await process.ends() == 0


async def test_a_process_that_is_asked_to_stop_where_no_store_listens_ends_with_0(tmp_path: Path) -> None:
    async with nobody() as address:
        url = f"mongodb://{address}/name?serverSelectionTimeoutMS=600000"
        async with service(tmp_path, store_url=url) as process:
            await process.says("service.starting")
            process.process.send_signal(signal.SIGTERM)
            await process.says("service.stopped")
            assert await process.ends() == 0


async def test_a_setup_that_is_stopped_before_its_end_does_not_end_with_success(tmp_path: Path) -> None:
    async with silent() as (address, came), service(tmp_path, "setup", bus_url=f"kafka://{address}") as process:
        await process.says("service.starting")
        await asyncio.wait_for(came.wait(), LONGEST)
        process.process.send_signal(signal.SIGTERM)
        assert await process.ends() == 1


async def test_a_process_whose_setup_finds_no_bus_says_so_and_ends_with_1(tmp_path: Path) -> None:
    async with nobody() as address, service(tmp_path, bus_url=f"kafka://{address}") as process:
        said = await process.says("service.not-started")
        assert said["reason"].startswith("topics are not known")
        assert await process.ends() == 1


async def test_a_process_without_setup_starts_although_no_bus_listens_and_ends_with_0(tmp_path: Path) -> None:
    async with service(tmp_path) as first:  # makes what the second one finds
        await first.says("service.ready")
        first.process.send_signal(signal.SIGTERM)
        assert await first.ends() == 0
    async with (
        nobody() as address,
        service(tmp_path, bus_url=f"kafka://{address}", setup_at_start="false") as process,
    ):
        await process.says("service.ready")
        await process.says("consumer.bus-away")
        process.process.send_signal(signal.SIGTERM)
        assert await process.ends() == 0


async def test_a_refused_bus_url_ends_the_start_with_2_and_without_its_password(tmp_path: Path) -> None:
    url = "kafka://equivalence:geheim@127.0.0.1:9092?saslMechanism=PLAIN"
    async with service(tmp_path, bus_url=url) as process:
        assert process.process.stderr is not None
        said = (await process.process.stderr.read()).decode()
        assert await process.ends() == 2
    assert "bus_url: Value error, PLAIN sends the password as it is: it needs kafka+tls://" in said
    assert "geheim" not in said
