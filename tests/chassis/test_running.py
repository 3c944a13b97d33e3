"""A service as a process: its tasks are owned, and it ends in time whatever is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic_settings import SettingsConfigDict

from chassis import running as module
from chassis.adapters import open_bus
from chassis.bus import Record
from chassis.bus_log import LogBus
from chassis.handlers import on_line
from chassis.running import Running
from chassis.service import Infra, Periodic, Service
from chassis.settings import ServiceSettings
from chassis.store import create
from chassis.store_sqlite import SqliteStore
from contracts.events import CaseWithdrawn, MessageDelivered
from tests.waiting import until


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_")


async def nothing() -> int:
    return 0


@asynccontextmanager
async def service(
    folder: Path,
    *,
    bus: Callable[[str], Any] = open_bus,
    do: Callable[[], Any] = nothing,
    finish: Callable[[], Any] | None = None,
) -> AsyncIterator[Running]:
    def build(settings: Any, infra: Infra) -> Service:
        return Service(
            name="intake",
            collection="cases",
            subscriptions=[on_line(MessageDelivered, line=lambda event, delivery: {"lines": [event.message_id]})],
            periodic=[Periodic("chore", 0.01, do)],
            finish=finish,
        )

    settings = Settings(
        port=0, store_url=f"sqlite:{folder}/store.db", bus_url=f"local:{folder}/bus.db", callers_file=folder / "c.json"
    )
    running = Running(settings, build, name="intake", opens_bus=bus)
    await running.start()
    yield running


class Away(LogBus):
    """A bus that does not answer: every call takes as long as it may."""

    @classmethod
    async def at(cls, url: str) -> Any:
        return await cls.open(Path(url.removeprefix("local:")))

    async def publish(self, records: Any) -> list[bool]:
        await asyncio.sleep(30)
        return [False for _ in records]

    async def consumer(self, group: str, topics: Any, *, member: str = "") -> Any:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(30)  # and neither does the way out

    async def close(self) -> None:
        await asyncio.sleep(30)


async def test_a_service_whose_bus_is_away_ends_in_time_and_keeps_what_it_has_to_say(tmp_path: Path) -> None:
    async with service(tmp_path, bus=Away.at) as running:
        serving = asyncio.create_task(running.wait())
        event = CaseWithdrawn(case_id="c_" + "a" * 26, revision=1, case_number="n")
        author = running.infra.author
        await running.store.write([author.create("cases", event.case_id, {}, partner_id="p", events=[event])])
        begun = time.monotonic()
        running.ask_to_stop()
        await serving
        await running.stop()
    assert time.monotonic() - begun < module.STORE_UNTIL + 10
    assert not running.failed
    store = await SqliteStore.open(f"sqlite:{tmp_path}/store.db")
    assert len(await store.pending(10)) == 1
    await store.close()


async def test_a_background_task_that_is_cancelled_by_its_own_library_takes_the_process_with_it(tmp_path: Path) -> None:
    """aiokafka can raise CancelledError of its own: nobody would hear events any more, and nobody would know."""

    async def cancelled() -> int:
        raise asyncio.CancelledError

    async with service(tmp_path, do=cancelled) as running:
        await asyncio.wait_for(running.wait(), 10)
        await running.stop()
    assert running.failed


async def test_a_service_that_is_asked_to_stop_before_it_serves_ends(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        running.ask_to_stop()
        await asyncio.wait_for(running.wait(), 10)
        await running.stop()
    assert not running.failed


async def test_the_last_pass_of_the_relay_comes_after_the_last_work(tmp_path: Path) -> None:
    """What a task writes while the service stops is sent before the process ends."""
    said: list[Record] = []

    class Noting(LogBus):
        @classmethod
        async def at(cls, url: str) -> Any:
            return await cls.open(Path(url.removeprefix("local:")))

        async def publish(self, records: Any) -> list[bool]:
            said.extend(records)
            return await super().publish(records)

    async def slow() -> int:
        if not at_work.is_set():
            at_work.set()
            await stopping.wait()
            event = CaseWithdrawn(case_id="c_" + "a" * 26, revision=1, case_number="n")
            author = running.infra.author
            await running.store.write([author.create("cases", event.case_id, {}, partner_id="p", events=[event])])
        return 0

    at_work, stopping = asyncio.Event(), asyncio.Event()
    async with service(tmp_path, bus=Noting.at, do=slow) as running:
        await at_work.wait()
        stop = asyncio.create_task(running.stop())
        await until(lambda: _is(running.health.shutting_down))
        stopping.set()
        await asyncio.wait_for(stop, 60)
    assert len(said) == 1


async def _is(value: bool) -> bool:
    return value


async def test_a_service_finishes_after_its_last_work_and_while_its_store_is_open(tmp_path: Path) -> None:
    steps: list[str] = []
    began = asyncio.Event()

    async def work() -> int:
        began.set()
        steps.append("work")
        await asyncio.sleep(0)
        return 1

    async def finish() -> None:
        await running.store.write([create("cases", "last", {})])
        steps.append("finish")

    async with service(tmp_path, do=work, finish=finish) as running:
        serving = asyncio.create_task(running.wait())
        await began.wait()
        running.ask_to_stop()
        await serving
        await running.stop()

    assert steps[-1] == "finish"
    assert steps.count("finish") == 1


async def test_finishing_that_does_not_end_is_cut_off(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WORK_UNTIL", 0.0)
    cut_off = asyncio.Event()

    async def finish() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    async with service(tmp_path, finish=finish) as running:
        serving = asyncio.create_task(running.wait())
        running.ask_to_stop()
        await serving
        await running.stop()

    assert cut_off.is_set()
