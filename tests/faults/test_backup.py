"""The drill: a backup is made under load, everything is lost, the backup is restored, and every promise holds."""

# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pymongo
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import topics
from local.stack import SERVICES
from tests.faults.observed import Accepted
from tests.faults.world import Servers, World, a_world
from tests.filings import a_filing
from tests.waiting import until

ROOT = Path(__file__).parents[2]


async def backup(world: World, command: str, folder: Path) -> str:
    """What `python -m chassis.backup` says on this world's stores and bus."""
    places = {f"{name.upper()}_STORE_URL": url for name, url in world.store_urls.items()}
    places |= {f"{name.upper()}_BUS_URL": world.bus_url for name in SERVICES}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chassis.backup", command, str(folder)),
        cwd=ROOT,
        env={**os.environ, **places},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    print(said.decode())
    assert process.returncode == 0, said.decode()
    return said.decode()


async def lose_everything(world: World) -> None:
    """Files, or databases and topics, and with these what groups had committed."""
    if not world.servers.bus_url:
        for file in world.stack.folder.glob("*.db*"):
            if file.is_file():
                file.unlink()
        return
    for url in world.store_urls.values():
        with pymongo.MongoClient[dict[str, object]](url) as client:
            client.drop_database(urlsplit(url).path.strip("/"))
    admin = AIOKafkaAdminClient(bootstrap_servers=world.bus_url.removeprefix("kafka://"))
    await admin.start()
    try:
        names = {topic.name for topic in topics()}
        await admin.delete_topics(sorted(names))

        async def gone() -> bool:
            return not names & set(await admin.list_topics())

        await until(gone, seconds=180)
    finally:
        await admin.close()


@pytest.mark.timeout(1200)
@pytest.mark.fault("every store and topic lost, and restored from a backup made under load")
async def test_a_backup_made_under_load_restores_the_whole_system(tmp_path: Path, servers: Servers) -> None:
    """INVARIANT: a restored system has lost nothing that it knows of, and gives no sequence number out twice."""
    folder = tmp_path / "backup"
    async with a_world(tmp_path, servers) as world:
        async with world.filer.at_work(4):
            await world.filer.more(30)
            await backup(world, "save", folder)
            await world.filer.more(10)
        known = set(world.filer.accepted)
        await world.check()
    news = [json.loads(line)["case_id"] for line in (await backup(world, "since", folder)).splitlines()]
    await lose_everything(world)

    await backup(world, "check", folder)
    await backup(world, "restore", folder)

    async with a_world(tmp_path, servers) as again:
        await again.idle()
        restored = (await again.observe()).documents["intake"]
        assert len(restored) > 20, "what rested when the backup began"
        assert set(restored) < known, "an earlier moment"
        assert known - set(restored) <= set(news), "what is lost is named while the bus is there"
        for case_id, kept in restored.items():
            again.filer.accepted[case_id] = Accepted(kept.data["revision"], kept.data["status"] == "withdrawn")
        await again.check()
        alive = [case_id for case_id, accepted in again.filer.accepted.items() if not accepted.withdrawn]
        for case_id in alive[-20:]:  # every service must say and hear something new
            await again.filer.amend(case_id, a_filing())
        await again.filer.file(5)
        await again.check()
