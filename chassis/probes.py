"""What operators and schedulers ask a process: does it live, can it work, which version is it, how is it doing."""

from __future__ import annotations

import asyncio
import os
import platform
import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from chassis import metrics
from chassis.health import Health
from chassis.store import Store, StoreUnavailable
from chassis.version import VERSION

FRESH_SECONDS = 0.5
STORE_SECONDS = 2.5  # several questions one after the other: a store that is slow is not away
PROBES = frozenset({"/livez", "/readyz", "/version", "/metrics"})


class Readiness:
    """Can this process take work? Its store must answer and its outbox must not be too deep; the bus may be away."""

    def __init__(self, service: str, store: Store, health: Health, max_unsent: int) -> None:
        self._service = service
        self._store = store
        self._health = health
        self._max_unsent = max_unsent
        self._seen_at = -FRESH_SECONDS
        self._lock = asyncio.Lock()

    async def look(self) -> Health:
        """The state, at most half a second old."""
        async with self._lock:  # many askers, one question
            if time.monotonic() - self._seen_at >= FRESH_SECONDS:
                await self._ask()
                self._seen_at = time.monotonic()
        return self._health

    async def refusals(self) -> list[str]:
        """Why this process should get no requests; empty when it is ready."""
        health = await self.look()
        reasons = []
        if health.shutting_down:
            reasons.append("shutting down")
        if not health.store_ok:
            reasons.append("store does not answer")
        if health.unsent > self._max_unsent:
            reasons.append("too many events unsent")
        return reasons

    async def _ask(self) -> None:
        health = self._health
        try:
            async with asyncio.timeout(STORE_SECONDS):
                health.unsent = await self._store.pending_depth(self._max_unsent + 1)
            health.store_ok = True
        except (StoreUnavailable, TimeoutError):
            health.store_ok = False
            metrics.STORE_TROUBLE.labels(service=self._service, where="readiness").inc()
            return
        metrics.UNSENT.labels(service=self._service).set(health.unsent)


def probes(service: str) -> APIRouter:
    """The routes that need no credentials. They name no case and no partner; a proxy keeps them inside."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"service": service, "status": "alive"}

    @router.get("/readyz")
    async def readyz(request: Request) -> JSONResponse:
        """200 when it can work, 503 with reasons when not. `degraded`: it works, but something around it does not."""
        readiness: Readiness = request.app.state.readiness
        refusals = await readiness.refusals()
        health = await readiness.look()
        troubles = {f"bus-{where}": why for where, why in health.bus_trouble.items()}
        troubles |= {f"halted-{name}": why for name, why in health.halted.items()}
        content = {
            "service": service,
            "ready": not refusals,
            "reasons": refusals,
            "degraded": bool(troubles),
            "troubles": troubles,
        }
        return JSONResponse(content, 503 if refusals else 200)

    @router.get("/version")
    async def version() -> dict[str, str | None]:
        return {
            "service": service,
            "version": VERSION,
            "revision": os.environ.get("ZHICHENG_REVISION"),  # set by the build of the image
            "python": platform.python_version(),
        }

    @router.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return router
