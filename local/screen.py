"""Text on a terminal: colours where they are wanted, Chinese and English wrapped to a width."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

WIDTH = 100

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Screen:
    out: TextIO
    colours: bool

    @classmethod
    def of(cls, out: TextIO) -> Screen:
        """Colours on a terminal, unless NO_COLOR is set (https://no-color.org)."""
        return cls(out, out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")

    def line(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)

    def trouble(self, text: str) -> None:
        print(Screen.of(sys.stderr).paint(text, "red"), file=sys.stderr, flush=True)

    def paint(self, text: str, *styles: str) -> str:
        if not self.colours or not styles or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def wrapped(self, text: str, *styles: str, first: str = "", rest: str | None = None) -> None:
        """Lines no wider than the screen; `first` and `rest` lead them and are not painted."""
        rest = " " * width(first) if rest is None else rest
        lead = first
        for part in wrap(text, WIDTH - max(width(first), width(rest))):
            self.line(lead + self.paint(part, *styles))
            lead = rest

    def both(self, text: dict[str, str], *styles: str, first: str = "", rest: str | None = None) -> None:
        """Chinese, then English dimmed below it."""
        rest = " " * width(first) if rest is None else rest
        self.wrapped(text["zh"], *styles, first=first, rest=rest)
        self.wrapped(text["en"], "dim", first=rest, rest=rest)


def width(text: str) -> int:
    """Columns: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def padded(text: str, columns: int) -> str:
    return text + " " * max(0, columns - width(text))


def wrap(text: str, columns: int) -> Iterator[str]:
    """Breaks at spaces, and between any two signs where one of them is Chinese."""
    line = ""
    for piece in _pieces(text):
        if line and width((line + piece).rstrip()) > columns:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
    if line.strip():
        yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """What must stay together: a word with the space behind it, a Chinese sign with the punctuation behind it."""
    piece = ""
    for sign in text:
        wide = width(sign) == 2
        closing = sign in "，。；：、）》」』！？,.;:)%"
        if piece and not closing and (wide or width(piece[-1]) == 2 or piece[-1] == " ") and sign != " ":
            yield piece
            piece = ""
        piece += sign
    if piece:
        yield piece
