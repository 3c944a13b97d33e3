"""The policy files: nothing without a source, nothing that has no canonical form, nothing that changes unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.canonical import canonical_json, digest
from contracts.certificates import certificates
from services.equivalence import policy_files
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import CONFIDENCE

# A published version never changes. A digest that differs from the one below means that a file was edited: a correction
# is a new version, and rounds that name the old digest would refuse it.
PUBLISHED = {
    "pudong-2021": "sha256:4054755e818511ba6294f4abc31107609552057fef6ec1c903ed1b95979fe4c0",
    "1.0": "sha256:76b87347eb8b3bff3664f93dc55d89f320b98b9cd2dcd41f46557f54eca904f4",
    "2.0": "sha256:fba51676ed924109a4387139dac9d118a1a4be1c7cf3762fd3777f868b0f0009",
    "3.0": "sha256:73d9f92ec3253a845e5dfcfe0680182ba214e2cf33bf1014ec00a9a1c39db2a1",
}


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside a value."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)


def documents() -> list[dict[str, Any]]:
    lists = [dict(each.content) for each in policy_files.lists()]
    return [*lists, dict(policy_files.supplementary().content), *(dict(each) for each in policy_files.mentions())]


def test_published_versions_keep_their_digests() -> None:
    assert policy_files.list_digests() == PUBLISHED


def test_the_digest_survives_a_round_trip_through_json() -> None:
    for each in policy_files.lists():
        assert digest(json.loads(canonical_json(each.content))) == each.digest


def test_every_source_that_is_named_is_known() -> None:
    known = policy_files.sources()
    for part in parts(documents()):
        for name in (*part.get("sources", ()), *([part["source"]] if "source" in part else ())):
            assert name in known, part


def test_every_source_in_the_table_is_cited() -> None:
    cited = {name for part in parts(documents()) for name in part.get("sources", ())}
    cited |= {part["source"] for part in parts(documents()) if "source" in part}

    assert cited == set(policy_files.sources())


def test_everything_with_a_source_says_how_sure_we_are() -> None:
    for part in parts(documents()):
        if "sources" in part and "level_confidence" not in part:
            assert part["confidence"] in CONFIDENCE, part


def test_every_sentence_is_there_in_both_languages() -> None:
    for part in parts(documents()):
        if "zh" in part or "en" in part:
            assert part["zh"], part
            assert part["en"], part


@pytest.mark.parametrize("version", sorted(PUBLISHED))
def test_rows_name_certificates_and_grades_of_the_vocabulary(version: str) -> None:
    [published] = [each for each in policy_files.lists() if each.version == version]
    policy = ListVersion.parse(published.content)
    for row in policy.rows:
        assert row.grade is None or row.grade in certificates()[row.certificate].grades
        assert row.certificate in certificates()
        assert set(row.classes) <= set(policy.classes)


def test_arrangements_name_certificates_and_grades_of_the_vocabulary() -> None:
    for each in policy_files.supplementary().content["arrangements"]:
        for certificate in each["from"].get("certificates", ()):
            assert set(each["from"]["grades"] or ()) <= set(certificates()[certificate].grades)


def test_no_version_knows_more_rows_than_were_published() -> None:
    for each in policy_files.lists():
        policy = ListVersion.parse(each.content)
        for id, its_class in policy.classes.items():
            assert its_class.rows_total is None or policy.rows_known(id) <= its_class.rows_total


def test_a_version_comes_into_force_between_its_bounds() -> None:
    for each in policy_files.lists():
        policy = ListVersion.parse(each.content)
        assert policy.earliest.day <= policy.latest.day
        stated = each.content["in_force"]["from"]
        assert (stated is not None) == (policy.earliest.day == policy.latest.day)
