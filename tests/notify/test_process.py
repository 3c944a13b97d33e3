"""notify as a process of its own, killed while it works, with a real SMTP server beside it."""

import asyncio
import os
import signal
import sys
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from chassis.adapters import open_bus
from chassis.bus import Topic
from chassis.chain import FIRST
from chassis.clock import Clock
from chassis.outbox import Author
from chassis.sealing import format_keys
from chassis.store_sqlite import SqliteStore
from contracts.events import Event
from contracts.topics import topics
from services.notify.store import COLLECTION, load
from tests.notify.builders import PRIVATE, case_id, determined, sealed, submitted
from tests.notify.smtp_servers import Handler, smtp_server
from tests.waiting import until

CASES = 60
KILLS = 6


def story(number: int) -> list[Event]:
    case = case_id(number)
    return [submitted(case, contact=sealed(case, email=f"applicant{number}@example.test")), determined(case)]


async def start(folder: Path, port: int) -> asyncio.subprocess.Process:
    """In a directory of its own; everything comes from the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFY_")} | {
        "ZHICHENG_ENVIRONMENT": "test",
        "NOTIFY_STORE_URL": f"sqlite:{folder}/notify.db",
        "NOTIFY_BUS_URL": f"local:{folder}/bus.db",
        "NOTIFY_CALLERS_FILE": f"{folder}/callers.json",
        "NOTIFY_PORT": "0",
        "NOTIFY_PRIVATE_KEYS": format_keys({"n1": PRIVATE}),
        "NOTIFY_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "NOTIFY_SMTP_TLS": "none",
        "NOTIFY_SMTP_SECONDS": "4",
        "NOTIFY_LEASE_SECONDS": "8",
        "NOTIFY_RETRY_SECONDS": "0.2",
        "NOTIFY_RETRY_FACTOR": "1",
        "NOTIFY_ATTEMPTS": "50",
        "NOTIFY_LOG_LEVEL": "DEBUG",
    }
    with (folder / "notify.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.notify.main", env=environment, stdout=log, stderr=log
        )


async def delivered(folder: Path) -> int:
    """Messages that are marked as delivered, read beside the process."""
    if not (folder / "notify.db").exists():
        return 0
    store = await SqliteStore.open(f"sqlite:{folder}/notify.db?mode=ro")
    try:
        documents = await store.find(COLLECTION, {}, limit=10_000)
    except Exception:  # the process has not made its tables yet
        return 0
    finally:
        await store.close()
    return sum(message.state == "delivered" for document in documents for message in load(document).messages)


async def until_delivered(folder: Path, number: int, process: asyncio.subprocess.Process) -> None:
    async def so_many() -> bool:
        assert process.returncode is None, (folder / "notify.log").read_text()[-3000:]
        return await delivered(folder) >= number

    await until(so_many, seconds=180)


@pytest.mark.timeout(900)
async def test_a_process_killed_again_and_again_loses_no_message_and_makes_few_copies(tmp_path: Path):
    """INVARIANT: one record per step; every mail at least once, at most one copy more per kill, all with one id."""
    bus = await open_bus(f"local:{tmp_path}/bus.db")
    await bus.setup([Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()])
    author = Author("/intake", Clock())
    records = [
        outgoing.record
        for number in range(CASES)
        for outgoing in author.outgoing(story(number), FIRST, "partner-1", "", "")[0]
    ]
    assert all(await bus.publish(records))
    await bus.close()
    handler = Handler(seconds=0.02)

    at_work = 0  # kills that met work; the last ones may come too late for it
    with smtp_server(handler) as port:
        for kill in range(KILLS):
            process = await start(tmp_path, port)
            await until_delivered(tmp_path, (kill + 1) * 2 * CASES // (KILLS + 2), process)
            at_work += await delivered(tmp_path) < 2 * CASES
            process.send_signal(signal.SIGKILL)
            await process.wait()
        process = await start(tmp_path, port)
        await until_delivered(tmp_path, 2 * CASES, process)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 90) == 0
    assert at_work >= KILLS // 2

    store = await SqliteStore.open(f"sqlite:{tmp_path}/notify.db?mode=ro")
    cases = [load(document) for document in await store.find(COLLECTION, {}, limit=10_000)]
    await store.close()
    assert [len(case.messages) for case in cases] == [2] * CASES
    copies = Counter(message_from_bytes(mail, policy=policy.default)["Message-ID"] for mail in handler.mails)
    assert set(copies) == {f"<{message.id}@zhicheng.invalid>" for case in cases for message in case.messages}
    assert max(copies.values()) <= 1 + KILLS
    assert sum(copies.values()) - len(copies) <= 2 * 4 * KILLS  # two messages of four cases are on their way at once
    log = (tmp_path / "notify.log").read_text()
    assert "message sent" in log
    assert "example.test" not in log
