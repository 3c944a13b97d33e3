"""What only a file can meet: another owner, a lock, a full disk, a place that is not safe."""

import asyncio
import contextlib
import os
import resource
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chassis.adapters import open_store
from chassis.owned_file import FileRefused, refuse_network_file_system
from chassis.store import Outcome, Store, StoreUnavailable, change
from tests.conformance.store.things import THINGS, a_thing, an_event, put, read, sent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:{path}")
    await store.setup([THINGS], [])
    yield store
    await store.close()


async def test_one_process_owns_the_file(store: Store, path: Path) -> None:
    with pytest.raises(FileRefused, match=f"{path} is in use by process {os.getpid()}"):
        await open_store(f"sqlite:{path}")

    await store.close()
    await (await open_store(f"sqlite:{path}")).close()


async def test_a_tool_reads_beside_the_owner(store: Store, path: Path) -> None:
    await put(store, a_thing(n=1, events=[an_event(1)]))
    tool = await open_store(f"sqlite:{path}?mode=ro")
    try:
        await put(store, change(THINGS, await read(store), {"n": 2}))

        assert (await read(tool)).data == {"n": 2}
        assert len(await tool.pending(10)) == 1
        with pytest.raises(StoreUnavailable, match="for reading"):
            await tool.write([a_thing("t2")])
        with pytest.raises(StoreUnavailable, match="for reading"):
            await sent(tool, await tool.pending(1))
    finally:
        await tool.close()
    await put(store, a_thing("t2"))


async def test_the_file_is_for_its_owner_alone(store: Store, path: Path) -> None:
    await put(store, a_thing())

    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_lock_of_another_program_is_trouble_that_passes(store: Store, path: Path) -> None:
    await put(store, a_thing("before"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as program:
        program.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(store.write([a_thing(f"t{n}")]) for n in range(5)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
        assert await store.count(THINGS, {}) == 1, "reading goes on"
        program.execute("ROLLBACK")

    await put(store, *(a_thing(f"t{n}") for n in range(5)))


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """What a full disk does: a write beyond this length fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_trouble_that_passes(store: Store, path: Path) -> None:
    """Nothing is kept by half, nothing that was acknowledged is lost, and writing goes on when there is room again."""
    log = path.with_name(path.name + "-wal")
    await put(store, a_thing("first", events=[an_event(1)]))
    written, refused = ["first"], 0
    with files_no_longer_than(log.stat().st_size + 200_000):
        for n in range(100):
            id = f"t{n:03}"
            try:
                await put(store, a_thing(id, text="x" * 20_000, events=[an_event(1, about=id)]))
            except StoreUnavailable:
                refused += 1
                if refused == 5:
                    break
            else:
                written.append(id)
        assert refused == 5
        assert {document.id for document in await store.find(THINGS, {})} == set(written)
    assert len(written) > 3

    await put(store, a_thing("after", text="x" * 20_000))
    await put(store, change(THINGS, await read(store, "first"), {"n": 1}, events=[an_event(2, about="first")]))
    assert {document.id for document in await store.find(THINGS, {})} == {*written, "after"}
    assert len(await store.pending(1000)) == len(written) + 1


async def test_a_group_of_writers_is_told_alike_when_the_disk_is_full(store: Store, path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    await put(store, a_thing("first"))
    with files_no_longer_than(log.stat().st_size + 100_000):
        answers = await asyncio.gather(
            *(store.write([a_thing(f"t{n}", text="x" * 20_000)]) for n in range(20)), return_exceptions=True
        )

    written = [f"t{n}" for n, answer in enumerate(answers) if answer == [Outcome.WRITTEN]]
    assert all(isinstance(answer, StoreUnavailable) for answer in answers if answer != [Outcome.WRITTEN])
    assert len(written) < 20
    assert {document.id for document in await store.find(THINGS, {})} == {"first", *written}


async def test_a_place_that_cannot_be_written_is_said_at_the_start() -> None:
    with pytest.raises(StoreUnavailable, match=r"/proc/none/store\.db"):
        await open_store("sqlite:/proc/none/store.db")


async def test_a_file_that_is_no_database_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("not a database, but long enough to be looked at " * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_store(f"sqlite:{tmp_path}/store.db")


@pytest.mark.parametrize(
    ("kind", "point"),
    [("nfs4", "/data"), ("cifs", "/data/deep"), ("9p", "/data"), ("fuse.sshfs", "/data"), ("smb3", r"/data")],
)
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str, point: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/vda / ext4 rw 0 0\nserver:/x {point} {kind} rw 0 0\n/dev/vdb /data/deep/disk ext4 rw 0 0\n"
    )

    with pytest.raises(FileRefused, match=f"network file system .{kind} at {point}"):
        refuse_network_file_system(Path("/data/deep/store.db"), mounts)
    refuse_network_file_system(Path("/data/deep/disk/store.db"), mounts)
    refuse_network_file_system(Path("/database/store.db"), mounts)
    refuse_network_file_system(Path("/data/deep/store.db"), tmp_path / "no such list")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:",
        "sqlite:x.db?synchronous=off",
        "sqlite:x.db?mode=x",
        "sqlite:x.db?sync=full",
        "sqlite:x.db?x",
        "file:x",
    ],
)
async def test_a_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"reads sqlite:|synchronous is|bad query|begins with"):
        await open_store(url)


async def test_a_mistake_of_ours_fails_its_group_and_ends_nobodys_writing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("chassis.store_sqlite._result", lambda *_: 1 // 0)
        with pytest.raises(StoreUnavailable):
            await put(store, a_thing("one"))
    await put(store, a_thing("two"))
    assert (await store.get(THINGS, "one"), (await read(store, "two")).version) == (None, 1)
