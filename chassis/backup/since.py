"""What a bus that is still there knows of the time after a backup: what a restore will have forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from chassis.backup.check import aggregates, check_files, documents
from chassis.backup.ports import BusArchive
from chassis.backup.save import producer_and_sequence


@dataclass(slots=True)
class Said:
    """Events of a key that its author, as saved, has not said, in their order."""

    service: str
    key: str
    partner_id: str
    types: list[str] = field(default_factory=list)


async def since(folder: Path, bus: BusArchive) -> list[Said]:
    """Per service and key what was said after the backup. Raises BackupRefused, BusUnavailable.

    What was never said (an application that had not left its store) no topic knows.
    """
    manifest = check_files(folder)
    emitted: dict[tuple[str, str], int] = {}
    for service, collection in aggregates(manifest):
        for kept in documents(folder, manifest, service, collection):
            emitted[service, kept.id] = max(emitted.get((service, kept.id), 0), kept.emitted)
    found: dict[tuple[str, str], Said] = {}
    for topic in manifest["topics"]:
        async for received in bus.read(topic):
            service, sequence = producer_and_sequence(received)
            place = service, received.key
            if service not in manifest["stores"] or sequence <= emitted.get(place, 0):
                continue
            emitted[place] = sequence  # a repeat is no news
            said = found.setdefault(place, Said(service, received.key, received.header("ce_partnerid") or ""))
            said.types.append(received.header("ce_type") or "")
    return list(found.values())
