"""Which events of a key a reader must have handled before the next one.

A reader hears some types only and leaves no mark of the others, so the number before need not be one that it has
handled. Every event therefore says (`ce_before`) which was the last event of each type before it, of its key:
`intake.case.submitted=1,intake.case.determined=3`. `*=3` stands for events of any type up to 3; `*=0`: it is the first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

Chain = Mapping[str, int]  # type -> number of the last event of that type

ANY = "*"
FIRST: Chain = {ANY: 0}
LONGEST = 4096  # characters
_ENTRY = re.compile(r"(\*|[a-z0-9][a-z0-9.-]{0,127})=(0|[1-9][0-9]{0,14})")


@lru_cache(maxsize=512)  # most events of most keys say one of a few texts
def read(text: str, sequence: int) -> Chain | None:
    """What the event of this number says of those before it; None when it cannot be so."""
    entries = [_ENTRY.fullmatch(entry) for entry in text.split(",")] if len(text) <= LONGEST else [None]
    chain = {entry[1]: int(entry[2]) for entry in entries if entry is not None}
    if len(chain) != len(entries) or max(chain.values()) != sequence - 1:
        return None
    return chain


def text(chain: Chain) -> str:
    return ",".join(f"{kind}={number}" for kind, number in chain.items())


def stored(said: object, emitted: int) -> Chain:
    """The chain of a key whose document holds this text and has said so many events.

    Without the text, or when a version that knows none has said more since: all types alike may have come.
    """
    chain = read(said, emitted + 1) if isinstance(said, str) else None
    return {ANY: emitted} if chain is None else chain


def extended(chain: Chain, type_: str) -> Chain:
    """The chain behind the next event, which is of this type."""
    return {kind: number for kind, number in chain.items() if number and kind != type_} | {type_: last(chain) + 1}


def last(chain: Chain) -> int:
    """The number of the newest event; 0: none has been said."""
    return max(chain.values())


def passed_over(type_: str, before: Chain | None, heard: Collection[str]) -> bool:
    """Is it of no concern, so that not even a mark is left? Only where the events behind it will say so too."""
    return before is not None and type_ not in heard


def needed(sequence: int, before: Chain | None, heard: Collection[str]) -> int:
    """The mark that a reader must have reached: less is a gap. An event without `before` follows its number."""
    if before is None:
        return sequence - 1
    return max((number for kind, number in before.items() if kind == ANY or kind in heard), default=0)
