"""Pages of docs/ as what they are: commands to be pasted, each with what it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("sh", "python")


@dataclass(frozen=True)
class Block:
    """`shows`: lines that must appear in the output, in this order; `...` stands for anything."""

    language: str
    text: str
    shows: tuple[str, ...] = ()


def blocks(page: str) -> list[Block]:
    """The blocks that can be run; a `text` block right behind one is what it shows."""
    found: list[Block] = []
    for language, text in _FENCE.findall((DOCS / page).read_text(encoding="utf-8")):
        if language in RUN:
            found.append(Block(language, text))
        elif language == "text" and found:
            found[-1] = Block(found[-1].language, found[-1].text, tuple(text.splitlines()))
    return found


def script(found: list[Block]) -> str:
    """One bash script of all blocks, as a reader pastes them one after the other; output is marked by block."""
    parts = ["set -euo pipefail"]
    for number, block in enumerate(found):
        parts.append(f"echo {marker(number)}")
        if block.language == "python":
            parts.append(f".venv/bin/python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK")
        else:
            parts.append(block.text)
    parts.append(f"echo; echo {marker(len(found))}")
    return "\n".join(parts) + "\n"


def marker(number: int) -> str:
    return f"=====block-{number}====="


def unseen(found: list[Block], output: str) -> list[str]:
    """Lines that a page shows and its commands did not print."""
    missing = []
    for number, block in enumerate(found):
        said = output.partition(marker(number) + "\n")[2].partition(marker(number + 1))[0]
        place = 0
        for line in block.shows:
            pattern = ".*".join(re.escape(part) for part in line.rstrip().split("..."))
            seen = re.compile(pattern).search(said, place)
            if seen is None:
                missing.append(f"block {number}: {line}")
            else:
                place = seen.end()
    return missing
