"""A backup through a pipe: encrypted on its way, whole or refused at its end."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from chassis.adapters import open_bus, open_store
from chassis.backup import __main__ as command
from chassis.backup.files import BackupRefused
from chassis.backup.stream import unpack
from chassis.bus import Topic
from chassis.store import create
from contracts.topics import topics
from tests.waiting import until

ROOT = Path(__file__).parents[2]
BACKUP = f"'{sys.executable}' -m chassis.backup"
OPENSSL = "openssl enc -aes-256-cbc -pbkdf2 -pass file:password"
ENCRYPT, DECRYPT = (OPENSSL, f"{OPENSSL} -d") if shutil.which("openssl") else ("gzip -c", "gzip -dc")


def places(folder: Path) -> dict[str, str]:
    given = {f"{name.upper()}_STORE_URL": f"sqlite:{folder}/{name}.db" for name in command.SERVICES}
    return given | {f"{name.upper()}_BUS_URL": f"local:{folder}/bus.db" for name in command.SERVICES}


async def a_system(folder: Path) -> None:
    bus = await open_bus(f"local:{folder}/bus.db")
    await bus.setup([Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()])
    await bus.close()
    for name in command.SERVICES:
        store = await open_store(f"sqlite:{folder}/{name}.db")
        await store.setup(["things"], [])
        await store.write([create("things", f"thing-of-{name}", {"name": "example one"})])
        await store.close()


def run(folder: Path, line: str, environment: Mapping[str, str], **more: str) -> subprocess.CompletedProcess[bytes]:
    (folder / "password").write_text("a test's own\n")
    pipe = ["bash", "-o", "pipefail", "-c", line]
    settings = {**os.environ, **environment, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), **more}
    (folder / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(pipe, cwd=folder, env=settings, capture_output=True, timeout=300, check=False)
    assert list((folder / "tmp").iterdir()) == [], "nothing of it stays behind"
    return done


async def test_a_backup_is_encrypted_and_restored_by_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    await a_system(tmp_path)

    saved = run(tmp_path, f"{BACKUP} save - | {ENCRYPT} > saved", places(tmp_path))
    assert saved.returncode == 0, saved.stderr
    assert b"1 documents" in saved.stderr
    assert b"thing" not in (tmp_path / "saved").read_bytes()

    listed = run(tmp_path, f"{DECRYPT} < saved | {BACKUP} list -", {})
    assert b"things 1" in listed.stdout, listed.stderr
    restored = run(tmp_path, f"{DECRYPT} < saved | {BACKUP} restore -", places(tmp_path / "new"))
    assert restored.returncode == 0, restored.stderr
    for name in command.SERVICES:
        store = await open_store(f"sqlite:{tmp_path}/new/{name}.db?mode=ro")
        there = await store.get("things", f"thing-of-{name}")
        await store.close()
        assert there is not None
        assert there.data == {"name": "example one"}


async def test_a_stream_that_was_cut_off_or_does_not_open_is_refused(tmp_path: Path) -> None:
    await a_system(tmp_path)
    run(tmp_path, f"{BACKUP} save - > saved", places(tmp_path))
    whole = (tmp_path / "saved").read_bytes()

    manifest = whole.index(b"manifest.json")
    for end in (0, 700, manifest, manifest + 700):
        (tmp_path / "part").write_bytes(whole[:end])
        refused = run(tmp_path, f"{BACKUP} check - < part", {})
        assert refused.returncode == 1, end
        assert b"Traceback" not in refused.stderr
    (tmp_path / "part").write_bytes(os.urandom(20_000))
    assert run(tmp_path, f"{BACKUP} check - < part", {}).returncode == 1
    assert run(tmp_path, f"{BACKUP} check - < saved", {}).returncode == 0


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
async def test_a_command_that_is_ended_from_outside_leaves_no_files(tmp_path: Path, ending: signal.Signals) -> None:
    """Also when its terminal goes away."""
    await a_system(tmp_path)
    run(tmp_path, f"{BACKUP} save - > saved", places(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chassis.backup", "check", "-"),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),  # the tests may run under nohup
    )
    assert process.stdin is not None
    process.stdin.write((tmp_path / "saved").read_bytes()[:15_000])

    async def files_lie_there() -> bool:
        return any(path.is_file() for path in (tmp_path / "tmp").rglob("*"))

    await until(files_lie_there, seconds=60)
    process.send_signal(ending)
    await asyncio.wait_for(process.wait(), 60)

    assert process.returncode != 0
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/b/c", "topics/../../outside"])
def test_a_stream_writes_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    stream, folder = io.BytesIO(), tmp_path / "backup"
    folder.mkdir()
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    stream.seek(0)

    with pytest.raises(BackupRefused, match="no backup"):
        unpack(stream, folder)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_link_in_a_stream_is_refused(tmp_path: Path) -> None:
    stream, link = io.BytesIO(), tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        tar.addfile(link)
    stream.seek(0)

    with pytest.raises(BackupRefused):
        unpack(stream, tmp_path)

    assert list(tmp_path.iterdir()) == []
