"""Several members of one group on Kafka: they come, go and stall under load; nothing is lost, and all is done once."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chassis import parked
from chassis.bus import Topic
from chassis.bus_kafka.bus import KafkaBus
from chassis.bus_kafka.limits import Limits as BusLimits
from chassis.clock import Clock
from chassis.handlers import Save, on
from chassis.health import Health
from chassis.holding import Limits
from chassis.outbox import Author
from chassis.runner import Runner
from chassis.store import Document, Store
from chassis.store_sqlite import SqliteStore
from contracts.events import CaseWithdrawn
from tests.chassis.bench import withdrawn
from tests.conformance.buses import RUN
from tests.servers.kafka import KafkaServer
from tests.waiting import until

LONGEST = 180.0
PARTITIONS, EVENTS = 6, 12
CASES = [f"c_{letter}{other}" + "a" * 24 for letter in "abcd" for other in "abcdefgh"]
QUICK = Limits(batch=20, poll_seconds=0.2, gap_seconds=LONGEST)  # whatever comes later than this is lost
BUS = BusLimits(session=6, poll_interval=6, revoke=2)  # the shortest session that brokers allow
pytestmark = pytest.mark.timeout(1200)


class Member:
    """A runner of its own on a bus of its own. While `gate` is shut it does not come to the end of a batch."""

    def __init__(self, group: Group, bus: KafkaBus) -> None:
        self.handled = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.waits = asyncio.Event()  # before the gate
        self.stop = asyncio.Event()
        clock = Clock()
        runner = Runner(
            group.name, group.store, bus, collection="things", subscriptions=[on(CaseWithdrawn, do=self.note)],
            topics=[group.topic], author=Author("/bench", clock), clock=clock, health=Health(),
            limits=replace(QUICK, batch_seconds=LONGEST, handler_seconds=LONGEST),
        )  # fmt: skip
        self.running = asyncio.create_task(runner.run(self.stop))

    async def note(self, event: CaseWithdrawn, document: Document | None) -> Save:
        if not self.gate.is_set():
            self.waits.set()
            await self.gate.wait()
        self.handled += 1
        before = document.data.get("revisions", []) if document else []
        answer = CaseWithdrawn(case_id=event.case_id, revision=event.revision, case_number="answer")
        return Save({"revisions": [*before, event.revision]}, events=[answer])

    async def works(self) -> None:
        """It handles something from now on."""
        before = self.handled

        async def more() -> bool:
            assert not self.running.done()
            return self.handled > before

        await until(more, seconds=LONGEST)

    async def leaves(self) -> None:
        self.gate.set()
        self.stop.set()
        await asyncio.wait_for(self.running, LONGEST)


class Group:
    def __init__(self, store: Store, url: str) -> None:
        self.name = f"test-{RUN}-{uuid.uuid4().hex[:8]}"
        self.topic = f"{self.name}.things"
        self.store = store
        self.filed = 0
        self._url = url
        self._bus = KafkaBus(url)
        self._buses = [self._bus]
        self._members: list[Member] = []
        self._enough = asyncio.Event()
        self._load: asyncio.Task[None] | None = None

    async def setup(self) -> None:
        await self._bus.setup([Topic(self.topic, PARTITIONS, 30)])
        self._load = asyncio.create_task(self._file())

    def joins(self) -> Member:
        bus = KafkaBus(self._url, BUS)
        self._buses.append(bus)
        self._members.append(Member(self, bus))
        return self._members[-1]

    async def _file(self) -> None:
        """One more event of each case, again and again, until it is enough."""
        for sequence in itertools.count(1):
            records = [replace(withdrawn(case, sequence), topic=self.topic) for case in CASES]
            while not all(await self._bus.publish(records)):
                pass  # a repeat is dropped by its sequence
            self.filed = sequence
            if self._enough.is_set() and sequence >= EVENTS:
                return
            await asyncio.sleep(0.1)

    async def all_done(self) -> None:
        """The load ends, and every case has each of its events once and in order, and each answer."""
        self._enough.set()
        assert self._load is not None
        await asyncio.wait_for(self._load, LONGEST)
        whole = list(range(1, self.filed + 1))
        seen: dict[str, list[int]] = {}

        async def done() -> bool:
            documents = await self.store.get_many("things", CASES)
            seen.update({case: document.data["revisions"] for case, document in documents.items()})
            return all(len(seen.get(case, [])) >= self.filed for case in CASES)

        await until(done, seconds=LONGEST)
        assert seen == dict.fromkeys(CASES, whole)
        answers = [(entry.document_id, entry.sequence) for entry in await self.store.pending(100_000)]
        assert sorted(answers) == sorted((case, number) for case in CASES for number in whole)
        assert await self.store.find(parked.COLLECTION, {}) == []

    async def end(self) -> None:
        if self._load is not None:
            self._load.cancel()
            await asyncio.gather(self._load, return_exceptions=True)
        for member in self._members:
            await member.leaves()
        for bus in self._buses:
            await bus.close()


@asynccontextmanager
async def a_group(url: str, folder: Path) -> AsyncIterator[Group]:
    store = await SqliteStore.open(f"sqlite:{folder}/store.db?synchronous=normal")
    await store.setup(["things", parked.COLLECTION], [])
    group = Group(store, url)
    await group.setup()
    try:
        yield group
    finally:
        await group.end()
        await store.close()


@pytest.fixture
async def group(kafka_server: KafkaServer, tmp_path: Path) -> AsyncIterator[Group]:
    async with a_group(kafka_server.url, tmp_path) as made:
        yield made


async def test_members_that_join_and_leave_under_load_share_the_work_and_do_it_once(group: Group) -> None:
    one = group.joins()
    await one.works()
    two = group.joins()
    await two.works()
    await one.works()  # both have a share
    await one.leaves()
    await two.works()
    three = group.joins()
    await three.works()
    await group.all_done()


async def test_a_member_that_stalls_past_its_poll_interval_loses_its_work_to_others_and_comes_back(
    group: Group,
) -> None:
    one, two = group.joins(), group.joins()
    await one.works()
    await two.works()
    one.gate.clear()
    await asyncio.wait_for(one.waits.wait(), LONGEST)

    async def taken_over() -> bool:
        """All cases go on, also those that the stalled one holds."""
        at = await group.store.get_many("things", CASES)
        return len(at) == len(CASES) and all(document.data["revisions"][-1] > held for document in at.values())

    held = group.filed
    await until(taken_over, seconds=LONGEST)
    one.gate.set()
    await one.works()
    await group.all_done()
