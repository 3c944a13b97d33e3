"""All four services in one process, on any store and bus: what a journey through them needs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from chassis import parked, sealing
from chassis.bus import Received
from chassis.holding import Limits
from chassis.running import Running
from chassis.service import Build
from chassis.settings import ServiceSettings
from contracts.topics import topics
from services.competition import main as competition
from services.competition.settings import Settings as CompetitionSettings
from services.equivalence import main as equivalence
from services.equivalence.settings import Settings as EquivalenceSettings
from services.intake import main as intake
from services.intake.settings import Settings as IntakeSettings
from services.notify import main as notify
from services.notify.settings import Settings as NotifySettings

PARTNER, OTHER_PARTNER, OFFICER, OPERATOR = "partner", "other-partner", "officer", "operator"
SCOPES = {
    PARTNER: ["applications:write", "applications:read", "applications:erase", "deliveries:read"],
    OTHER_PARTNER: ["applications:write", "applications:read", "applications:erase", "deliveries:read"],
    OFFICER: ["officer:read", "deliveries:resend", "register:import"],
    OPERATOR: ["parked:read", "parked:release", "parked:discard"],
}
BUILDS: dict[str, tuple[type[ServiceSettings], Build]] = {
    "intake": (IntakeSettings, intake.build),
    "equivalence": (EquivalenceSettings, equivalence.build),
    "competition": (CompetitionSettings, competition.build),
    "notify": (NotifySettings, notify.build),
}
QUICK = Limits(poll_seconds=0.05, gap_seconds=2.0, retry_pause=0.02)


class Town:
    """`store_urls` and `bus_url`: where the services keep and send things; embedded in `folder` unless given."""

    def __init__(
        self,
        folder: Path,
        *,
        business_date: date = date(2024, 6, 1),
        store_urls: Mapping[str, str] | None = None,
        bus_url: str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        self.business_date = business_date
        self.outbox = folder / "outbox"
        self._store_urls = dict(store_urls or {})
        self._bus_url = bus_url or f"local:{folder}/bus.db"
        self._more = settings or {}
        self._keys = _keys(folder)
        self._secrets = _callers(folder)
        self.services: dict[str, Running] = {}
        self.clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        for name in BUILDS:
            await self.start(name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.services):
            await self.stop(name)

    async def start(self, name: str) -> None:
        kind, build = BUILDS[name]
        running = Running(self._settings(name, kind), build, name=name, limits=QUICK)
        try:
            await running.start()
        except BaseException:
            await running.stop()  # what it has opened; the next start needs it
            raise
        self.services[name] = running
        transport = httpx.ASGITransport(app=running.app, raise_app_exceptions=False)
        self.clients[name] = httpx.AsyncClient(transport=transport, base_url=f"http://{name}")

    async def stop(self, name: str) -> None:
        await self.clients.pop(name).aclose()
        await self.services.pop(name).stop()

    def _settings(self, name: str, kind: type[ServiceSettings]) -> ServiceSettings:
        values: dict[str, Any] = {
            "environment": "test",
            "store_url": self._store_urls.get(name, f"sqlite:{self.folder}/{name}.db?synchronous=normal"),
            "bus_url": self._bus_url,
            "callers_file": self.folder / "callers.json",
            "business_date": self.business_date,
        }
        values |= {key: value for key, value in self._keys.get(name, {}).items()}
        if name == "intake":
            values |= {"synthetic_rounds": True, "sweep_seconds": 0.1}
        if name == "competition":
            values |= {"synthetic_rosters": True}
        if name == "notify":
            values |= {"outbox_dir": self.outbox, "sweep_seconds": 0.05}
        return kind(**{**values, **self._more.get(name, {})})

    def auth(self, partner: str = PARTNER) -> tuple[str, str]:
        return f"client-of-{partner}", self._secrets[partner]

    async def call(
        self, service: str, method: str, path: str, *, partner: str | None = PARTNER, **more: Any
    ) -> httpx.Response:
        auth = self.auth(partner) if partner else None
        return await self.clients[service].request(method, path, auth=auth, **more)

    async def submit(
        self, filing: Mapping[str, Any], *, key: str | None = None, partner: str = PARTNER
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        return await self.call("intake", "POST", "/v1/applications", partner=partner, json=filing, headers=headers)

    async def case(self, case_id: str, *, partner: str = PARTNER) -> dict[str, Any]:
        answer = await self.call("intake", "GET", f"/v1/applications/{case_id}", partner=partner)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def filed(self, filing: Mapping[str, Any], *, partner: str = PARTNER) -> dict[str, Any]:
        """Submits, waits until nothing moves any more, and reads the case."""
        receipt = await self.submit(filing, partner=partner)
        assert receipt.status_code == 202, receipt.text
        await self.idle()
        return await self.case(receipt.json()["case_id"], partner=partner)

    async def deliveries(self, case_id: str, *, partner: str = PARTNER) -> list[dict[str, Any]]:
        answer = await self.call("notify", "GET", "/v1/deliveries", partner=partner, params={"case_id": case_id})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def idle(self, *, seconds: float = 180.0) -> None:
        """Until no outbox holds anything, no consumer has anything to read and no message is due.

        What was sent is marked then, so that whoever looks into the stores sees it.
        """
        end = time.monotonic() + seconds
        while True:
            quiet = await self._nothing_unsent()
            for running in self.services.values():
                if running.runner is not None:
                    running.runner.idle.clear()
                    with suppress(TimeoutError):  # not wait_for: that of Python 3.11 may hide that we are cut off
                        async with asyncio.timeout(max(end - time.monotonic(), 0.1)):
                            await running.runner.idle.wait()
            if quiet and await self._nothing_unsent() and await self._nothing_due():
                for running in self.services.values():
                    await running.store.mark_sent()
                return
            if time.monotonic() > end:
                raise AssertionError("the services did not come to rest")

    async def _nothing_unsent(self) -> bool:
        for running in self.services.values():
            if await running.store.pending(1):
                return False
        return True

    async def _nothing_due(self) -> bool:
        if "notify" not in self.services:
            return True
        for state in ("queued", "sending"):
            answer = await self.call("notify", "GET", "/v1/deliveries", params={"status": state, "limit": 1})
            if answer.status_code == 200 and answer.json()["items"]:
                return False
        return True

    async def events(self) -> list[Received]:
        """Everything that all topics hold."""
        bus = next(iter(self.services.values())).bus
        found: list[Received] = []
        for topic in topics():
            found += await bus.read_all(topic.name)
        return found

    async def parked(self) -> int:
        total = 0
        for running in self.services.values():
            total += await running.store.count(parked.COLLECTION, {})
        return total


def _keys(folder: Path) -> dict[str, dict[str, str]]:
    """Fresh keys, kept in the folder so that the same town can be opened again."""
    file = folder / "keys.json"
    if not file.exists():
        file.write_text(json.dumps(sealing.new_environment()))
    keys: dict[str, dict[str, str]] = {}
    for name, value in json.loads(file.read_text()).items():
        service, _, setting = name.lower().partition("_")
        keys.setdefault(service, {})[setting] = value
    return keys


def _callers(folder: Path) -> dict[str, str]:
    file = folder / "secrets.json"
    if not file.exists():
        file.write_text(json.dumps({partner: secrets.token_urlsafe(32) for partner in SCOPES}))
    known: dict[str, str] = json.loads(file.read_text())
    clients = [
        {
            "id": f"client-of-{partner}",
            "partner": partner,
            "scopes": SCOPES[partner],
            "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "created": "2026-01-01T00:00:00.000Z",
            "revoked": None,
        }
        for partner, secret in known.items()
    ]
    (folder / "callers.json").write_text(json.dumps({"clients": clients}))
    return known
