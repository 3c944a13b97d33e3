"""A small service that shows the web side of the chassis: built as real services are, with a route per situation."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from pydantic_settings import SettingsConfigDict

from chassis.bodies import json_body
from chassis.callers import Caller, CallersFile, may
from chassis.callers_cli import add
from chassis.clock import Clock
from chassis.health import Health
from chassis.outbox import Author
from chassis.problems import Fault, NotFound, Problem, problems
from chassis.service import Infra, Service
from chassis.settings import ServiceSettings
from chassis.store import StoreUnavailable
from chassis.store_sqlite import SqliteStore
from chassis.web import create_app, use_case
from tests.waiting import until

THING = "t_0123456789abcdef0123456789abcdef"


class ThingGone(Fault):
    """The thing has ended. Nothing can be done with it any more.

    This paragraph is for readers of the code.
    """


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "a thing"
    parts: list[Part] = []


class Things:
    """A use case that does as it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails_with: Exception | None = None
        self.takes_seconds = 0.0
        self.let_go: asyncio.Event | None = None

    async def __call__(self) -> int:
        self.calls += 1
        await asyncio.sleep(self.takes_seconds)
        if self.let_go is not None:
            await self.let_go.wait()
        if self.fails_with is not None:
            raise self.fails_with
        return self.calls


Told = Annotated[Things, Depends(use_case(Things))]


class DemoSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DEMO_", frozen=True, extra="ignore")


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/things/{thing_id}", responses=problems(NotFound, ThingGone))
    async def read(
        thing_id: str,
        caller: Annotated[Caller, Depends(may("applications:read"))],
        do: Told,
        limit: Annotated[int, Query(ge=1, le=10)] = 1,
    ) -> dict[str, Any]:
        return {"calls": await do(), "partner": caller.partner}

    @router.put("/things/{thing_id}", responses=problems(ThingGone))
    async def write(
        thing_id: str,
        body: Annotated[Order, Depends(json_body(Order))],
        caller: Annotated[Caller, Depends(may("applications:write"))],
        do: Told,
    ) -> dict[str, Any]:
        return {"calls": await do(), "parts": len(body.parts)}

    @router.get("/catalogue")
    async def catalogue(caller: Annotated[Caller, Depends(may("catalogue:read"))]) -> dict[str, str]:
        return {"client": caller.client}

    return router


class Demo:
    """The application with what a test wants to hold in hand."""

    def __init__(self, app: FastAPI, infra: Infra, health: Health, things: Things, callers_file: Path) -> None:
        self.app = app
        self.infra = infra
        self.health = health
        self.things = things
        self.callers_file = callers_file
        self.secret = add(callers_file, "p1", ["applications:read", "applications:write"], "c1")[1]
        self.basic = basic("c1", self.secret)

    def client(self, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://demo", headers={**self.basic, **headers})

    @asynccontextmanager
    async def served(self) -> AsyncIterator[tuple[str, int]]:
        """By a real server on a free port of this machine."""
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())

        async def started() -> bool:
            return server.started

        await until(started)
        try:
            yield server.servers[0].sockets[0].getsockname()[:2]
        finally:
            server.should_exit = True
            await task


def basic(client: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


@asynccontextmanager
async def demo(folder: Path, **settings: Any) -> AsyncIterator[Demo]:
    store = await SqliteStore.open(f"sqlite:{folder / 'demo.db'}")
    try:
        await store.setup(["things", "parked"], [])
        things, health, clock = Things(), Health(), Clock()
        callers_file = folder / "callers.json"
        infra = Infra(store, None, clock, CallersFile(callers_file), Author("/demo", clock), health)  # type: ignore[arg-type]
        service = Service(
            name="demo",
            collection="things",
            routers=[routes()],
            problems={ThingGone: Problem(410, "thing-gone")},
            use_cases={Things: things},
        )
        yield Demo(create_app(service, infra, DemoSettings(**settings)), infra, health, things, callers_file)
    finally:
        await store.close()


STORE_AWAY = StoreUnavailable("a message with 张三")
