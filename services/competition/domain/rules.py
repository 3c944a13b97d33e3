"""The road of the contest: a place in the final opens an assessment of the person by a committee.

Sources (dossier section 3): people on projects that reach the final get their assessment opened directly; the committee
looks at the person's own part in the team; levels may be skipped [S24, S01]. A result never grants a title by itself.
What our register does not hold is never the applicant's fault: then an officer may confirm it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.competition.domain import texts
from services.competition.domain.values import (
    CLOSED,
    COMPLETE,
    FINAL,
    LEVELS,
    NOT_KNOWN,
    OPEN,
    OPEN_IF,
    RANK,
    SERIES,
    Answer,
    Claim,
    Edition,
    Facts,
    Item,
    Member,
    Opens,
    Project,
    Title,
    View,
)

RULES_VERSION = "competition-rules-1"

_PREFERENCE = {OPEN: 0, OPEN_IF: 1, NOT_KNOWN: 2, CLOSED: 3}


def assess(facts: Facts, view: View) -> Answer:
    """The best answer that the person's entries give; the others stand in its notes. Order of entries is irrelevant."""
    claims = sorted(set(facts.claims))
    if not claims:
        return Answer(CLOSED, missing=(texts.no_entry(),), notes=(texts.no_title_by_itself(),))
    answers = [(claim, _entry(claim, facts, view)) for claim in claims]
    best, answer = min(answers, key=lambda pair: _preference(pair[1]))
    others = tuple(_other(claim, other, view) for claim, other in answers if claim != best)
    return replace(answer, notes=(texts.no_title_by_itself(), *others))


def status_rank(status: str) -> int:
    """0 is best."""
    return _PREFERENCE[status]


def _preference(answer: Answer) -> tuple[int, int, int]:
    level = RANK[answer.opens.level] if answer.opens else 0
    return _PREFERENCE[answer.status], -level, len(answer.outstanding)


def _other(claim: Claim, answer: Answer, view: View) -> Item:
    reasons = answer.missing or answer.conditions
    return texts.other_entry(claim, view.edition(claim.edition), answer.status, reasons[0] if reasons else None)


def _entry(claim: Claim, facts: Facts, view: View) -> Answer:
    """One claimed entry: known, not disqualified, in the final, the person on the team."""
    edition = view.edition(claim.edition)
    if edition is None:
        return _officer(claim, None, "edition-unknown", facts.titles)
    if _rank_held(facts.titles) >= RANK[edition.highest.level]:
        return _closed(texts.title_held(edition.highest), edition)
    project = view.project(claim.edition, claim.project)
    if project is None:
        if edition.results == COMPLETE:
            return _closed(texts.project_not_in_register(claim, edition), edition)
        return _officer(claim, edition, "project-unknown", facts.titles)
    if project.disqualified:
        return _closed(texts.disqualified(edition, project), edition, project)
    if project.stage != FINAL:
        if edition.results == COMPLETE:
            return _closed(texts.not_in_final(edition, project), edition, project)
        return _on_register(NOT_KNOWN, edition, project, missing=(texts.result_outstanding(edition, project),))
    member = project.member(facts.person)
    if member is None:
        if edition.results == COMPLETE:
            return _closed(texts.not_on_team(edition, project), edition, project)
        return _officer(claim, edition, "not-on-team", facts.titles, project)
    return _final(claim, edition, project, member, facts.titles)


def _final(claim: Claim, edition: Edition, project: Project, member: Member, titles: tuple[Title, ...]) -> Answer:
    confirmed = member.confirmed and not member.disputed and member.role == claim.role
    role = () if confirmed else (texts.role_confirmation(claim, member),)
    answer = _on_register(OPEN, edition, project)
    return replace(
        answer,
        opens=_opens(edition),
        outstanding=(*role, texts.committee_assessment(edition)),
        exceptions=_level_skip(edition, titles),
        evidence=(*answer.evidence, texts.team_member(project, member)),
    )


def _officer(
    claim: Claim, edition: Edition | None, why: str, titles: tuple[Title, ...], project: Project | None = None
) -> Answer:
    """Open once an officer confirms what our register does not hold."""
    answer = _on_register(OPEN_IF, edition, project)
    return replace(
        answer,
        opens=_opens(edition) if edition else None,
        conditions=(texts.officer_confirms(claim, edition, why),),
        outstanding=(texts.role_unconfirmed(claim), texts.committee_assessment(edition)),
        exceptions=_level_skip(edition, titles) if edition else (),
        needs_officer=True,
    )


def _closed(why: Item, edition: Edition, project: Project | None = None) -> Answer:
    return _on_register(CLOSED, edition, project, missing=(why,))


def _on_register(
    status: str, edition: Edition | None, project: Project | None, *, missing: tuple[Item, ...] = ()
) -> Answer:
    """An answer with what it rests on."""
    return Answer(
        status,
        missing=missing,
        evidence=(texts.register_entry(edition, project),) if edition and project else (),
        clauses=(*(edition.clauses if edition else ()), *((project.source,) if project else ())),
    )


def _opens(edition: Edition) -> Opens:
    highest = edition.highest
    return Opens(SERIES, highest.level, highest.name, edition.confidence)


def _level_skip(edition: Edition, titles: Iterable[Title]) -> tuple[Item, ...]:
    """Levels may be skipped in this road [S01, S24]; more than one above the current title is shown as an exception."""
    have = _rank_held(titles)
    if RANK[edition.highest.level] - have <= 1:
        return ()
    return (texts.level_skip(LEVELS[have - 1] if have else None, edition.highest, allowed=edition.skips),)


def _rank_held(titles: Iterable[Title]) -> int:
    """Of the highest title in the series of the contest; 0 = none."""
    return max((RANK.get(title.level, 0) for title in titles if title.series == SERIES), default=0)
