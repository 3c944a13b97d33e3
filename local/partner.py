"""A partner's system in front of a stack: the public API over HTTP, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from local.stack import SERVICES, Stack

SETTLED = ("determined", "officer", "duplicate", "withdrawn", "erased")
ON_THEIR_WAY = ("queued", "sending")


class NoAnswer(Exception):
    """The stack did not say what was waited for in time, or refused; the message says what it did say."""


class Partner:
    """A connection per service; requests that find a service between two of its processes are made again."""

    def __init__(self, stack: Stack, partner: str = "demo-partner", *, seconds: float = 30.0) -> None:
        login = stack.credential(partner)
        self._seconds = seconds
        self._clients = {
            service: httpx.AsyncClient(
                base_url=stack.url(service), auth=(login.client, login.secret), timeout=10.0, trust_env=False
            )
            for service in SERVICES
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def submit(self, filing: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """The receipt. Sent again with the same key until it is answered: that can never file twice."""
        answer = await self.request("intake", "POST", "/v1/applications", json=filing, headers={"Idempotency-Key": key})
        if answer.status_code != 202:
            raise NoAnswer(f"intake answers {answer.status_code}: {answer.text[:500]}")
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def read(self, service: str, path: str, **params: str) -> Any:
        """JSON of a GET. Raises NoAnswer when it is refused."""
        answer = await self.request(service, "GET", path, params=params or None)
        if answer.status_code != 200:
            raise NoAnswer(f"{service} answers {answer.status_code} to {path}: {answer.text[:500]}")
        return answer.json()

    async def application(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.read("intake", f"/v1/applications/{case_id}")
        return found

    async def timeline(self, case_id: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = (await self.read("intake", f"/v1/applications/{case_id}/timeline"))["entries"]
        return entries

    async def messages(self, case_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.read("notify", "/v1/deliveries", case_id=case_id))["items"]
        return items

    async def settled(self, case_id: str) -> dict[str, Any]:
        """The application once it waits for no service any more."""
        end = time.monotonic() + self._seconds
        while (found := await self.application(case_id))["status"] not in SETTLED:
            await self._pause(end, f"{case_id} still waits on {', '.join(found['waiting_on']) or 'intake'}")
        return found

    async def told(self, case_id: str, steps: Sequence[str] = ("received", "determined")) -> list[dict[str, Any]]:
        """The messages once there is one for each of these steps, none of them on its way, and the timeline says so."""
        end = time.monotonic() + self._seconds
        while True:
            found = await self.messages(case_id)
            there = {message["step"] for message in found} >= set(steps)
            ended = [message for message in found if message["state"] not in ON_THEIR_WAY]
            if there and len(ended) == len(found):
                lines = [entry for entry in await self.timeline(case_id) if entry["step"].startswith("message-")]
                if len(lines) >= len(found):
                    return found
            await self._pause(end, f"messages of {case_id}: {[(one['step'], one['state']) for one in found]}")

    async def request(self, service: str, method: str, path: str, **more: Any) -> httpx.Response:
        """The first answer that is not 503, whatever it says. What is cut off is sent again. Raises NoAnswer."""
        end = time.monotonic() + self._seconds
        while True:
            try:
                answer = await self._clients[service].request(method, path, **more)
            except httpx.TransportError as error:
                await self._pause(end, f"{service} does not answer ({type(error).__name__})")
                continue
            if answer.status_code != 503:
                return answer
            await self._pause(end, f"{service} is not ready")

    async def _pause(self, end: float, waiting_for: str) -> None:
        if time.monotonic() > end:
            raise NoAnswer(f"Nothing moved for {self._seconds:.0f} s: {waiting_for}.")
        await asyncio.sleep(0.02)
