"""What an application costs at the ports. Counts are compared exactly, times never."""

from __future__ import annotations

import json

from benchmarks.counted import BASELINE, step_by_step


async def test_an_application_costs_what_the_baseline_says() -> None:
    """A change that makes it cheaper or dearer says so: `.venv/bin/python -m benchmarks --baseline`, and commit it."""
    counted = await step_by_step(3)

    assert counted.exact() == json.loads(BASELINE.read_text("utf-8"))
