"""`python -m benchmarks.containers`: many applications through compose.yaml, and the memory that services have then."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.client import Client
from benchmarks.filings import BUSINESS_DATE, filings
from local.containers import Containers
from local.partner import Partner
from local.stack import SERVICES, free_ports

ABOUT = """Starts the containers of compose.yaml with a fixed calendar, files applications with so many clients at
once, in parts, and after each part, once nothing is under way, prints the memory (VmRSS in MiB) of each service. At the
end accepted = determined and one message per step are counted from the public APIs. Takes everything down again."""
PARTS = 5
REST_SECONDS = 1800.0  # limit for coming to rest after a part
TRIES = 100  # of one application that is refused for now


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.containers", description=ABOUT)
    parser.add_argument("--applications", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=64)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhicheng-load-") as folder:
        return asyncio.run(_run(Path(folder), asked.applications, asked.clients))


async def _run(folder: Path, applications: int, clients: int) -> int:
    run = secrets.token_hex(3)
    made = Containers(
        folder / "secrets",
        port_base=free_ports(),
        business_date=BUSINESS_DATE,
        project=f"zhicheng-load-{run}",
        tag=f"load-{run}",
    )
    await made.make_secrets()
    try:
        await made.up("--build")
        return await _load(made, applications, clients)
    finally:
        await made.compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "5")


async def _load(made: Containers, applications: int, clients: int) -> int:
    todo = filings()
    accepted: list[str] = []
    refused = 0
    print(
        f"{'accepted':>10} {'refused':>8} {'per second':>11} {'at rest s':>10} ", *(f"{name:>12}" for name in SERVICES)
    )
    print(f"{0:>10} {0:>8} {'':>11} {'':>10} ", *(f"{mib:>12.1f}" for mib in await _memory(made)))
    async with Partner(made, seconds=60) as api:
        for _ in range(PARTS):
            begun = time.perf_counter()
            part = itertools.islice(todo, applications // PARTS)
            for ids, times in await asyncio.gather(*(_client(made, part) for _ in range(clients))):
                accepted += ids
                refused += times
            filed = time.perf_counter() - begun
            await _rest(api)
            rate, rest = applications / PARTS / filed, time.perf_counter() - begun
            memory = [f"{mib:>12.1f}" for mib in await _memory(made)]
            print(f"{len(accepted):>10} {refused:>8} {rate:>11.0f} {rest:>10.0f} ", *memory, flush=True)
        statuses = Counter([case["status"] async for case in _pages(api, "intake", "/v1/applications", "next")])
        told = Counter([(one["case_id"], one["step"]) async for one in _delivered(api)])
    asked_again = await _asked_again(made)
    print(f"statuses {dict(statuses)}; messages delivered {len(told)}; events that ask again {asked_again:.0f}")
    right = sum(statuses.values()) == statuses["determined"] == len(set(accepted)) == len(accepted)
    right = right and told == {(id, step): 1 for id in accepted for step in ("received", "determined")}
    print("accepted = determined, and one message per step" if right else "NOT every application has its answers")
    return 0 if right else 1


async def _client(made: Containers, todo: Iterator[bytes]) -> tuple[list[str], int]:
    """Case ids of what was accepted, and how often it was told to come back."""
    ids: list[str] = []
    refused = 0
    for body in todo:
        key = secrets.token_hex(12)
        for _ in range(TRIES):
            async with Client(made.port("intake"), made.credential()) as client:
                answer = await client.post("/v1/applications", body, key=key)
            if answer.status == 202:
                ids.append(answer.json()["case_id"])
                break
            if answer.status != 503:
                raise SystemExit(f"intake answers {answer.status}: {answer.body[:300]!r}")
            refused += 1
            await asyncio.sleep(answer.retry_after)
    return ids, refused


async def _rest(api: Partner) -> None:
    """Until no case waits for a service and no message is under way."""
    end = time.monotonic() + REST_SECONDS
    places = [("intake", "/v1/applications", "waiting")]
    places += [("notify", "/v1/deliveries", state) for state in ("queued", "sending")]
    for service, path, status in places:
        while (await api.read(service, path, status=status, limit="1"))["items"]:
            if time.monotonic() > end:
                raise SystemExit(f"not at rest after {REST_SECONDS:.0f} s: something is {status}")
            await asyncio.sleep(0.5)


async def _pages(api: Partner, service: str, path: str, cursor: str, **params: str) -> Any:
    at: str | None = ""
    while at is not None:
        page = await api.read(service, path, limit="200", **params, **({"cursor": at} if at else {}))
        for item in page["items"]:
            yield item
        at = page[cursor]


async def _delivered(api: Partner) -> Any:
    async for one in _pages(api, "notify", "/v1/deliveries", "next_cursor", status="delivered"):
        yield one


async def _memory(made: Containers) -> list[float]:
    """VmRSS of each service's process, in MiB."""
    code = "grep VmRSS /proc/$(cat /proc/1/task/1/children | cut -d' ' -f1)/status"
    return [int((await made.compose("exec", "-T", name, "bash", "-c", code)).split()[1]) / 1024 for name in SERVICES]


async def _asked_again(made: Containers) -> float:
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        text = (await client.get(made.url("equivalence") + "/metrics")).text
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("zhicheng_events_total{") and "intake.case.asked-again" in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
