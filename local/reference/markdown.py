"""Tables of Markdown, and the line at the top of every page that is made from code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MADE = "<!-- Made from code by `python -m local.reference`; a test holds the two together. -->"


def page(title: str, *parts: str) -> str:
    return "\n\n".join([MADE, f"# {title}", *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def code(text: object) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
