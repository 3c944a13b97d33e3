"""Which adapter a URL means. An adapter, and with it its driver, is imported only when its scheme is used."""

from __future__ import annotations

from chassis.store import Store


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
