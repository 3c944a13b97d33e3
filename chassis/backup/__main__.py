"""`python -m chassis.backup save|check|list|since|restore FOLDER`: backup and restore of the whole system.

FOLDER `-` is a pipe: the backup as one stream on standard output or input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic_settings import SettingsConfigDict

from chassis.backup.adapters import open_bus_archive, open_store_archive
from chassis.backup.check import check
from chassis.backup.files import BackupRefused, read_manifest
from chassis.backup.ports import BusArchive, StoreArchive
from chassis.backup.restore import restore
from chassis.backup.save import save
from chassis.backup.since import since
from chassis.backup.stream import pack, unpack
from chassis.bus import BusUnavailable, Topic
from chassis.owned_file import FileRefused
from chassis.settings import ServiceSettings
from chassis.store import StoreUnavailable
from contracts.topics import heard_by, topics

SERVICES = sorted({topic.producer for topic in topics()})
PIPE = Path("-")
OWNER = "intake"  # of what comes from outside and is said by nobody else


def places(service: str) -> ServiceSettings:
    """Store and bus of a service, from the variables that the service itself reads."""

    class Places(ServiceSettings):
        model_config = SettingsConfigDict(env_prefix=f"{service.upper()}_", frozen=True, hide_input_in_errors=True)

    return Places()


def _bus_url() -> str:
    urls = {places(service).bus_url.get_secret_value() for service in SERVICES}
    if len(urls) > 1:
        raise BackupRefused("the services do not name the same bus: see <SERVICE>_BUS_URL")
    return urls.pop()


@asynccontextmanager
async def opened(*, writable: bool) -> AsyncIterator[tuple[dict[str, StoreArchive], BusArchive]]:
    """All stores and the bus of the environment."""
    settings = {service: places(service) for service in SERVICES}
    async with AsyncExitStack() as closing:
        bus = await open_bus_archive(_bus_url())
        closing.push_async_callback(bus.close)
        stores = {}
        for service, each in settings.items():
            stores[service] = await open_store_archive(each.store_url.get_secret_value(), writable=writable)
            closing.push_async_callback(stores[service].close)
        yield stores, bus


async def _save(folder: Path) -> dict[str, Any]:
    named = [Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()]
    groups = {f"zhicheng.{service}": heard_by(service) for service in SERVICES if heard_by(service)}
    async with opened(writable=False) as (stores, bus):
        return await save(folder, stores, bus, named, groups, _say)


async def _restore(folder: Path) -> dict[str, Any]:
    async with opened(writable=True) as (stores, bus):
        return await restore(folder, stores, bus, _say)


async def _since(folder: Path) -> None:
    bus = await open_bus_archive(_bus_url())
    try:
        for said in await since(folder, bus):
            if said.service == OWNER:
                line = {"case_id": said.key, "partner_id": said.partner_id, "said": said.types}
                print(json.dumps(line), flush=True)
    finally:
        await bus.close()


@contextmanager
def _folder(asked: Path, command: str) -> Iterator[Path]:
    """Where the backup lies as files. Of a pipe: in a folder of the system's for such things, and gone afterwards."""
    if asked != PIPE:
        yield asked
        return
    if command == "save" and sys.stdout.isatty():
        raise BackupRefused("a backup is no text for a terminal: pipe it into another program or a file")
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):  # by an ordinary end, which takes the folder away
        if signal.getsignal(asked_to_end) is not signal.SIG_IGN:  # as under nohup
            signal.signal(asked_to_end, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="backup-") as made:  # mode 0700
        folder = Path(made) / "backup"
        if command == "save":
            yield folder
            pack(folder, sys.stdout.buffer)
        else:
            folder.mkdir(mode=0o700)
            unpack(sys.stdin.buffer, folder)
            yield folder


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _told(manifest: dict[str, Any]) -> str:
    lines = [f"release {manifest['release']}, {manifest['began']} to {manifest['ended']}, {manifest['bus']}"]
    for service, store in manifest["stores"].items():
        counts = ", ".join(f"{name} {count}" for name, count in store["collections"].items())
        lines.append(f"{service} ({store['server']}): {counts}")
    lines += [f"{name}: {topic['records']} records" for name, topic in manifest["topics"].items()]
    return "\n".join(lines + [f"note: {note}" for note in manifest["notes"]]) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chassis.backup",
        description="Saves and restores all stores, the topics and the groups' offsets. Addresses come from the "
        "variables of the services: <SERVICE>_STORE_URL and <SERVICE>_BUS_URL, or the same with _FILE.",
        epilog="A backup holds personal data and is not encrypted. Its files have mode 0600; keep them on an encrypted "
        "volume, or name the folder - and pipe it through a program that encrypts; apart from the keys, and no longer "
        "than your rules allow.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("save", "make a backup in a new folder, while everything runs"),
        ("check", "are the files those that were saved, and do documents and topics fit together?"),
        ("list", "what a backup holds"),
        (
            "since",
            "what a bus that is still there knows of the time after a backup: a JSON line per case",
        ),
        ("restore", "put a backup into empty stores and an empty bus, while no service runs"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("folder", type=Path, help="or - for standard output (save) or input")
    return parser


def _do(command: str, folder: Path) -> str:
    match command:
        case "save":
            return _told(asyncio.run(_save(folder)))
        case "restore":
            return _told(asyncio.run(_restore(folder)))
        case "since":
            asyncio.run(_since(folder))
            return ""
        case "check":
            return _told(check(folder))
        case _:
            return _told(read_manifest(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it was done, 1 when it was refused or a server did not answer; the reason goes to stderr."""
    asked = _parser().parse_args(arguments)
    try:
        with _folder(asked.folder, asked.command) as folder:
            told = _do(asked.command, folder)
        print(told, end="", file=sys.stderr if (asked.command, asked.folder) == ("save", PIPE) else sys.stdout)
    except (BackupRefused, BusUnavailable, StoreUnavailable, FileRefused, OSError) as why:
        print(f"{asked.command}: {why}", file=sys.stderr)
        return 1
    except ValueError as why:  # settings; their texts may hold a URL with a password
        print(f"{asked.command}: settings refused ({type(why).__name__})", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
