"""Intake's policy files: what they may say, and that each entry says where it is from."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest
import yaml

from services.intake.domain import wording
from services.intake.domain.fitting import Education, Facts, Held
from services.intake.domain.ladder import DEGREES, LEVELS
from services.intake.domain.ordinary import Target, judge
from services.intake.fields import LevelId, SeriesId
from services.intake.policy import FOLDER, load_ladder, load_rounds

LADDER = load_ladder()


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_series_and_levels_of_the_filing_are_those_of_the_table_of_titles() -> None:
    assert list(get_args(SeriesId)) == list(LADDER.series)
    assert get_args(LevelId) == LEVELS == tuple(LADDER.levels)


def test_every_clause_names_sources_that_are_described() -> None:
    content = read("ladder.yaml")
    for clause in content["clauses"].values():
        assert clause["sources"]
        assert set(clause["sources"]) <= set(content["sources"])
        assert clause["confidence"] in ("official", "news", "inferred")
    used = {source for clause in content["clauses"].values() for source in clause["sources"]}
    assert used == set(content["sources"])


def test_every_table_names_titles_and_degrees_that_exist() -> None:
    places = [(table.series, table.level, table.jurisdiction) for table in LADDER.tables]
    assert len(set(places)) == len(places)
    for table in LADDER.tables:
        assert (table.series, table.level) in LADDER.titles
        for row in table.rows or ():
            assert row.needs.degree in DEGREES
            assert row.prior is None or (table.series, row.prior) in LADDER.titles
            assert row.prior is None or LEVELS.index(row.prior) == LEVELS.index(table.level) - 1
            assert all(wording.has_words(code) for code in row.conditions)
        assert all(wording.has_words(condition.code) for condition in table.conditions)
    for clauses in LADDER.outstanding.values():
        assert all(wording.has_words(clause.id) for clause in clauses)


def test_the_digest_of_the_ladder_is_that_of_its_content() -> None:
    assert LADDER.digest == load_ladder().digest
    assert LADDER.digest.startswith("sha256:")


def test_more_than_enough_opens_every_title_whose_years_we_know() -> None:
    for table in LADDER.tables:
        prior = LEVELS[LEVELS.index(table.level) - 1]
        facts = Facts((Education("doctorate", "engineering", 1990),), (), (Held(table.series, prior, 1995),))
        answer = judge(
            facts, LADDER, jurisdiction=table.jurisdiction, year=2026, target=Target(table.series, table.level)
        )
        assert answer.status == ("not-known" if table.rows is None else "open-if")


def test_made_up_rounds_are_loaded_only_where_they_are_asked_for() -> None:
    real, all_of_them = load_rounds(False), load_rounds(True)
    assert not any(found.synthetic for found in real.values())
    made_up = {id for id, found in all_of_them.items() if found.synthetic}
    assert made_up == {"demo-2024", "demo-2026"} == set(all_of_them) - set(real)


@pytest.mark.parametrize(
    ("day", "open"),
    [("2023-12-31", False), ("2024-01-01", True), ("2024-12-31", True), ("2025-01-01", False)],
)
def test_a_round_is_open_from_its_first_to_its_last_day(day: str, open: bool) -> None:
    assert load_rounds(True)["demo-2024"].is_open(date.fromisoformat(day)) is open


def test_nothing_can_be_filed_in_a_round_whose_window_is_not_known() -> None:
    for found in load_rounds(False).values():
        assert found.source in read("rounds.yaml")["sources"]
        assert found.window is None
        assert not found.is_open(date(found.year, 6, 1))
