"""A title has one Chinese and one English name, whichever service says it."""

from __future__ import annotations

from collections.abc import Iterator

from services.competition.editions import load_editions
from services.equivalence import policy_files
from services.intake.policy import load_ladder

Named = tuple[str, str, str, str]  # series, level, zh, en


def test_every_service_gives_a_title_the_name_that_intake_gives_it() -> None:
    """The names of intake's policy are those of the title table; the others may only repeat them."""
    known = {key: (name.text.zh, name.text.en) for key, name in load_ladder().titles.items()}

    named = [*_in_lists(), *_in_editions()]

    assert {series for series, *_ in named} == {"engineering", "accounting"}
    assert [each for each in named if known.get((each[0], each[1])) != each[2:]] == []


def test_no_two_titles_share_a_name() -> None:
    titles = load_ladder().titles.values()

    assert len({name.text.zh for name in titles}) == len({name.text.en for name in titles}) == len(titles)


def _in_lists() -> Iterator[Named]:
    for each in policy_files.lists():
        for row in each.content["rows"]:
            if (title := row["title"]) is not None:
                yield title["series"], title["level"], title["name"]["zh"], title["name"]["en"]
        leads = each.content["leads"] or {"titles": {}}
        for series, levels in leads["titles"].items():
            for level, name in levels.items():
                yield series, level, name["zh"], name["en"]


def _in_editions() -> Iterator[Named]:
    for edition in load_editions():
        for title in edition.recognition.titles:
            yield "engineering", title.level, title.zh, title.en
