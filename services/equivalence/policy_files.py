"""The files in policy/: list versions, the supplementary list, mentions, sources. Each list version with its digest.

`python -m services.equivalence.policy_files` prints the digests, which a round names beside its list version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from contracts.canonical import digest

POLICY = Path(__file__).with_name("policy")


@dataclass(frozen=True, slots=True)
class Published:
    """A dated policy document: `content` is its whole JSON value, `digest` is over the canonical JSON of it."""

    id: str  # "<jurisdiction>/<version>"
    jurisdiction: str
    version: str
    digest: str
    content: Mapping[str, Any]


@cache
def lists() -> tuple[Published, ...]:
    """Every list version, oldest first."""
    found = [_published(_read(path)) for path in sorted((POLICY / "lists").glob("*.yaml"))]
    return tuple(sorted(found, key=lambda each: str(each.content["in_force"]["earliest"]["day"])))


@cache
def supplementary() -> Published:
    """The supplementary list, a document of its own."""
    return _published(_read(POLICY / "supplementary.yaml"))


@cache
def mentions() -> tuple[Mapping[str, Any], ...]:
    """Certificates that a source places in a list without version or class."""
    return tuple(_read(POLICY / "mentions.yaml"))


@cache
def sources() -> Mapping[str, Mapping[str, Any]]:
    """Source id -> title, publisher, date, kind, url."""
    content: dict[str, Mapping[str, Any]] = _read(POLICY / "sources.yaml")
    return content


def list_digests() -> dict[str, str]:
    """List version -> digest."""
    return {each.version: each.digest for each in lists()}


def _published(content: Mapping[str, Any]) -> Published:
    published = Published(
        str(content["id"]), str(content["jurisdiction"]), str(content["version"]), digest(content), content
    )
    if published.id != f"{published.jurisdiction}/{published.version}":
        raise ValueError(f"{published.id}: the id is jurisdiction/version")
    return published


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for version, its_digest in list_digests().items():
        print(f"{version}\t{its_digest}")
