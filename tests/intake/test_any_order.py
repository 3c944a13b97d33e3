"""Whatever happens to a case, in any order: its determination follows from its revision and the newest answers."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import sealing
from chassis.bus import Record
from chassis.envelope import to_record
from chassis.holding import Limits
from chassis.running import Running
from contracts.canonical import digest
from contracts.events import (
    Because,
    CaseDetermined,
    CompetitionAssessed,
    EquivalenceAssessed,
    Item,
    PolicyRef,
    Road,
    RoadAnswer,
    Status,
    Text,
)
from services.intake import main
from services.intake.domain.life import State
from services.intake.errors import NotPossibleNow
from services.intake.filing import Filing
from services.intake.judging import join_answers, recompute
from services.intake.settings import Settings
from services.intake.use_cases.change import Change
from services.intake.use_cases.submit import Submit
from tests.filings import a_filing
from tests.waiting import until

EVENTS = {"equivalence": (EquivalenceAssessed, Road.OVERSEAS), "competition": (CompetitionAssessed, Road.COMPETITION)}
services = st.sampled_from(sorted(EVENTS))
statuses = st.sampled_from([Status.OPEN, Status.OPEN_IF, Status.CLOSED, Status.NOT_KNOWN])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("answers"), services, statuses),
        st.tuples(st.just("answers again"), services, statuses),  # a result imported, a list published
        st.tuples(st.just("repeats"), services),  # asked again: the stored answer once more
        st.tuples(st.just("delivers"), services),
        st.tuples(st.just("doubles"), services),
        st.tuples(st.just("swaps"), services),
        st.tuples(st.just("amend")),
        st.tuples(st.just("withdraw")),
        st.tuples(st.just("erase")),
        st.tuples(st.just("sweep")),
    ),
    max_size=16,
)


class Service:
    """What equivalence or competition would send: numbered assessments of one case, in one order of events."""

    def __init__(self, name: str, case_id: str) -> None:
        self.name = name
        self.case_id = case_id
        self.assessed: list[EquivalenceAssessed | CompetitionAssessed] = []
        self.sent = 0
        self.waiting: list[Record] = []
        self.published: list[Record] = []

    def answer(self, revision: int, status: Status) -> None:
        kind, road = EVENTS[self.name]
        number = len(self.assessed) + 1
        made = RoadAnswer(road=road, status=status, notes=(Item(code=f"n{number}", text=Text(zh="一", en="one")),))
        event = kind(
            case_id=self.case_id,
            revision=revision,
            number=number,
            assessment_id=f"a_{self.name}_{number}",
            because=Because.FILED if number == 1 else Because.RESULT_IMPORTED,
            input_digest=digest([self.name, number]),
            policy=PolicyRef(id="policy", version="1", digest=digest("policy")),
            rules_version="1",
            result_digest=digest([number, status]),
            answer=made,
        )
        self.assessed.append(event)
        self._send(event)

    def repeat(self) -> None:
        if self.assessed:
            self._send(self.assessed[-1].model_copy(update={"because": Because.ASKED_AGAIN}))

    def _send(self, event: EquivalenceAssessed | CompetitionAssessed) -> None:
        self.sent += 1
        self.waiting.append(
            to_record(
                event,
                sequence=self.sent,
                source=f"/{self.name}",
                time="2026-01-01T00:00:00.000Z",
                partner_id="partner",
                correlation_id="correlation",
                causation_id="",
            )
        )


class World:
    """Intake with its real runner, relay, store and log; the other services are played."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.submit: Any = running.service.use_cases[Submit]
        self.change: Any = running.service.use_cases[Change]
        self.case_id = ""
        self.filings = 0
        self.withdrawn_after: int | None = None

    async def begin(self) -> None:
        accepted = await self.submit(self.filing(), partner="partner", key="property-key")
        self.case_id = accepted.case_id
        self.services = {name: Service(name, self.case_id) for name in EVENTS}

    def filing(self) -> Filing:
        self.filings += 1
        return Filing.model_validate(a_filing(partner_reference=f"filing {self.filings}"))

    async def case(self) -> dict[str, Any]:
        document = await self.running.store.get("cases", self.case_id)
        assert document is not None
        return document.data

    async def step(self, step: tuple[Any, ...]) -> None:
        case = await self.case()
        match step:
            case ("answers", name, status) if case["status"] != "erased":
                if not any(event.revision == case["revision"] for event in self.services[name].assessed):
                    self.services[name].answer(case["revision"], status)
            case ("answers again", name, status) if case["status"] != "erased":
                if any(event.revision == case["revision"] for event in self.services[name].assessed):
                    self.services[name].answer(case["revision"], status)
            case ("repeats", name):
                self.services[name].repeat()
            case ("delivers", name):
                await self.publish(name, 0)
            case ("swaps", name):
                await self.publish(name, 1)
            case ("doubles", name):
                if published := self.services[name].published:
                    assert await self.running.bus.publish([published[0], published[-1]]) == [True, True]
            case ("amend",):
                await self.possible(
                    self.change.amend(self.case_id, self.filing(), partner="partner", seen={case["revision"]})
                )
            case ("withdraw",):
                await self.possible(self.change.withdraw(self.case_id, partner="partner", seen={case["revision"]}))
            case ("erase",):
                await self.change.erase(self.case_id, partner="partner")
            case ("sweep",):
                sweeps = [work for work in self.running.service.periodic if work.name == "ask-again"]
                await sweeps[0].do()

    async def possible(self, verb: Any) -> None:
        try:
            await verb
        except NotPossibleNow:
            assert (await self.case())["status"] in ("withdrawn", "erased")

    async def publish(self, name: str, place: int) -> None:
        service = self.services[name]
        if len(service.waiting) > place:
            record = service.waiting.pop(place)
            assert await self.running.bus.publish([record]) == [True]
            service.published.append(record)

    async def settle(self) -> None:
        """Delivers what is left and waits until intake has handled it all."""
        for name, service in self.services.items():
            while service.waiting:
                await self.publish(name, 0)
        await until(self._handled)

    async def _handled(self) -> bool:
        document = await self.running.store.get("cases", self.case_id)
        assert document is not None
        return all(document.seen.get(name, 0) == service.sent for name, service in self.services.items())

    async def check(self) -> None:
        case = await self.case()
        if case["status"] == "erased":
            assert case["determinations"] == case["superseded_answers"] == []
            assert case["facts"] is case["sealed"] is case["answers"] is None
        else:
            self.check_determinations(case)
        await until(self._nothing_pending)
        told = [received for received in await self.running.bus.read_all(CaseDetermined.TOPIC)]
        types = [received.header("ce_type") for received in told]
        assert [received.header("ce_sequence") for received in told] == [str(n) for n in range(1, len(told) + 1)]
        for end in ("intake.case.withdrawn", "intake.case.erased"):
            if end in types:
                assert "intake.case.determined" not in types[types.index(end) :], "a determination followed the end"

    def check_determinations(self, case: dict[str, Any]) -> None:
        made = case["determinations"]
        assert [entry["number"] for entry in made] == list(range(1, len(made) + 1))
        inputs = [digest(entry["inputs"] + [entry["revision"]]) for entry in made]
        assert len(set(inputs)) == len(inputs), "two determinations rest on the same inputs"
        for entry in made:
            again = recompute(case, entry)
            assert again == {name: entry[name] for name in again}
        newest = {
            name: max(
                (e for e in service.assessed if e.revision == case["revision"]), key=lambda e: e.number, default=None
            )
            for name, service in self.services.items()
        }
        if case["status"] == State.WITHDRAWN:
            return
        if any(event is None for event in newest.values()):
            assert case["status"] == "waiting"
            return
        answers = [
            {"service": name, **event.model_dump(mode="json", by_alias=True)} for name, event in newest.items() if event
        ]
        expected = join_answers(case["revision"], case["roads"], [case["ordinary"], *answers])
        current = made[-1]
        assert {name: current[name] for name in expected} == expected
        assert case["status"] == ("officer" if expected["waits_for_officer"] else "determined")

    async def _nothing_pending(self) -> bool:
        return not await self.running.store.pending(1)


KEYS = sealing.new_environment()


async def live(script: list[tuple[Any, ...]], folder: Path) -> None:
    settings_ = Settings(
        environment="test",
        store_url=f"sqlite:{folder}/intake.db?synchronous=normal",
        bus_url=f"local:{folder}/bus.db",
        callers_file=folder / "callers.json",
        business_date=date(2024, 6, 1),
        synthetic_rounds=True,
        sweep_seconds=3600,
        answer_seconds=0.001,
        vault_keys=KEYS["INTAKE_VAULT_KEYS"],
        pseudonym_keys=KEYS["INTAKE_PSEUDONYM_KEYS"],
        notify_public_keys=KEYS["INTAKE_NOTIFY_PUBLIC_KEYS"],
    )
    quick = Limits(poll_seconds=0.02, gap_seconds=60, retry_pause=0.005)
    running = Running(settings_, main.build, name="intake", limits=quick)
    await running.start()
    try:
        world = World(running)
        await world.begin()
        for step in script:
            await world.step(step)
        await world.settle()
        await world.check()
    finally:
        await running.stop()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_the_determination_follows_from_the_revision_and_the_newest_answers(script: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(script, Path(folder)))
