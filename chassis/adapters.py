"""Which adapter a URL means. An adapter, and with it its driver, is imported only when its scheme is used."""

from __future__ import annotations

from pathlib import Path

from chassis.bus import Bus
from chassis.bus_kafka.address import FORMS, is_kafka
from chassis.store import Store


async def open_bus(url: str) -> Bus:
    """`local:PATH` or what chassis.bus_kafka.address reads. Kafka is not contacted before it is used.

    ValueError for another URL, FileRefused for a log on a network file system, BusUnavailable when it cannot be opened.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "local" and rest:
        from chassis.bus_log import LogBus

        return await LogBus.open(Path(rest))
    if is_kafka(url):
        from chassis.bus_kafka.bus import KafkaBus

        return KafkaBus(url)
    raise ValueError(f"a bus URL is local:PATH, {FORMS}")


async def open_store(url: str) -> Store:
    """`sqlite:PATH` or `mongodb://host/database`. ValueError for another URL, StoreUnavailable when nothing answers."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from chassis.store_sqlite import SqliteStore

        return await SqliteStore.open(url)
    if scheme in ("mongodb", "mongodb+srv"):
        from chassis.store_mongo import MongoStore

        return await MongoStore.open(url)
    raise ValueError("a store URL begins with sqlite:, mongodb:// or mongodb+srv://")
