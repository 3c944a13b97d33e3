"""`python -m services.competition.main`"""

from __future__ import annotations

import asyncio

from chassis.problems import Problem
from chassis.process import run
from chassis.pseudonyms import Pseudonyms
from chassis.service import Infra, Periodic, Service
from services.competition import api, consumers
from services.competition.editions import load_editions, load_rosters
from services.competition.register import Register
from services.competition.settings import Settings
from services.competition.store import CASES, COLLECTIONS, INDEXES
from services.competition.use_cases.assess import Assess
from services.competition.use_cases.imports import FileIdReused, ImportResults
from services.competition.use_cases.reassess import Reassess
from services.competition.use_cases.stones import RemoveStones
from services.competition.view import Views


def build(settings: Settings, infra: Infra) -> Service:
    """The only place where the parts meet."""
    register = Register(infra.store)
    views = Views(infra.store, register)
    moved = asyncio.Event()
    pseudonyms = Pseudonyms.parse(settings.pseudonym_keys.get_secret_value())
    import_results = ImportResults(infra.store, register, pseudonyms, infra.clock, moved)
    reassess = Reassess(infra.store, register, views, infra.author, infra.clock)
    remove_stones = RemoveStones(infra.store, infra.clock, stone_days=settings.stone_days)

    async def setup() -> None:
        await import_results.seed(load_editions(), load_rosters() if settings.synthetic_rosters else [])

    async def check() -> None:
        await register.check(synthetic_allowed=settings.environment != "production")

    return Service(
        name="competition",
        collection=CASES,
        collections=COLLECTIONS,
        indexes=INDEXES,
        routers=[api.router],
        subscriptions=consumers.subscriptions(Assess(views, infra.clock)),
        problems={FileIdReused: Problem(422, "file-id-reused")},
        use_cases={ImportResults: import_results, api.ReadRegister: api.ReadRegister(infra.store, register)},
        periodic=[
            Periodic("reassess", settings.sweep_seconds, reassess, wake=moved),
            Periodic("stones", 3600.0, remove_stones),
        ],
        setup=setup,
        check=check,
    )


if __name__ == "__main__":
    run("competition", Settings, build)
