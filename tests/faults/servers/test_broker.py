"""The broker stops, freezes, and changes leaders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.servers.wired import Wired, in_thread
from tests.faults.world import Servers, a_world
from tests.servers import kafka_cluster
from tests.servers.kafka_cluster import BROKERS
from tests.servers.mongo import MongoServer

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]


@pytest.mark.fault("the broker is stopped, and started again")
@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.long, id="thorough")])
async def test_a_broker_that_is_stopped_delays_and_loses_nothing(wired: Wired, seconds: int) -> None:
    """INVARIANT: intake accepts while the broker is away; what waits in the outboxes goes out when it is back."""
    filer = wired.world.filer
    async with filer.at_work(2):
        await filer.more(6)
        await in_thread(wired.broker.stop)
        await filer.file(4)
        await asyncio.sleep(seconds)  # the fault
        await in_thread(wired.broker.start)
        await filer.more(6)
    await wired.check()


@pytest.mark.fault("the broker is frozen")
@pytest.mark.parametrize("seconds", [15, pytest.param(45, marks=pytest.mark.long, id="thorough")])
@pytest.mark.long
async def test_a_broker_that_is_frozen_delays_and_loses_nothing(wired: Wired, seconds: int) -> None:
    """INVARIANT: the same, where connections stay open and nobody answers; no process has to be started anew."""
    filer = wired.world.filer
    pids = {service: wired.world.running.pid(service) for service in wired.stores}
    async with filer.at_work(2):
        await filer.more(6)
        await in_thread(wired.broker.pause)
        try:
            await filer.file(4)
            await asyncio.sleep(seconds)  # the fault
        finally:
            await in_thread(wired.broker.unpause)
        await filer.more(6)
    await wired.check()
    assert {service: wired.world.running.pid(service) for service in wired.stores} == pids


@pytest.mark.fault("partitions change their leader under load, three brokers")
@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.long, id="thorough")])
@pytest.mark.long
async def test_a_change_of_leaders_loses_nothing(tmp_path: Path, mongo_server: MongoServer, rounds: int) -> None:
    """INVARIANT: what two of three brokers hold survives the third; its partitions go on with another leader."""
    with kafka_cluster.three_brokers() as cluster:
        async with a_world(tmp_path, Servers.real(cluster, mongo_server)) as world:
            async with world.filer.at_work(2):
                for turn in range(rounds):
                    for number in BROKERS:
                        await world.filer.more(6)
                        broker = cluster.brokers[number]
                        await in_thread(broker.kill if (turn + number) % 3 == 0 else broker.stop)
                        await world.filer.more(6)
                        await in_thread(broker.start)
                        await in_thread(lambda number=number: cluster.wait(number))
                await world.filer.more(6)
            await world.check()
