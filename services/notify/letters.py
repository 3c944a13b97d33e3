"""Messages as text: versioned templates in both languages, checked complete when they are loaded.

`templates/<step>.<version>.<language>.txt`: the first line is the subject, then an empty line, then the body.
`templates/words.<version>.<language>.yaml`: the words for what the body of `determined` lists. A change of a text
that was sent is a new version; messages keep the one they were made with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from contracts.events import Because, Level, Road, Status
from services.notify.domain import Step

LANGUAGES = ("zh", "en")
TEMPLATES = Path(__file__).with_name("templates")

_COMMON = frozenset({"case_number", "office"})
_NAMES: Mapping[Step, frozenset[str]] = {
    Step.RECEIVED: _COMMON | {"received_on", "round", "list_version"},
    Step.HELD: _COMMON,
    Step.AMENDED: _COMMON | {"revision"},
    Step.WITHDRAWN: _COMMON,
    Step.DETERMINED: _COMMON
    | {"number", "revision", "round", "list_version", "replaces", "roads", "exemptions", "officer"},
}
_LISTS = ("conditions", "outstanding", "missing", "exceptions", "evidence", "notes")
_CONFIDENCES = ("official", "news", "inferred", "synthetic")
_PHRASES: Mapping[str, frozenset[str]] = {
    "opens_only": frozenset({"title", "level", "confidence"}),
    "opens_up_to": frozenset({"title", "level", "confidence"}),
    "clauses": frozenset(),
    "clause": frozenset({"id", "source", "confidence"}),
    "replaces": frozenset({"number", "because"}),
    "replaces_nothing": frozenset({"because"}),
    "officer": frozenset(),
    "list_entries": frozenset(),
    "arrangements": frozenset(),
    "exemption": frozenset({"effect", "source", "year", "confidence"}),
    "year_unknown": frozenset(),
    "colon": frozenset(),
    "comma": frozenset(),
}


class IncompleteTemplates(Exception):
    """A template or a word is missing in one language, or names something that its step does not have."""


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _Text:
    """Both as `_filled_by_percent` makes them."""

    subject: str
    body: str


class Letters:
    """Every version of every template. `office`: a line that says where else to turn, "" for none."""

    def __init__(self, folder: Path = TEMPLATES, *, office: str = "") -> None:
        self._office = f"\n{office}" if office else ""
        self._texts: dict[tuple[Step, int, str], _Text] = {}
        self._words: dict[tuple[int, str], _Words] = {}
        self._newest: dict[Step, int] = {}
        for step in Step:
            versions = _versions(folder, step)
            if not versions:
                raise IncompleteTemplates(f"{step} has no template")
            self._newest[step] = max(versions)
            for version in versions:
                for language in LANGUAGES:
                    self._texts[step, version, language] = _text(folder, step, version, language)
                    if step is Step.DETERMINED:
                        self._words[version, language] = _Words(folder, version, language)

    def newest(self, step: Step) -> int:
        """The version that a new message of this step is made with."""
        return self._newest[step]

    def knows(self, step: Step, version: int) -> bool:
        """False for a version that only a newer release has."""
        return (step, version, LANGUAGES[0]) in self._texts

    def write(self, step: Step, version: int, params: Mapping[str, Any], language: str) -> Letter:
        """The message in one language. The same version and params give the same text."""
        text = self._texts[step, version, language]
        values = {**params, "office": self._office}
        if step is Step.DETERMINED:
            values |= self._words[version, language].blocks(params)
        # None stands for what the case has not been told yet; the texts show a dash
        shown = {name: "—" if values.get(name) is None else values[name] for name in _NAMES[step]}
        return Letter(text.subject % shown, text.body % shown)


class _Words:
    """What a determination lists, in one language."""

    def __init__(self, folder: Path, version: int, language: str) -> None:
        name = f"words.{version}.{language}.yaml"
        path = folder / name
        if not path.is_file():
            raise IncompleteTemplates(f"{name} is missing")
        words = yaml.safe_load(path.read_text("utf-8"))
        for group, keys in (
            ("roads", tuple(Road)),
            ("statuses", tuple(Status)),
            ("levels", tuple(Level)),
            ("because", tuple(Because)),
            ("confidences", _CONFIDENCES),
            ("lists", _LISTS),
        ):
            missing = [str(key) for key in keys if str(key) not in words.get(group, {})]
            if missing:
                raise IncompleteTemplates(f"{name}: {group} lacks {', '.join(missing)}")
        for phrase, names in _PHRASES.items():
            if phrase not in words:
                raise IncompleteTemplates(f"{name} lacks {phrase}")
            _check_names(name, Template(words[phrase]), names)
        self._words: Mapping[str, Any] = words
        self._phrases = {phrase: _filled_by_percent(Template(words[phrase])) for phrase in _PHRASES}
        self._language = language

    def blocks(self, params: Mapping[str, Any]) -> dict[str, str]:
        """The parts of `determined` that are lists or may be absent."""
        because = self._word("because", params["because"])
        supersedes = params.get("supersedes")
        return {
            "replaces": self._say("replaces_nothing", because=because)
            if supersedes is None
            else self._say("replaces", number=supersedes, because=because),
            "roads": "\n\n".join(self._road(road) for road in params["roads"]),
            "exemptions": self._exemptions(params["exemptions"]),
            "officer": f"\n{self._say('officer')}\n" if params["waits_for_officer"] else "",
        }

    def _road(self, road: Mapping[str, Any]) -> str:
        lines = [f"■ {self._word('roads', road['road'])}{self._say('colon')}{self._word('statuses', road['status'])}"]
        if opens := road.get("opens"):
            lines.append("  " + self._opens(opens))
        for name in _LISTS:
            if items := road.get(name):
                lines.append(f"  {self._word('lists', name)}{self._say('colon').rstrip()}")
                lines += [f"  - {item['text'][self._language]}" for item in items]
        if clauses := road.get("clauses"):
            named = [self._sourced("clause", clause, id=clause["id"]) for clause in clauses]
            lines.append(f"  {self._say('clauses')}{self._say('comma').join(named)}")
        return "\n".join(lines)

    def _opens(self, opens: Mapping[str, Any]) -> str:
        return self._say(
            "opens_only" if opens.get("only") else "opens_up_to",
            title=opens["title"][self._language],
            level=self._word("levels", opens["level"]),
            confidence=self._word("confidences", opens["confidence"]),
        )

    def _exemptions(self, exemptions: Sequence[Mapping[str, Any]]) -> str:
        """Entries of the list and other arrangements are shown apart."""
        blocks = ""
        for heading, of_the_list in (("list_entries", True), ("arrangements", False)):
            group = [one for one in exemptions if one["of_the_list"] is of_the_list]
            if group:
                lines = [f"  - {self._exemption(one)}" for one in group]
                blocks += "\n" + "\n".join([self._say(heading), *lines]) + "\n"
        return blocks

    def _exemption(self, one: Mapping[str, Any]) -> str:
        year = self._say("year_unknown") if one.get("year") is None else one["year"]
        return self._sourced("exemption", one, effect=one["effect"][self._language], year=year)

    def _sourced(self, phrase: str, what: Mapping[str, Any], **values: object) -> str:
        confidence = self._word("confidences", what["confidence"])
        return self._say(phrase, source=what["source"], confidence=confidence, **values)

    def _word(self, group: str, key: str) -> str:
        """The word for a code; a code of tomorrow is shown as it is."""
        return str(self._words[group].get(key, key))

    def _say(self, phrase: str, **values: object) -> str:
        return self._phrases[phrase] % values


def _versions(folder: Path, step: Step) -> set[int]:
    """Versions that exist in any language, so that one which lacks the other language is found."""
    named = (re.fullmatch(rf"{step}\.(\d+)\.\w+\.txt", path.name) for path in folder.iterdir())
    return {int(match[1]) for match in named if match}


def _text(folder: Path, step: Step, version: int, language: str) -> _Text:
    name = f"{step}.{version}.{language}.txt"
    path = folder / name
    if not path.is_file():
        raise IncompleteTemplates(f"{name} is missing")
    subject, empty, body = path.read_text("utf-8").partition("\n\n")
    if not subject.strip() or "\n" in subject or not empty or not body.strip():
        raise IncompleteTemplates(f"{name}: one line of subject, an empty line, then the body")
    _check_names(name, Template(subject), _NAMES[step])
    _check_names(name, Template(body), _NAMES[step], complete=True)
    return _Text(_filled_by_percent(Template(subject)), _filled_by_percent(Template(body)))


def _check_names(where: str, template: Template, allowed: frozenset[str], *, complete: bool = False) -> None:
    if not template.is_valid():
        raise IncompleteTemplates(f"{where}: a lone $")
    named = set(template.get_identifiers())
    if unknown := named - allowed:
        raise IncompleteTemplates(f"{where} names {', '.join(sorted(unknown))}, which is not there")
    if complete and (left_out := allowed - named):
        raise IncompleteTemplates(f"{where} leaves out {', '.join(sorted(left_out))}")


def _filled_by_percent(template: Template) -> str:
    """The same text for the operator %, which fills it several times as fast."""
    names = {name: f"%({name})s" for name in template.get_identifiers()}
    return Template(template.template.replace("%", "%%")).substitute(names)
