"""What one rule says: an item in its place, and the clause that it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import CLOSED, OPEN_IF, Answer, Clause, Item, Opens, Text


@dataclass(frozen=True, slots=True)
class Finding:
    """`place`: condition | missing | outstanding | note | evidence | rule (a clause alone)."""

    place: str
    item: Item | None
    rule: str | None  # id of a clause of the list version
    officer: bool = False  # the condition is a confirmation by an officer


def condition(code: str, text: Text, *, rule: str | None = None, officer: bool = False, **values: str | int) -> Finding:
    """Must be met before the road is open."""
    return Finding("condition", Item(code, text, values), rule, officer)


def missing(code: str, text: Text, *, rule: str | None = None, **values: str | int) -> Finding:
    """Why the road, as its rules stand, does not admit the person."""
    return Finding("missing", Item(code, text, values), rule)


def note(code: str, text: Text, *, rule: str | None = None, **values: str | int) -> Finding:
    return Finding("note", Item(code, text, values), rule)


def evidence(code: str, text: Text, *, rule: str | None = None, **values: str | int) -> Finding:
    return Finding("evidence", Item(code, text, values), rule)


def outstanding(code: str, text: Text, *, rule: str | None = None, **values: str | int) -> Finding:
    """Still to come, does not hold the road shut."""
    return Finding("outstanding", Item(code, text, values), rule)


def applied(rule: str) -> Finding:
    """A clause that was applied and left nothing to say."""
    return Finding("rule", None, rule)


def answer_of(
    findings: Iterable[Finding], policy: ListVersion, *, opens: Opens | None = None, of_the_row: Iterable[Clause] = ()
) -> Answer:
    """Closed as soon as anything is missing, else open once the conditions are met.

    A closed answer says what is missing; conditions and what would come after them are left out.
    """
    found = tuple(findings)
    closed = any(each.place == "missing" for each in found)
    said = [each for each in found if not (closed and each.place in ("condition", "outstanding"))]

    def placed(place: str) -> tuple[Item, ...]:
        return tuple(each.item for each in said if each.place == place and each.item is not None)

    rules = dict.fromkeys(each.rule for each in said if each.rule is not None)
    return Answer(
        status=CLOSED if closed else OPEN_IF,
        opens=None if closed else opens,
        conditions=placed("condition"),
        outstanding=placed("outstanding"),
        missing=placed("missing"),
        notes=placed("note"),
        evidence=placed("evidence"),
        clauses=(
            *of_the_row,
            *(clause for id, rule in policy.rules.items() if id in rules for clause in rule.clauses),
        ),
        needs_officer=any(each.officer for each in said),
    )
