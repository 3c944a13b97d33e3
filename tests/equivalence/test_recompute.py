"""Each assessment can be made again from what is stored, in a fresh process, byte for byte."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.canonical import canonical_json, digest
from services.equivalence.assessments import recompute
from tests.equivalence.office import an_office, case_id_of, some_filed_facts, submitted

ROOT = Path(__file__).parents[2]
AGAIN = """
import sys, json
from contracts.canonical import canonical_json
from services.equivalence.assessments import recompute
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(canonical_json(recompute(json.loads(line))) + b"\\n")
"""


async def every_kind_of_assessment(folder: Path) -> list[dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = {
        "cgma": {},
        "acca": {"facts": some_filed_facts(certificates=[_certificate("acca", "member")])},
        "none": {"facts": some_filed_facts(certificates=[])},
        "several": {
            "facts": some_filed_facts(
                certificates=[
                    _certificate("acca", "fellow"),
                    _certificate("hkicpa", "member"),
                    _certificate("pmp", "holder"),
                ],
                titles=[{"series": "accounting", "level": "intermediate", "appointed_year": 2015}],
                employer={"kind": "public-institution", "free_post": True},
            )
        },
        "unknown": {"version": "3.0", "round_year": 2026, "received_on": "2026-03-01"},
        "third round": {
            "version": "2.0",
            "round": "sh-overseas-3",
            "facts": some_filed_facts(earlier_rounds=["sh-overseas-2", "sh-overseas-1"]),
        },
    }
    async with an_office(folder) as office:
        for name, changes in cases.items():
            await office.hears(submitted(name, **changes))
        made = [(await office.store.get("assessed_cases", case_id_of(name))) for name in cases]
        return [each.data["assessments"][0] for each in made if each is not None]


def made_again(lines: bytes, environment: dict[str, str]) -> bytes:
    """What a fresh process makes of stored assessments, one a line."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        input=lines,
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=240,
        env={**os.environ, **environment},
    )
    return done.stdout


def _certificate(certificate: str, grade: str) -> dict[str, Any]:
    return {"certificate": certificate, "grade": grade, "issued": "2016-05", "lapses": None}


@pytest.mark.parametrize(("seed", "zone"), [("1", "America/St_Johns"), ("4242", "Pacific/Kiritimati")])
async def test_a_fresh_process_with_another_hash_seed_and_time_zone_makes_the_same_bytes(
    tmp_path: Path, seed: str, zone: str
) -> None:
    stored = await every_kind_of_assessment(tmp_path)
    lines = b"\n".join(json.dumps(each).encode() for each in stored)

    made = await asyncio.to_thread(made_again, lines, {"PYTHONHASHSEED": seed, "TZ": zone})

    assert made.splitlines() == [canonical_json(each["result"]) for each in stored]
    assert [each["result_digest"] for each in stored] == [digest(each["result"]) for each in stored]


async def test_an_assessment_of_other_rules_is_not_recomputed_by_these(tmp_path: Path) -> None:
    [first, *_] = await every_kind_of_assessment(tmp_path)

    with pytest.raises(ValueError, match="made by rules 0"):
        recompute({**first, "rules_version": "0"})


async def test_a_policy_that_is_not_there_is_not_replaced_by_another(tmp_path: Path) -> None:
    [first, *_] = await every_kind_of_assessment(tmp_path)

    with pytest.raises(KeyError):
        recompute({**first, "list": {**first["list"], "digest": "sha256:" + "0" * 64}})
