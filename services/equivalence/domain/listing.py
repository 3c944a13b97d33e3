"""What a list version says of a certificate and grade, and which version was in force on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from services.equivalence.domain.names import day_en, day_zh
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import Text


class Listing(Enum):
    """A gap in our data is never read as an absence from the list."""

    LISTED = "listed"
    OTHER_CLASSES_ONLY = "other-classes-only"  # the row is known, and its source names all its classes: not this one
    NOT_LISTED = "not-listed"  # only where every row of the class is known to us
    NOT_KNOWN = "not-known-to-us"


def listing_of(policy: ListVersion, certificate: str, grade: str, class_id: str) -> Listing:
    """Does the class have a row of this certificate and grade of holder?"""
    row = policy.row(certificate, grade)
    if row is not None and class_id in row.classes:
        return Listing.LISTED
    if row is not None and row.complete:
        return Listing.OTHER_CLASSES_ONLY
    if policy.rows_known(class_id) == policy.classes[class_id].rows_total:
        return Listing.NOT_LISTED
    return Listing.NOT_KNOWN


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which versions may have been in force on a day, oldest first. `certain`: exactly these were."""

    candidates: tuple[ListVersion, ...]
    certain: bool
    text: Text


def versions_on(lists: Sequence[ListVersion], jurisdiction: str, day: date) -> AsOf:
    """The version in force, or both candidates in a span in which the change is not known to the day."""
    own = sorted((each for each in lists if each.jurisdiction == jurisdiction), key=lambda each: each.earliest.day)
    followers = {each.supersedes: each for each in own if each.supersedes is not None}
    candidates = []
    unsure = []
    for each in own:
        follower = followers.get(each.version)
        if each.earliest.day <= day and (follower is None or day < follower.latest.day):
            candidates.append(each)
        if each.earliest.day <= day < each.latest.day:
            unsure.append(each)
    return AsOf(tuple(candidates), not unsure, _in_force_on(day, candidates, unsure))


def _in_force_on(day: date, candidates: Sequence[ListVersion], unsure: Sequence[ListVersion]) -> Text:
    if not candidates:
        en = f"No list version known to us was in force on {day_en(day)}."
        return Text(f"本系统掌握的清单版本中，{day_zh(day)}没有已施行的版本。", en)
    names_zh = "版或".join(each.version for each in candidates)
    names_en = " or ".join(each.version for each in candidates)
    if not unsure:
        return Text(f"{day_zh(day)}施行的是清单{names_zh}版。", f"Version {names_en} was in force on {day_en(day)}.")
    spans_zh = "；".join(
        f"{each.version}版的施行日期尚未掌握，应在{day_zh(each.earliest.day)}至{day_zh(each.latest.day)}之间"
        for each in unsure
    )
    spans_en = "; ".join(
        f"the day on which {each.version} came into force is not known to us, it lies between "
        f"{day_en(each.earliest.day)} and {day_en(each.latest.day)}"
        for each in unsure
    )
    if len(candidates) == 1:
        return Text(
            f"{day_zh(day)}可能已施行清单{names_zh}版，也可能尚未施行任何版本：{spans_zh}。",
            f"On {day_en(day)} version {names_en} was in force or no list was: {spans_en}.",
        )
    en = f"Version {names_en} was in force on {day_en(day)}: {spans_en}."
    return Text(f"{day_zh(day)}施行的可能是清单{names_zh}版：{spans_zh}。", en)
