"""Is a backup whole, and does it hold together?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chassis.backup import files
from chassis.backup.files import BackupRefused
from chassis.backup.ports import Kept
from chassis.backup.save import moved_path_of, path_of, producer_and_sequence, topic_path_of


def check(folder: Path) -> dict[str, Any]:
    """The manifest of a backup whose files are what it says and whose documents fit together. Raises BackupRefused.

    Takes memory for the marks of every case, about 1 kB each.
    """
    manifest = check_files(folder)
    emitted: dict[str, dict[str, int]] = {}
    waiting: dict[str, set[tuple[str, int]]] = {}
    heard: list[tuple[str, str, str, int]] = []
    for service, collection in aggregates(manifest):
        said = emitted.setdefault(service, {})
        for kept in documents(folder, manifest, service, collection):
            said[kept.id] = max(said.get(kept.id, 0), kept.emitted)
            waiting.setdefault(service, set()).update((kept.id, event.sequence) for event in kept.unsent)
            heard += [(service, kept.id, producer, mark) for producer, mark in kept.seen.items()]
    last = _last_records(folder, manifest)
    for service, key, producer, mark in heard:
        ends = emitted.get(producer, {}).get(key)
        if producer not in manifest["stores"] or (ends is None and (producer, key) not in last):
            continue  # services remove the stone of a case each at its own time, long after its last event
        if mark > (ends or 0):
            raise BackupRefused(f"{key}: {service} has heard event {mark} of {producer}, which has not said it")
    _check_said(last, emitted, waiting)
    return manifest


def check_files(folder: Path) -> dict[str, Any]:
    """The manifest; BackupRefused unless each file has its digest."""
    manifest = files.read_manifest(folder)
    for path, said in manifest["files"].items():
        try:
            found = files.digest_of(folder / path)
        except OSError as why:
            raise BackupRefused(f"{path} cannot be read: {type(why).__name__}") from None
        if found != said["sha256"]:
            raise BackupRefused(f"{path} is not the file that was saved: its digest differs")
    return manifest


def aggregates(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(service, collection) of the documents that events are handled on."""
    return [(service, name) for service, store in manifest["stores"].items() for name in store["aggregates"]]


def documents(folder: Path, manifest: Mapping[str, Any], service: str, collection: str) -> Iterator[Kept]:
    """Of a collection, each once: those that moved during the save as they were read last."""
    moved = moved_path_of(service, collection)
    later = files.read_lines(folder / moved) if moved in manifest["files"] else iter(())
    passed = {line["id"] for line in later}
    path = path_of(service, collection)
    if path in manifest["files"]:
        for line in files.read_lines(folder / path):
            if line["id"] not in passed:
                yield files.kept_of_line(line)
    if passed:
        lines = files.read_lines(folder / moved)
        yield from (files.kept_of_line(line["document"]) for line in lines if line["document"] is not None)


def collections(manifest: Mapping[str, Any], service: str) -> list[str]:
    store = manifest["stores"][service]
    return sorted({*store["collections"], *store["aggregates"]})


def _last_records(folder: Path, manifest: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Per producer and key the last sequence in its topic; from the first that it still holds, none is missing."""
    last: dict[tuple[str, str], int] = {}
    for topic in manifest["topics"]:
        for line in files.read_lines(folder / topic_path_of(topic)):
            received = files.received_of_line(topic, line)
            producer, sequence = producer_and_sequence(received)
            if producer not in manifest["stores"]:
                continue
            place = producer, received.key
            if sequence > last.get(place, sequence) + 1:
                raise BackupRefused(f"{received.key}: {topic} lacks event {last[place] + 1}")
            last[place] = max(last.get(place, 0), sequence)
    return last


def _check_said(
    last: Mapping[tuple[str, str], int],
    emitted: Mapping[str, Mapping[str, int]],
    waiting: Mapping[str, set[tuple[str, int]]],
) -> None:
    """The records of a key end where its author's document does, but for those that the document still has to send."""
    for (producer, key), sequence in last.items():
        said = emitted.get(producer, {}).get(key)
        if said is None:  # its document is gone for good: it ended long ago
            continue
        if sequence > said:
            raise BackupRefused(f"{key}: the topic holds event {sequence} of {producer}, whose document ends at {said}")
        lacks = [number for number in range(sequence + 1, said + 1) if (key, number) not in waiting.get(producer, ())]
        if lacks:
            raise BackupRefused(f"{key}: event {lacks[0]} of {producer} is neither in its topic nor waiting to be sent")
