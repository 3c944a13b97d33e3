"""Mutual recognition and exemptions: entries of the supplementary list, and real arrangements of the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.equivalence.domain.values import Exemption, Facts, Held, Text, Title, month_of


@dataclass(frozen=True, slots=True)
class From:
    """Who may use it. `grades` None = any; `issued_from` = first month of issue; `group` = in words, never matched."""

    certificates: tuple[str, ...]
    grades: tuple[str, ...] | None
    issued_from: int | None
    titles: tuple[tuple[str, tuple[str, ...]], ...]  # (series, levels)
    group: Text | None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`lapses_with_source`: ends with the credential. `chains` False: a recognition does not lead to another one."""

    id: str
    of_the_list: bool
    direction: str
    mode: str
    field: str
    source_credential: From
    to: Text
    effect: Text
    remaining: Text | None
    condition: Text | None
    lapses_with_source: bool
    chains: bool | None
    sources: tuple[str, ...]
    year: int | None
    confidence: str
    test_only: bool

    def exemption(self) -> Exemption:
        """As it is shown beside the roads: one sentence with what remains and on what condition."""
        zh = f"{self.to.zh}：{self.effect.zh}"
        en = f"{self.to.en}: {self.effect.en}"
        if self.remaining is not None:
            zh, en = f"{zh}；仍须：{self.remaining.zh}", f"{en}; remaining: {self.remaining.en}"
        if self.condition is not None:
            zh, en = f"{zh}；条件：{self.condition.zh}", f"{en}; condition: {self.condition.en}"
        return Exemption(
            self.id,
            self.of_the_list,
            self.direction,
            self.mode,
            Text(zh, en),
            self.sources[0],
            self.year,
            self.confidence,
        )


@dataclass(frozen=True, slots=True)
class Supplementary:
    """The supplementary list: its entries (none known today) first, then arrangements that are not of the list."""

    version: str
    arrangements: tuple[Arrangement, ...]

    @property
    def served(self) -> tuple[Arrangement, ...]:
        """What may be shown: a shape that is for tests only never is."""
        return tuple(each for each in self.arrangements if not each.test_only)

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Supplementary:
        """From the JSON value of policy/supplementary.yaml."""
        entries = [_arrangement(each, of_the_list=True) for each in content["entries"]]
        others = [_arrangement(each, of_the_list=False) for each in content["arrangements"]]
        return cls(content["version"], (*entries, *others))


def exemptions_of(facts: Facts, supplementary: Supplementary) -> tuple[Exemption, ...]:
    """What the person's certificates and titles could use, in the order of the document."""
    return tuple(each.exemption() for each in supplementary.served if _usable(each, facts))


def _usable(arrangement: Arrangement, facts: Facts) -> bool:
    held = any(_by_certificate(arrangement, each, facts) for each in facts.certificates)
    return held or any(_by_title(arrangement.source_credential, each) for each in facts.titles)


def _by_certificate(arrangement: Arrangement, held: Held, facts: Facts) -> bool:
    needs = arrangement.source_credential
    if held.certificate not in needs.certificates or (needs.grades is not None and held.grade not in needs.grades):
        return False
    if needs.issued_from is not None and held.issued < needs.issued_from:
        return False
    lapsed = held.lapses is not None and held.lapses < facts.received_month
    return not (lapsed and arrangement.lapses_with_source)


def _by_title(needs: From, title: Title) -> bool:
    return any(title.series == series and title.level in levels for series, levels in needs.titles)


def _arrangement(content: Mapping[str, Any], *, of_the_list: bool) -> Arrangement:
    return Arrangement(
        id=content["id"],
        of_the_list=of_the_list,
        direction=content["direction"],
        mode=content["mode"],
        field=content["field"],
        source_credential=_from(content["from"]),
        to=Text(**content["to"]),
        effect=Text(**content["effect"]),
        remaining=_text(content["remaining"]),
        condition=_text(content["condition"]),
        lapses_with_source=content["lapses_with_source"],
        chains=content["chains"],
        sources=tuple(content["sources"]),
        year=content["year"],
        confidence=content["confidence"],
        test_only=content["test_only"],
    )


def _from(content: Mapping[str, Any]) -> From:
    grades, issued_from = content.get("grades"), content.get("issued_from")
    return From(
        certificates=tuple(content.get("certificates", ())),
        grades=None if grades is None else tuple(grades),
        issued_from=None if issued_from is None else month_of(issued_from),
        titles=tuple((each["series"], tuple(each["levels"])) for each in content.get("titles", ())),
        group=_text(content.get("group")),
    )


def _text(content: Mapping[str, str] | None) -> Text | None:
    return None if content is None else Text(**content)
