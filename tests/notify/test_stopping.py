"""notify asked to stop while it works: the next process goes on at once."""

import asyncio
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

from chassis import running as module
from chassis.adapters import open_bus
from chassis.bus import Topic
from chassis.chain import FIRST
from chassis.clock import Clock
from chassis.outbox import Author
from chassis.running import Running
from chassis.sealing import format_keys
from chassis.store_sqlite import SqliteStore
from contracts.topics import topics
from services.notify.main import build
from services.notify.store import COLLECTION, load
from tests.notify.builders import PRIVATE, case_id, sealed, submitted
from tests.notify.smtp_servers import Handler, smtp_server
from tests.notify.test_settings import some_settings
from tests.waiting import until

CASES = 20


async def messages(folder: Path) -> Counter[str]:
    """State -> how many."""
    store = await SqliteStore.open(f"sqlite:{folder}/notify.db?mode=ro")
    try:
        documents = await store.find(COLLECTION, {}, limit=CASES)
    finally:
        await store.close()
    return Counter(message.state.value for document in documents for message in load(document).messages)


async def test_a_process_that_is_asked_to_stop_leaves_no_claim_behind(tmp_path: Path, monkeypatch):
    """INVARIANT: after SIGTERM nothing waits for a lease, and no mail goes out twice."""
    for name, seconds in {"WORK_UNTIL": 60.0, "RELAY_UNTIL": 62.0, "BUS_UNTIL": 63.0, "STORE_UNTIL": 64.0}.items():
        monkeypatch.setattr(module, name, seconds)
    bus = await open_bus(f"local:{tmp_path}/bus.db")
    await bus.setup([Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()])
    author = Author("/intake", Clock())
    for number in range(CASES):
        event = submitted(case_id(number), contact=sealed(case_id(number)))
        [outgoing], _ = author.outgoing([event], FIRST, "partner-1", "", "")
        assert await bus.publish([outgoing.record]) == [True]
    await bus.close()
    handler = Handler(seconds=0.02)

    with smtp_server(handler) as port:

        async def a_process(done: int) -> None:
            """Until so many mails have come."""
            settings = some_settings(
                private_keys=format_keys({"n1": PRIVATE}),
                port=0,
                store_url=f"sqlite:{tmp_path}/notify.db",
                bus_url=f"local:{tmp_path}/bus.db",
                callers_file=tmp_path / "callers.json",
                smtp_url=f"smtp://127.0.0.1:{port}",
                smtp_tls="none",
                smtp_connections=1,
                lease_seconds=3600,
            )
            running = Running(settings, build, name="notify")
            assert await running.start()
            serving = asyncio.create_task(running.wait())

            async def came() -> bool:
                return len(handler.mails) >= done

            await until(came, seconds=240)
            running.ask_to_stop()
            await serving
            await running.stop()

        await a_process(1)
        states = await messages(tmp_path)
        assert set(states) <= {"delivered", "queued"}
        assert states["delivered"] == len(handler.mails)
        await a_process(CASES)

    assert await messages(tmp_path) == {"delivered": CASES}
    copies = Counter(message_from_bytes(mail, policy=policy.default)["Message-ID"] for mail in handler.mails)
    assert sorted(copies.values()) == [1] * CASES
