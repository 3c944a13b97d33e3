"""Published policy in the store: put there once, never replaced, and no start with another content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.store import Document, change
from contracts.canonical import digest
from services.equivalence import policy_files
from services.equivalence.store import LISTS, PolicyDiffers, PolicyStore
from tests.equivalence.office import Office, an_office

ID = "CN-SH/1.0"


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as found:
        yield found


async def stored(office: Office) -> Document:
    found = await office.store.get(LISTS, ID)
    assert found is not None
    return found


async def tamper(office: Office, do: Callable[[dict[str, Any]], None]) -> None:
    found = await stored(office)
    do(found.data)
    await office.store.write([change(LISTS, found, found.data)])


async def test_the_setup_can_be_repeated(office: Office) -> None:
    before = await stored(office)
    await office.set_up()
    await office.check()

    assert await stored(office) == before


async def test_a_stored_version_has_its_content_and_digest(office: Office) -> None:
    found = await stored(office)

    assert found.data["digest"] == policy_files.list_digests()["1.0"] == digest(found.data["content"])


async def test_content_that_was_changed_in_the_store_refuses_the_start(office: Office) -> None:
    await tamper(office, lambda data: data["content"]["classes"]["C"].update(rows_total=2))

    with pytest.raises(PolicyDiffers, match="the stored content"):
        await office.check()
    with pytest.raises(PolicyDiffers):
        await office.set_up()


async def test_a_changed_content_with_a_fitting_digest_refuses_the_start_too(office: Office) -> None:
    def change_both(data: dict[str, Any]) -> None:
        data["content"]["rows"] = []
        data["digest"] = digest(data["content"])

    await tamper(office, change_both)

    with pytest.raises(PolicyDiffers, match="another digest"):
        await office.check()


async def test_an_edited_file_does_not_replace_what_was_published(office: Office) -> None:
    [published] = [each for each in policy_files.lists() if each.id == ID]
    edited = {**published.content, "note": "edited"}
    before = await stored(office)

    with pytest.raises(PolicyDiffers):
        await PolicyStore(office.store, LISTS).put([replace(published, content=edited, digest=digest(edited))])
    assert await stored(office) == before


async def test_a_version_that_is_not_in_the_store_refuses_the_start(office: Office) -> None:
    [published] = [each for each in policy_files.lists() if each.id == ID]

    with pytest.raises(PolicyDiffers, match="run the setup"):
        await PolicyStore(office.store, LISTS).check([replace(published, id="CN-SH/9.0")])
