"""What a contest result opens for a person. Standard library only: frozen values in, a frozen value out."""

from services.competition.domain.rules import RULES_VERSION, assess
from services.competition.domain.values import (
    Answer,
    Claim,
    Clause,
    Edition,
    Facts,
    Item,
    LevelTitle,
    Member,
    Names,
    Opens,
    Project,
    Title,
    View,
    own_rows,
)

__all__ = [
    "RULES_VERSION",
    "Answer",
    "Claim",
    "Clause",
    "Edition",
    "Facts",
    "Item",
    "LevelTitle",
    "Member",
    "Names",
    "Opens",
    "Project",
    "Title",
    "View",
    "assess",
    "own_rows",
]
