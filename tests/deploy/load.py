"""Applications filed while containers come and go, and what must be true of each of them afterwards."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.containers import Containers
from local.partner import Partner
from tests.filings import a_filing
from tests.waiting import until

AT_ONCE = 6
PATIENCE = 240.0
STEPS = ("received", "determined")
DOCKER_SECONDS = 300


@dataclass
class Load:
    """Filings with their idempotency keys, and what became of them. Every third person has no certificate."""

    filings: Mapping[str, dict[str, Any]]
    accepted: dict[str, str] = field(default_factory=dict)  # key -> case id

    @classmethod
    def of(cls, count: int) -> Load:
        run = secrets.token_hex(4)
        return cls({f"load-{run}-{number}": _filing(run, number) for number in range(count)})

    async def file(self, *partners: Partner) -> None:
        """All of them, each until it is answered, in turn by each of the partners' connections."""
        todo = list(enumerate(self.filings.items()))

        async def worker() -> None:
            while todo:
                number, (key, filing) = todo.pop()
                receipt = await partners[number % len(partners)].submit(filing, key=key)
                self.accepted[key] = receipt["case_id"]

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker())

    async def half(self) -> None:
        """Until half of them are accepted."""

        async def reached() -> bool:
            return 2 * len(self.accepted) >= len(self.filings)

        await until(reached, seconds=PATIENCE)

    async def check(self, api: Partner, mail_url: str) -> None:
        """INVARIANT: whatever was accepted is determined once or waits for an officer, and is told once per step."""
        assert self.accepted.keys() == self.filings.keys()
        cases = [await api.settled(case_id) for case_id in self.accepted.values()]
        statuses = [case["status"] for case in cases]
        assert statuses.count("determined") + statuses.count("officer") == len(self.filings)
        assert statuses.count("officer") > 0 < statuses.count("determined")
        for case in cases:
            assert (case["determination"]["number"], case["superseded_determinations"]) == (1, [])
        for case_id in self.accepted.values():
            told = await api.told(case_id, STEPS)
            assert [(one["step"], one["state"]) for one in told] == [(step, "delivered") for step in STEPS]
        mails = await mails_by_address(mail_url)
        for filing in self.filings.values():
            # A mail cut off by a kill goes out again with the same Message-ID: to its reader it is one.
            assert len(mails[filing["person"]["contact"]["email"]]) == len(STEPS)


def _filing(run: str, number: int) -> dict[str, Any]:
    filing = a_filing(**({"certificates": []} if number % 3 == 0 else {}))
    filing["person"]["contact"]["email"] = f"load-{run}-{number}@example.org"
    return filing


async def mails_by_address(mail_url: str) -> dict[str, set[str]]:
    """Address -> Message-IDs, as Mailpit's API tells them."""
    found: dict[str, set[str]] = defaultdict(set)
    async with httpx.AsyncClient(base_url=mail_url, timeout=60.0, trust_env=False) as client:
        start = 0
        while messages := (await client.get("/messages", params={"start": start, "limit": 500})).json()["messages"]:
            for message in messages:
                for to in message["To"]:
                    found[to["Address"]].add(message["MessageID"])
            start += len(messages)
    return found


async def ids(containers: Containers, service: str) -> list[str]:
    """Container ids of a service, running or not."""
    return (await containers.compose("ps", "--all", "--quiet", service)).split()


async def docker(*arguments: str) -> str:
    """What docker says; AssertionError when it refuses."""

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=DOCKER_SECONDS
        )

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def exit_code(container: str) -> int:
    return int(await docker("inspect", "--format", "{{.State.ExitCode}}", container))


async def kill_inside(container: str) -> None:
    """Kills the service as the kernel would: what `docker kill` ends stays ended, because somebody wished it."""
    kill = ["docker", "exec", container, "bash", "-c", "kill -KILL $(cat /proc/1/task/1/children)"]
    done = await asyncio.to_thread(subprocess.run, kill, capture_output=True, check=False, timeout=DOCKER_SECONDS)
    assert done.returncode in (0, 128 + signal.SIGKILL), done.stderr  # the container may end before its answer


async def restarts(container: str) -> int:
    """How often Docker has started it again by itself."""
    return int(await docker("inspect", "--format", "{{.RestartCount}}", container))
