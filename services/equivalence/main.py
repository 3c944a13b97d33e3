"""The only place where the parts of the equivalence service meet."""

from __future__ import annotations

from chassis.process import run
from chassis.service import Infra, Periodic, Service
from services.equivalence import api, policy_files
from services.equivalence.catalogue import Catalogue
from services.equivalence.consumers import subscriptions
from services.equivalence.reading import Reading
from services.equivalence.settings import Settings
from services.equivalence.store import CASES, INDEXES, LISTS, SUPPLEMENTARY, AssessedCases, PolicyStore
from services.equivalence.use_cases import Assess

SWEEP_SECONDS = 3600.0


def build(settings: Settings, infra: Infra) -> Service:
    lists = PolicyStore(infra.store, LISTS)
    supplementary = PolicyStore(infra.store, SUPPLEMENTARY)
    catalogue = Catalogue(lists, policy_files.supplementary())
    cases = AssessedCases(infra.store)

    async def setup() -> None:
        await lists.put(policy_files.lists())
        await supplementary.put([policy_files.supplementary()])

    async def check() -> None:
        await lists.check(policy_files.lists())
        await supplementary.check([policy_files.supplementary()])

    async def sweep() -> int:
        return await cases.remove_ended(infra.clock.today(), settings.stone_days)

    return Service(
        name="equivalence",
        collection=CASES,
        collections=(LISTS, SUPPLEMENTARY),
        indexes=INDEXES,
        routers=(api.router,),
        subscriptions=subscriptions(Assess(catalogue, infra.clock)),
        problems=api.PROBLEMS,
        use_cases={Reading: Reading(catalogue, infra.clock)},
        periodic=(Periodic("stones", SWEEP_SECONDS, sweep),),
        setup=setup,
        check=check,
    )


if __name__ == "__main__":
    run("equivalence", Settings, build)
