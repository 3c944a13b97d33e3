"""Counting work: [start, end) months, what overlaps once, to the end of the round year."""

from __future__ import annotations

from collections.abc import Iterable

from services.equivalence.domain.values import Work


def months_counted(work: Iterable[Work], until: int) -> int:
    """Months before `until` in which at least one of the jobs was held; a job without an end continues to `until`."""
    total = 0
    covered = 0  # months before this one are counted
    for start, end in sorted((job.start, until if job.end is None else min(job.end, until)) for job in work):
        total += max(0, end - max(start, covered))
        covered = max(covered, end)
    return total
