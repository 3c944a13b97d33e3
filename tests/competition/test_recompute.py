"""Every kept assessment can be made again: in a fresh process, with another hash seed, in another time zone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.canonical import canonical_json, digest
from services.competition.assessments import recompute
from services.competition.store import CASES
from tests.competition.office import EDITION, a_file, a_member_row, a_number, a_row, amended, an_office, submitted

ROOT = Path(__file__).parents[2]
AGAIN = """
import json, sys
from contracts.canonical import canonical_json
from services.competition.assessments import recompute
for kept in json.load(sys.stdin):
    sys.stdout.buffer.write(canonical_json(recompute(kept)) + b"\\n")
"""


def in_a_fresh_process(assessments: list[dict[str, object]], *, seed: str, zone: str) -> list[bytes]:
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        input=json.dumps(assessments).encode(),
        capture_output=True,
        check=True,
        timeout=240,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone},
    )
    return done.stdout.splitlines()


async def test_every_assessment_is_made_again_byte_for_byte(tmp_path):
    async with an_office(tmp_path, rosters=True) as office:
        me = a_number()
        claims = [
            (EDITION, "P-1", "technical-lead"),
            (EDITION, "SYN-2024-002", "project-lead"),
            ("sh-ymec-2023", "P-1", "member"),
            ("sh-ymec-2030", "P-1", "other"),
        ]
        await office.hears(submitted("a", me, *claims, titles=[("engineering", "intermediate", 2019)]))
        await office.hears(submitted("b", "990000198509230032", *claims[1:]))
        await office.hears(submitted("c", a_number()))
        await office.take(a_file(a_row("P-1", a_member_row(me), a_member_row(a_number()))))
        await office.reassess()
        await office.hears(amended("a", me, *claims[2:]))
        await office.take(a_file(a_row("P-1", a_member_row(me), disqualified=True), file_id="f-2"))
        await office.reassess()
        cases = await office.store.find(CASES, {})
        kept = [assessment for case in cases for assessment in case.data["assessments"]]

    assert len(kept) >= 5
    results = [canonical_json(assessment["result"]) for assessment in kept]
    assert [digest(json.loads(result)) for result in results] == [assessment["result_digest"] for assessment in kept]
    for seed, zone in (("1", "America/New_York"), ("4242", "Asia/Kathmandu")):
        assert in_a_fresh_process(kept, seed=seed, zone=zone) == results


def test_an_assessment_made_by_other_rules_is_not_passed_off_as_made_by_these():
    with pytest.raises(ValueError, match="competition-rules-0"):
        recompute({"rules_version": "competition-rules-0"})
