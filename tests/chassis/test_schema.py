"""Which release may set a store up, and which may work on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import SettingsConfigDict

from chassis import schema
from chassis.adapters import open_store
from chassis.running import Running
from chassis.schema import Schema, SchemaRefused
from chassis.service import Infra, Service
from chassis.settings import ServiceSettings

FIRST, SECOND, THIRD = Schema(1, 1), Schema(2, 1), Schema(3, 2)


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_")


@asynccontextmanager
async def release(
    folder: Path, ours: Schema, *, role: str = "all", setup_at_start: bool = False, made: str = "things"
) -> AsyncIterator[None]:
    """Inside, a service of this release works, or its setup has run."""

    def build(settings: Any, infra: Infra) -> Service:
        return Service(name="intake", collection=made)

    settings = Settings(
        port=0,
        store_url=f"sqlite:{folder}/store.db",
        bus_url=f"local:{folder}/bus.db",
        callers_file=folder / "callers.json",
        setup_at_start=setup_at_start,
    )
    running = Running(settings, build, name="intake", role=role, ours=ours)
    try:
        await running.start()
        yield
    finally:
        await running.stop()


async def set_up(folder: Path, ours: Schema, made: str = "things") -> None:
    async with release(folder, ours, role="setup", made=made):
        pass


async def recorded(folder: Path) -> dict[str, Any]:
    store = await open_store(f"sqlite:{folder}/store.db?mode=ro")
    try:
        document = await store.get(schema.COLLECTION, schema.ID)
        assert document is not None
        return document.data
    finally:
        await store.close()


async def test_a_setup_says_which_release_it_was(tmp_path: Path) -> None:
    await set_up(tmp_path, FIRST)
    first = await recorded(tmp_path)
    await set_up(tmp_path, FIRST)

    assert (first["number"], first["oldest"]) == (1, 1)
    assert await recorded(tmp_path) == first, "again: nothing changes"

    await set_up(tmp_path, SECOND)
    assert (await recorded(tmp_path))["number"] == 2


async def test_an_older_setup_does_nothing_over_a_newer_one(tmp_path: Path) -> None:
    await set_up(tmp_path, SECOND)

    with pytest.raises(SchemaRefused, match=r"with schema 2, for schemas from 1 on; this is release .* with schema 1"):
        await set_up(tmp_path, FIRST, made="left_over")

    assert (await recorded(tmp_path))["number"] == 2
    store = await open_store(f"sqlite:{tmp_path}/store.db?mode=ro")
    parts = [part async for part in store.dump()]
    await store.close()
    assert parts
    assert not [part for part in parts if b"left_over" in part]


async def test_a_service_does_not_start_before_the_setup_of_its_release(tmp_path: Path) -> None:
    with pytest.raises(SchemaRefused, match="no setup has run, this release needs 1"):
        async with release(tmp_path, FIRST):
            pass

    await set_up(tmp_path, FIRST)
    with pytest.raises(SchemaRefused, match="schema 1 is there, this release needs 2: run its setup first"):
        async with release(tmp_path, SECOND):
            pass


@pytest.mark.parametrize("setup_at_start", [False, True])
async def test_the_release_before_goes_on_beside_a_newer_one(tmp_path: Path, setup_at_start: bool) -> None:
    """Also where each process does the setup: the one of the older release leaves what the newer one has made."""
    await set_up(tmp_path, SECOND)

    async with release(tmp_path, FIRST, setup_at_start=setup_at_start):
        pass

    assert (await recorded(tmp_path))["number"] == 2


@pytest.mark.parametrize("setup_at_start", [False, True])
async def test_a_release_that_cannot_work_on_what_is_there_does_not_start(tmp_path: Path, setup_at_start: bool) -> None:
    await set_up(tmp_path, THIRD)

    with pytest.raises(SchemaRefused, match="for schemas from 2 on"):
        async with release(tmp_path, FIRST, setup_at_start=setup_at_start):
            pass
    async with release(tmp_path, SECOND, setup_at_start=setup_at_start):
        pass
