import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.events import Because, Level, Opens, Road, RoadAnswer, Status, Text
from services.notify.domain import Step
from services.notify.letters import LANGUAGES, TEMPLATES, IncompleteTemplates, Letters
from tests.notify.builders import CLOSED, EXEMPTION, LETTERS, NUMBER, OPEN_IF, determined


def determination(**changes: Any) -> dict[str, Any]:
    said = determined(**changes).model_dump(mode="json")
    return {**said, "case_number": NUMBER, "round": "2026-1", "list_version": "3.0"}


def text(params: dict[str, Any], language: str) -> str:
    return LETTERS.write(Step.DETERMINED, 1, params, language).text


PARAMS: dict[Step, dict[str, Any]] = {
    Step.RECEIVED: {
        "case_number": NUMBER,
        "received_on": "2026-03-01",
        "round": "2026-1",
        "list_version": "3.0",
    },
    Step.HELD: {"case_number": NUMBER},
    Step.AMENDED: {"case_number": NUMBER, "revision": 2},
    Step.WITHDRAWN: {"case_number": NUMBER},
    Step.DETERMINED: determination(),
}
NO_DECISION = {"zh": ("不是职称评审或认定结论",), "en": ("decides nothing about a title",)}
TURN_TO = {"zh": "请联系您提交申报的机构", "en": "turn to the organisation through which you applied"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", Step)
def test_every_message_names_the_case_and_where_to_turn(step: Step, language: str):
    letter = LETTERS.write(step, LETTERS.newest(step), PARAMS[step], language)

    assert NUMBER in letter.subject
    assert NUMBER in letter.text
    assert TURN_TO[language] in letter.text
    assert "$" not in letter.subject + letter.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", [step for step in Step if step is not Step.WITHDRAWN])
def test_every_message_says_that_it_decides_nothing(step: Step, language: str):
    letter = LETTERS.write(step, 1, PARAMS[step], language)

    assert all(words in letter.text for words in NO_DECISION[language])


def test_a_determination_shows_everything_that_a_road_says():
    everything = OPEN_IF.model_copy(
        update={
            name: (OPEN_IF.conditions[0].model_copy(update={"text": Text(zh=f"甲{name}", en=f"the {name}")}),)
            for name in ("conditions", "outstanding", "missing", "exceptions", "evidence", "notes")
        }
    )

    for language, item in (("zh", "甲{}"), ("en", "the {}")):
        said = text(determination(roads=[everything]), language)
        for name in ("conditions", "outstanding", "missing", "exceptions", "evidence", "notes"):
            assert item.format(name) in said
        assert "overseas-ladder" in said
        assert "S11" in said
        assert "3.0" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_road_status_and_level_has_a_word(language: str):
    words = yaml.safe_load((TEMPLATES / f"words.1.{language}.yaml").read_text("utf-8"))
    for road in Road:
        for status in Status:
            for level in Level:
                opens = Opens(series="x", level=level, title=Text(zh="某", en="some"), confidence="official")
                said = text(determination(roads=[RoadAnswer(road=road, status=status, opens=opens)]), language)
                for group, code in (("roads", road), ("statuses", status), ("levels", level)):
                    assert words[group][code] in said


def test_exactly_one_title_and_up_to_a_title_are_told_apart():
    assert OPEN_IF.opens is not None
    up_to = OPEN_IF.model_copy(update={"opens": OPEN_IF.opens.model_copy(update={"only": False})})

    assert "this title only" in text(determination(roads=[OPEN_IF]), "en")
    assert "仅此职称" in text(determination(roads=[OPEN_IF]), "zh")
    assert "up to senior accountant" in text(determination(roads=[up_to]), "en")
    assert "最高至高级会计师" in text(determination(roads=[up_to]), "zh")


def test_a_later_determination_says_which_one_it_replaces_and_why():
    said = text(determination(number=3), "en")

    assert "It replaces determination 2 (because: a contest result was imported)." in said
    assert "replaces" not in text(determination(number=1), "en")


def test_every_reason_has_words_of_its_own():
    for language in LANGUAGES:
        said = {text({**determination(number=2), "because": because.value}, language) for because in Because}
        assert len(said) == len(Because)


def test_entries_of_the_list_and_other_arrangements_stand_apart():
    entry = EXEMPTION.model_copy(update={"of_the_list": True, "year": None})
    both = text(determination(exemptions=[entry, EXEMPTION]), "en")

    assert both.index("entries of the supplementary list") < both.index("Other known arrangements")
    assert "year not known" in both
    assert "2004" in both
    assert "supplementary" not in text(determination(), "en")


def test_waiting_for_an_officer_is_said():
    assert "officer" in text(determination(waits_for_officer=True), "en")
    assert "officer" not in text(determination(), "en")
    assert "工作人员确认" in text(determination(waits_for_officer=True), "zh")


def test_what_is_not_known_is_a_dash():
    assert "Round: —" in text({**determination(), "round": None}, "en")


def test_values_are_not_read_as_templates():
    road = CLOSED.model_copy(
        update={"missing": (CLOSED.missing[0].model_copy(update={"text": Text(zh="$number", en="$number ${x}")}),)}
    )

    assert "$number ${x}" in text(determination(roads=[road]), "en")


def test_an_office_is_named_at_the_end():
    letters = Letters(office="12333")

    for step in Step:
        assert letters.write(step, 1, PARAMS[step], "en").text.rstrip().endswith("12333")


def test_a_new_version_is_used_and_the_old_one_stays(tmp_path: Path):
    folder = copied(tmp_path)
    for language in LANGUAGES:
        old = (folder / f"held.1.{language}.txt").read_text("utf-8")
        (folder / f"held.2.{language}.txt").write_text(old.replace("$case_number", "No. $case_number"), "utf-8")

    letters = Letters(folder)

    assert letters.newest(Step.HELD) == 2
    assert letters.knows(Step.HELD, 1)
    assert not letters.knows(Step.HELD, 3)
    assert f"No. {NUMBER}" in letters.write(Step.HELD, 2, PARAMS[Step.HELD], "zh").text
    assert letters.write(Step.HELD, 1, PARAMS[Step.HELD], "zh") == LETTERS.write(Step.HELD, 1, PARAMS[Step.HELD], "zh")


def copied(to: Path) -> Path:
    return Path(shutil.copytree(TEMPLATES, to / "templates"))


def replace(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    before = path.read_text("utf-8")
    assert old in before
    path.write_text(before.replace(old, new), "utf-8")


def test_a_language_that_is_missing_refuses_the_start(tmp_path: Path):
    folder = copied(tmp_path)
    (folder / "held.1.en.txt").unlink()

    with pytest.raises(IncompleteTemplates, match=r"held\.1\.en\.txt"):
        Letters(folder)


def test_a_step_without_template_refuses_the_start(tmp_path: Path):
    folder = copied(tmp_path)
    for language in LANGUAGES:
        (folder / f"held.1.{language}.txt").unlink()

    with pytest.raises(IncompleteTemplates, match="held"):
        Letters(folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("determined.1.zh.txt", "$roads", ""),
        ("determined.1.zh.txt", "$roads", "$roads $surname"),
        ("determined.1.en.txt", "$roads", "$roads $ 5"),
        ("withdrawn.1.en.txt", "\n\n", "\n"),
        ("words.1.en.yaml", "overseas:", "overseaz:"),
        ("words.1.zh.yaml", "not-known:", "unknown:"),
        ("words.1.zh.yaml", "clause:", "claus:"),
        ("words.1.zh.yaml", "$source", "$sauce"),
    ],
)
def test_an_incomplete_template_refuses_the_start_and_names_the_file(tmp_path: Path, name: str, old: str, new: str):
    folder = copied(tmp_path)
    replace(folder, name, old, new)

    with pytest.raises(IncompleteTemplates, match=name):
        Letters(folder)
