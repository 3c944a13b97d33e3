"""The primary of a replica set steps down. Only MongoDB itself can: what stands in its place has one node."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pymongo
import pytest

from tests.faults.servers.wired import in_thread
from tests.faults.world import Servers, a_world
from tests.servers.kafka import KafkaServer
from tests.servers.mongo import MongoServer

SECONDS = 10


@pytest.mark.timeout(900)
@pytest.mark.fault("the primary of the store steps down")
async def test_a_primary_that_steps_down_loses_nothing_that_was_accepted(
    tmp_path: Path, mongo_server: MongoServer, request: pytest.FixtureRequest
) -> None:
    """INVARIANT: what a majority has survives an election; writes that fall into it are refused or repeated."""
    with pymongo.MongoClient(mongo_server.address, serverSelectionTimeoutMS=30_000) as client:
        said = client.admin.command("hello")
        if not mongo_server.name.startswith("MongoDB") or "setName" not in said:
            pytest.skip(f"an election needs a replica set of MongoDB (TEST_MONGODB), and this is {mongo_server.name}")

    kafka: KafkaServer = request.getfixturevalue("own_kafka")

    def step_down() -> None:
        with pymongo.MongoClient(mongo_server.address) as client, suppress(pymongo.errors.AutoReconnect):
            client.admin.command("replSetStepDown", 2 * SECONDS, secondaryCatchUpPeriodSecs=SECONDS, force=True)

    async with a_world(tmp_path, Servers.real(kafka, mongo_server)) as world:
        async with world.filer.at_work():
            for _ in range(2):
                await world.filer.more(6)
                await in_thread(step_down)
                await world.filer.more(6)
        await world.check()
