"""A backup as files: JSON lines, compressed, each with its digest in the manifest, which is written last.

Everything is open to its owner alone (mode 0600 in a folder of mode 0700).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from chassis.backup.ports import Kept
from chassis.bus import Partition, Received, Record
from chassis.store import Outgoing

FORMAT = 1
MANIFEST = "manifest.json"
READ_BYTES = 1 << 20


class BackupRefused(Exception):
    """The backup or the place cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Written:
    lines: int
    sha256: str


class Lines:
    """Writes one file. `with Lines(path) as lines: lines.add(value)`; afterwards `lines.written`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self.written = Written(0, "")

    def __enter__(self) -> Self:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._gzip = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=3, mtime=0)
        return self

    def add(self, value: Mapping[str, Any]) -> None:
        self._gzip.write(orjson.dumps(value) + b"\n")
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.written = Written(self._count, digest_of(self._path))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rb") as file:
        for line in file:
            yield orjson.loads(line)


def digest_of(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            found.update(part)
    return found.hexdigest()


def new_folder(folder: Path) -> None:
    """Raises BackupRefused when something is there."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BackupRefused(f"{folder} is there already; name a new folder") from None


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    partly = folder / f".{MANIFEST}"
    with os.fdopen(os.open(partly, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partly.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises BackupRefused for what is no whole backup of a format that this release reads."""
    try:
        manifest: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise BackupRefused(f"{folder} holds no {MANIFEST}: no backup, or one that was cut off") from None
    except (OSError, ValueError) as why:
        raise BackupRefused(f"{folder / MANIFEST} cannot be read: {type(why).__name__}") from None
    if manifest.get("format") != FORMAT:
        raise BackupRefused(f"a backup of format {manifest.get('format')}; this release reads format {FORMAT}")
    return manifest


def kept_as_line(kept: Kept) -> dict[str, Any]:
    return {
        "id": kept.id,
        "version": kept.version,
        "data": kept.data,
        "seen": kept.seen,
        "emitted": kept.emitted,
        "unsent": [
            {
                "sequence": event.sequence,
                "topic": event.record.topic,
                "key": event.record.key,
                "headers": event.record.headers,
                "value": base64.b64encode(event.record.value).decode(),
            }
            for event in kept.unsent
        ],
    }


def kept_of_line(line: Mapping[str, Any]) -> Kept:
    unsent = tuple(
        Outgoing(
            event["sequence"],
            Record(event["topic"], event["key"], _pairs(event["headers"]), base64.b64decode(event["value"])),
        )
        for event in line["unsent"]
    )
    return Kept(line["id"], line["version"], line["data"], line["seen"], line["emitted"], unsent)


def received_as_line(received: Received) -> dict[str, Any]:
    return {
        "partition": received.partition.number,
        "offset": received.offset,
        "at": received.at,
        "key": received.key,
        "headers": received.headers,
        "value": None if received.value is None else base64.b64encode(received.value).decode(),
    }


def received_of_line(topic: str, line: Mapping[str, Any]) -> Received:
    return Received(
        Partition(topic, line["partition"]),
        line["offset"],
        topic,
        line["key"],
        _pairs(line["headers"]),
        None if line["value"] is None else base64.b64decode(line["value"]),
        line["at"],
    )


def offsets_as_text(offsets: Mapping[Partition, int]) -> dict[str, int]:
    return {f"{part.topic}/{part.number}": offset for part, offset in sorted(offsets.items())}


def offsets_of_text(offsets: Mapping[str, int]) -> dict[Partition, int]:
    found = {}
    for name, offset in offsets.items():
        topic, _, number = name.rpartition("/")
        found[Partition(topic, int(number))] = offset
    return found


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in headers)
