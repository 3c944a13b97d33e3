"""The four services as the reference shows them: built for real in a folder that is thrown away, and never started."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from chassis import sealing
from chassis.adapters import open_bus, open_store
from chassis.callers import CallersFile
from chassis.clock import Clock
from chassis.health import Health
from chassis.outbox import Author
from chassis.service import Build, Infra, Service
from chassis.settings import ServiceSettings
from chassis.web import create_app
from services.competition import main as competition
from services.competition.settings import Settings as CompetitionSettings
from services.equivalence import main as equivalence
from services.equivalence.settings import Settings as EquivalenceSettings
from services.intake import main as intake
from services.intake.settings import Settings as IntakeSettings
from services.notify import main as notify
from services.notify.settings import Settings as NotifySettings


@dataclass(frozen=True)
class Shown:
    """A service, its application and the document of its API."""

    service: Service
    app: FastAPI
    settings: type[ServiceSettings]

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def openapi(self) -> dict[str, Any]:
        return self.app.openapi()


_SERVICES: Mapping[str, tuple[type[ServiceSettings], Build]] = {
    "intake": (IntakeSettings, intake.build),
    "equivalence": (EquivalenceSettings, equivalence.build),
    "competition": (CompetitionSettings, competition.build),
    "notify": (NotifySettings, notify.build),
}


def settings_of(name: str, **more: Any) -> ServiceSettings:
    """Settings with fresh keys where a service has no default for them. Raises ValueError for what it refuses."""
    kind, _ = _SERVICES[name]
    prefix = f"{name.upper()}_"
    keys = {
        variable.removeprefix(prefix).lower(): value
        for variable, value in sealing.new_environment().items()
        if variable.startswith(prefix)
    }
    return kind(**{**keys, **more})


def shown_services() -> list[Shown]:
    with tempfile.TemporaryDirectory(prefix="zhicheng-reference-") as folder:
        return asyncio.run(_all(Path(folder)))


async def _all(folder: Path) -> list[Shown]:
    return [await _one(folder, name) for name in _SERVICES]


async def _one(folder: Path, name: str) -> Shown:
    kind, build = _SERVICES[name]
    store = await open_store(f"sqlite:{folder}/{name}.db")
    bus = await open_bus(f"local:{folder}/bus.db")
    try:
        settings = settings_of(name)
        clock = Clock()
        callers = CallersFile(folder / "callers.json", service=name)
        infra = Infra(store, bus, clock, callers, Author(f"/{name}", clock), Health())
        service = build(settings, infra)
        return Shown(service, create_app(service, infra, settings), kind)
    finally:
        await bus.close()
        await store.close()
