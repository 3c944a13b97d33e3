"""Every assessment and every determination of a town, made again in fresh processes: the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from chassis.store import Document
from contracts.canonical import canonical_json
from tests.town import Town

ROOT = Path(__file__).parents[2]
PLACES = [("1", "UTC"), ("4242", "America/St_Johns")]


async def recomputed_everywhere(town: Town) -> int:
    """Fails when anything differs in a process with another hash seed and time zone; how much was compared."""
    stored = []
    for document in await _all(town, "intake", "cases"):
        if document.data["status"] != "erased":
            for made in document.data["determinations"]:
                stored.append({"kind": "determination", "case": document.data, "made": made})
    for service in ("equivalence", "competition"):
        for document in await _all(town, service, "assessed_cases"):
            for made in document.data.get("assessments") or ():
                stored.append({"kind": service, "made": made})
    assert stored, "nothing to compare"
    text = json.dumps(stored, ensure_ascii=False)
    for seed, zone in PLACES:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)}
        again = subprocess.run(
            [sys.executable, "-m", "tests.journeys.recomputing"],
            input=text.encode(),
            env=environment,
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=240,
        )
        assert again.stdout.splitlines() == [_expected(entry) for entry in stored]
    return len(stored)


async def _all(town: Town, service: str, collection: str) -> list[Document]:
    return await town.services[service].store.find(collection, {}, limit=10_000)


def _expected(entry: dict[str, Any]) -> bytes:
    made = entry["made"]
    if entry["kind"] == "determination":
        return canonical_json({name: made[name] for name in sorted(made) if name not in GIVEN})
    return canonical_json(made["result"])


GIVEN = {"id", "number", "supersedes", "because", "at"}  # what a case gives to a determination


def _again(entry: dict[str, Any]) -> Any:
    from services.competition import assessments as competition
    from services.equivalence import assessments as equivalence
    from services.intake.judging import recompute

    if entry["kind"] == "determination":
        return recompute(entry["case"], entry["made"])
    return {"equivalence": equivalence, "competition": competition}[entry["kind"]].recompute(entry["made"])


if __name__ == "__main__":
    for one in json.load(sys.stdin):
        sys.stdout.buffer.write(canonical_json(_again(one)) + b"\n")
