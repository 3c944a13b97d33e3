"""The four services in one process, behind real HTTP servers in a thread: for tools that block while they call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from local.stack import free_ports
from tests.town import Town
from tests.waiting import until

HOST = "127.0.0.1"


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The address of each, ready to take requests; ended and closed behind it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="served", daemon=True)
    thread.start()
    base = free_ports()
    names = ("intake", "equivalence", "competition", "notify")
    ports = {name: base + 1 + place for place, name in enumerate(names)}
    town = Town(folder, settings={name: {"host": HOST, "port": port} for name, port in ports.items()})
    serving: list[asyncio.Task[None]] = []

    async def begin() -> None:
        await town.__aenter__()
        serving.extend(asyncio.create_task(running.serve()) for running in town.services.values())
        async with httpx.AsyncClient(timeout=60.0, trust_env=False) as client:
            for port in ports.values():
                await until(lambda port=port: _answers(client, f"http://{HOST}:{port}/readyz"))

    async def end() -> None:
        await town.__aexit__(None, None, None)
        await asyncio.wait_for(asyncio.gather(*serving), 90)

    try:
        asyncio.run_coroutine_threadsafe(begin(), loop).result(300)
        yield {name: f"http://{HOST}:{port}" for name, port in ports.items()}
        asyncio.run_coroutine_threadsafe(end(), loop).result(180)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
