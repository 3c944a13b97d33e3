"""Which archive a URL means; the same URLs as in the settings of the services."""

from __future__ import annotations

from pathlib import Path

from chassis.backup.ports import BusArchive, StoreArchive
from chassis.bus_kafka.address import FORMS, is_kafka


async def open_store_archive(url: str, *, writable: bool) -> StoreArchive:
    """writable: to restore into. ValueError for another URL, StoreUnavailable, FileRefused."""
    if url.startswith("sqlite:"):
        from chassis.backup.store_sqlite import SqliteArchive

        return await SqliteArchive.open(url, writable=writable)
    if url.startswith(("mongodb:", "mongodb+srv:")):
        from chassis.backup.store_mongo import MongoArchive

        return await MongoArchive.open(url)
    raise ValueError("a store URL begins with sqlite:, mongodb:// or mongodb+srv://")


async def open_bus_archive(url: str) -> BusArchive:
    """ValueError for another URL, BusUnavailable, FileRefused."""
    if url.startswith("local:"):
        from chassis.backup.bus_log import LogArchive

        return await LogArchive.open(Path(url.removeprefix("local:")))
    if is_kafka(url):
        from chassis.bus_kafka.archive import KafkaArchive

        return KafkaArchive(url)
    raise ValueError(f"a bus URL is local:PATH, {FORMS}")
