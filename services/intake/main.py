"""Where the parts of intake meet."""

from __future__ import annotations

from chassis.process import run
from chassis.sealing import Vault, parse_keys
from chassis.service import Infra, Periodic, Service
from services.intake import api, consumers
from services.intake.case import CASES, CLAIMS
from services.intake.errors import PROBLEMS
from services.intake.policy import load_ladder, load_rounds
from services.intake.sealed import Sealer
from services.intake.settings import Settings
from services.intake.store import INDEXES, CaseStore
from services.intake.use_cases.change import Change
from services.intake.use_cases.hear import Hear
from services.intake.use_cases.hold_again import HoldAgain
from services.intake.use_cases.submit import Submit
from services.intake.use_cases.sweeps import Sweeps
from services.intake.use_cases.taking_in import TakingIn

ONE_BATCH = 500  # events: what a consumer takes at once


def build(settings: Settings, infra: Infra) -> Service:
    cases = CaseStore(infra.store)
    sealer = Sealer(
        Vault(parse_keys(settings.vault_keys.get_secret_value())),
        parse_keys(settings.pseudonym_keys.get_secret_value()),
        parse_keys(settings.notify_public_keys.get_secret_value()),
    )
    taking_in = TakingIn(
        rounds=load_rounds(settings.synthetic_rounds),
        ladder=load_ladder(),
        sealer=sealer,
        clock=infra.clock,
        answer_seconds=settings.answer_seconds,
    )

    def overfull() -> bool:
        return infra.health.unsent > settings.max_unsent

    def behind() -> bool:
        """More than a batch unread or unsent, or the bus does not say. Under steady load a few events always are."""
        unread = infra.health.unread
        return unread is None or unread > ONE_BATCH or infra.health.unsent > ONE_BATCH

    submit = Submit(infra.store, cases, infra.author, taking_in, overfull)
    change = Change(infra.store, cases, infra.author, taking_in, overfull)
    sweeps = Sweeps(infra.store, cases, infra.author, taking_in, behind=behind, stone_days=settings.stone_days)
    every = settings.sweep_seconds
    return Service(
        name="intake",
        collection=CASES,
        collections=[CASES, CLAIMS],
        indexes=INDEXES,
        routers=[api.router],
        subscriptions=consumers.subscriptions(Hear(infra.clock)),
        problems=PROBLEMS,
        use_cases={Submit: submit, Change: change, CaseStore: cases, Sealer: sealer},
        restored=HoldAgain(infra.store, cases, infra.clock),
        periodic=[
            Periodic("ask-again", every, sweeps.ask_again),
            Periodic("free-claims", every, sweeps.free_claims),
            Periodic("free-orphans", every * 12, sweeps.free_orphans),
            Periodic("forget-parked", every * 12, sweeps.forget_parked),
            Periodic("release-held", every * 2, sweeps.release_held, sweeps.claims_freed),
            Periodic("remove-stones", 3600.0, sweeps.remove_stones),
        ],
    )


if __name__ == "__main__":
    run("intake", Settings, build)
