"""Published facts are cited, synthetic rows are apart, and production refuses them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chassis.sealing import format_keys
from contracts.identity import canonical
from services.competition.editions import POLICY, load_editions, load_rosters
from services.competition.register import RegisterNotReady
from services.competition.settings import Settings
from tests.competition.office import KEY, a_file, a_row, an_office

PRODUCTION = {
    "environment": "production",
    "store_url": "mongodb://competition-db/competition?w=majority",
    "bus_url": "kafka://kafka:9092",
    "pseudonym_keys": format_keys({"p1": KEY}),
}


def test_the_two_known_editions_cite_every_statement():
    editions = load_editions()

    assert [edition.id for edition in editions] == ["sh-ymec-2023", "sh-ymec-2024"]
    for edition in editions:
        assert len(edition.tracks) == 6
        assert edition.not_known
        assert all(clause.confidence in ("news", "inferred") for clause in edition.recognition.clauses)


def test_recognition_reaches_full_senior_in_both_editions():
    for edition in load_editions():
        assert edition.recognition.titles[-1].model_dump() == {
            "level": "senior",
            "zh": "正高级工程师",
            "en": "Professorate Senior Engineer",
        }


def test_what_was_inferred_for_2023_is_not_shown_as_news():
    assert [edition.recognition.confidence for edition in load_editions()] == ["inferred", "news"]


def test_rosters_stand_apart_say_what_they_are_and_are_nobody():
    [roster] = load_rosters()

    assert roster.synthetic
    assert {row.project_id[:4] for row in roster.rows} == {"SYN-"}
    for row in roster.rows:
        for member in row.team:
            for document in member.identity_documents:
                assert canonical(document.type, document.number).startswith("990000")
    assert not [path for path in POLICY.glob("*.yaml") if "synthetic" in path.read_text(encoding="utf-8").lower()]


def test_production_refuses_synthetic_rosters():
    Settings(**PRODUCTION)
    with pytest.raises(ValidationError, match="synthetic_rosters"):
        Settings(**PRODUCTION, synthetic_rosters=True)


@pytest.mark.parametrize("keys", [None, "", "p1=", "p1=c2hvcnQ=", "p1"])
def test_there_is_no_default_key_and_no_short_one(keys: str | None):
    given = {name: value for name, value in PRODUCTION.items() if name != "pseudonym_keys"}
    with pytest.raises(ValidationError) as refused:
        Settings(**given, **({"pseudonym_keys": keys} if keys is not None else {}))
    assert "c2hvcnQ" not in str(refused.value)


async def test_production_refuses_a_store_that_once_took_synthetic_rows(tmp_path):
    async with an_office(tmp_path, rosters=True) as office:
        await office.register.check(synthetic_allowed=True)
        with pytest.raises(RegisterNotReady, match="synthetic"):
            await office.register.check(synthetic_allowed=False)


async def test_setting_up_again_changes_nothing(tmp_path):
    async with an_office(tmp_path, rosters=True) as office:
        before = await office.register.version()

        await office.set_up(rosters=True)

        assert await office.register.version() == before


async def test_an_edition_whose_facts_change_is_a_new_version_and_an_older_release_changes_it_back_never(tmp_path):
    async with an_office(tmp_path) as office:
        published = load_editions()
        await office.take(a_file(a_row("P-1")))
        newer = [edition.model_copy(update={"people": 1}) for edition in published]
        await office.imports.seed(newer, [])
        moved = await office.register.version()

        await office.imports.seed(published, [])

        assert await office.register.version() == moved
        edition = (await office.store.get("editions", published[1].id)).data["states"][-1]
        assert (edition["facts"]["people"], edition["results"]) == (1, "partial")
