"""The list of safeguards follows the code and the tests that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.safeguards import BITES, Bite

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("bite", BITES, ids=lambda bite: bite.safeguard)
def test_a_safeguard_stands_once_in_the_code_and_its_tests_are_there(bite: Bite) -> None:
    assert (ROOT / bite.file).read_text("utf-8").count(bite.code) == 1
    for test in bite.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text("utf-8")
