"""The overseas road for one person: each certificate by itself, then the best of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.equivalence.domain import ladder as steps
from services.equivalence.domain import person, words
from services.equivalence.domain.findings import (
    Finding,
    answer_of,
    applied,
    condition,
    evidence,
    missing,
    note,
    outstanding,
)
from services.equivalence.domain.listing import Listing, listing_of
from services.equivalence.domain.policy import ListVersion, Row
from services.equivalence.domain.values import (
    CLOSED,
    DOMESTIC,
    Answer,
    Clause,
    Facts,
    Held,
    Item,
    Opens,
    level_rank,
    weakest,
)

RULES_VERSION = "1"  # goes up when the same facts and policy may give another answer


def assess(facts: Facts, policy: ListVersion) -> Answer:
    """What the list version says of the person's certificates. Never open without a verified certificate.

    A row that is not known to us holds nothing shut: the road is open once an officer confirms it.
    """
    if not facts.certificates:
        return answer_of([missing("no-certificate", words.no_certificate(), rule="class-c")], policy)
    if policy.title_class is None:
        said = missing("list-without-titles", words.list_without_titles(policy.version), rule="no-title-mapping")
        return answer_of([said, *_supplementary()], policy)
    answers = [(held, _certificate(held, facts, policy, policy.title_class.id)) for held in facts.certificates]
    answers.sort(key=lambda each: _preference(*each))
    (_, best), *others = answers
    notes = (*best.notes, *(_other(held, answer, policy) for held, answer in others), *_items(_supplementary()))
    return replace(best, notes=notes)


def _preference(held: Held, answer: Answer) -> tuple[object, ...]:
    """The open before the closed, what needs no officer first, then the higher level; the rest is a fixed order."""
    level = (answer.opens and level_rank(answer.opens.level)) or 0
    return (
        answer.status == CLOSED,
        answer.needs_officer,
        -level,
        len(answer.conditions) + len(answer.missing),
        held.certificate,
        held.grade,
        held.issued,
        -1 if held.lapses is None else held.lapses,
    )


def _certificate(held: Held, facts: Facts, policy: ListVersion, class_id: str) -> Answer:
    if held.certificate in DOMESTIC:
        said = missing("domestic-certificate", words.domestic_certificate(), rule="class-c", **_named(held))
        return answer_of([said], policy)
    row = policy.row(held.certificate, held.grade)
    listing = listing_of(policy, held.certificate, held.grade, class_id)
    own = [*person.validity(held, facts), *person.earlier_rounds(facts, policy)]
    if listing is Listing.LISTED and row is not None:
        return _listed(row, own, facts, policy)
    if listing is Listing.OTHER_CLASSES_ONLY and row is not None:
        text = words.row_without_title(row.name, policy.version, row.classes)
        classes = "".join(row.classes)
        said = missing("row-without-title", text, rule="class-c", classes=classes, **_named(held))
        return answer_of([said, *own, *_other_grades(held, policy, class_id)], policy, of_the_row=_row_clauses(row))
    if listing is Listing.NOT_LISTED:
        said = missing("not-listed", words.not_listed(policy.version), rule="class-c", **_named(held))
        return answer_of([said, *own, *_other_grades(held, policy, class_id)], policy)
    return _not_known(held, row, own, facts, policy, class_id)


def _listed(row: Row, own: list[Finding], facts: Facts, policy: ListVersion) -> Answer:
    opens, led = _leads_to(row, facts, policy)
    title, level = (row.title.name, row.title.level) if row.title else (None, "")
    findings = [
        _verified(),
        *own,
        *led,
        *person.employer(facts, policy),
        *person.place_of_work(facts, policy),
        *_beside(opens, facts),
        evidence(
            "row",
            words.row_known(policy.version, row.name, row.classes, title, level),
            rule="class-c",
            list=policy.version,
            certificate=row.certificate,
            grade=row.grade or "any",
            classes="".join(row.classes),
        ),
        _committee(),
    ]
    return answer_of(findings, policy, opens=opens, of_the_row=_row_clauses(row))


def _leads_to(row: Row, facts: Facts, policy: ListVersion) -> tuple[Opens | None, list[Finding]]:
    """The title that the row leads to for this person, and what degree, years and employer say of it."""
    leads = policy.leads.get(row.field)
    if leads is None or policy.ladder is None or policy.ceiling is None or (leads.only and row.title is None):
        said = condition("officer-confirms-title", words.officer_confirms_title(policy.version), officer=True)
        return None, [said]
    stand = steps.standing(facts, policy.ladder)
    found = [applied("field-to-series"), *steps.counted(policy.ladder, stand, facts)]
    if leads.only and row.title is not None:
        found += steps.step(policy.ladder, stand, row.title.level, facts)
        found += _fixed_level(row.title.level, facts, policy)
        confidence = weakest(row.title.level_confidence, row.title.series_confidence)
        return Opens(row.title.series, row.title.level, row.title.name, confidence, only=True), found
    series = leads.series or ""
    found += _degree_field(series, facts, policy, stand)
    allowed = person.highest_allowed(facts, policy)
    ceiling = policy.ceiling
    if allowed is not None and (level_rank(allowed) or 0) < (level_rank(ceiling) or 0):
        ceiling = allowed
        found.append(note("one-level-above", words.capped(ceiling), rule=person.PUBLIC_INSTITUTION, level=ceiling))
    elif facts.employer.kind == person.PUBLIC_INSTITUTION and allowed is None:
        found.append(_current_title())
    level = steps.reached(policy.ladder, stand, ceiling)
    if level is None:
        lowest = next(iter(policy.ladder.levels))
        return None, [*found, *steps.step(policy.ladder, stand, lowest, facts)]
    found += [applied(steps.LADDER), applied("level-ceiling"), *_next_level(level, ceiling, stand, policy)]
    confidence = weakest(row.confidence, policy.rules["field-to-series"].confidence)
    return Opens(series, level, policy.titles[series][level], confidence, only=False), found


def _any_level(facts: Facts, policy: ListVersion) -> Iterator[Finding]:
    """The level is not known to us; how far staff of a public institution may go is."""
    if facts.employer.kind != person.PUBLIC_INSTITUTION:
        return
    allowed = person.highest_allowed(facts, policy)
    if allowed is None:
        yield _current_title()
    elif policy.ceiling is not None and (level_rank(allowed) or 0) < (level_rank(policy.ceiling) or 0):
        yield note("one-level-above", words.capped(allowed), rule=person.PUBLIC_INSTITUTION, level=allowed)


def _fixed_level(level: str, facts: Facts, policy: ListVersion) -> Iterator[Finding]:
    """A title that is fixed per certificate may be more than one level above the current one."""
    if facts.employer.kind != person.PUBLIC_INSTITUTION:
        return
    current, allowed = person.highest_title(facts), person.highest_allowed(facts, policy)
    if current is None or allowed is None:
        yield _current_title()
    elif (level_rank(allowed) or 0) < (level_rank(level) or 0):
        text = words.one_level_above(level, current)
        yield missing("one-level-above", text, rule=person.PUBLIC_INSTITUTION, current=current, level=level)


def _degree_field(series: str, facts: Facts, policy: ListVersion, stand: steps.Standing) -> Iterator[Finding]:
    rule = policy.rules["degree-field"]
    if series != rule.values["series"] or policy.ladder is None:
        return
    fitting = [each for each in facts.education if each.field in rule.values["degree_fields"]]
    if not fitting and any(each.field == steps.OTHER for each in facts.education):
        text = words.officer_confirms_degree_field()
        yield condition("officer-confirms-degree-field", text, rule=rule.id, officer=True)
    elif not fitting:
        text = words.degree_field(filed=bool(facts.education))
        yield missing("degree-field", text, rule=rule.id)
    elif max(policy.ladder.ranks.get(each.degree, 0) for each in fitting) < stand.rank:
        yield note("degree-of-another-field", words.degree_of_another_field(), rule=rule.id)
    else:
        yield applied(rule.id)


def _next_level(level: str, ceiling: str, stand: steps.Standing, policy: ListVersion) -> Iterator[Finding]:
    if policy.ladder is None or level == ceiling:
        return
    levels = [each for each in policy.ladder.levels if (level_rank(each) or 0) > (level_rank(level) or 0)]
    for above in levels[:1]:
        need = policy.ladder.years_needed(above, stand.rank)
        values: dict[str, str | int] = {"level": above, "have": stand.years}
        if need is not None:
            values["need"] = need
        yield note("next-level", words.next_level(above, stand.years, need), rule=steps.LADDER, **values)


def _not_known(
    held: Held, row: Row | None, own: list[Finding], facts: Facts, policy: ListVersion, class_id: str
) -> Answer:
    """No row known to us: as the title is not known, neither ladder nor field of degree can hold the road shut."""
    confirms = words.officer_confirms_row(policy.version)
    findings = [
        condition("officer-confirms-row", confirms, rule="class-c", officer=True, list=policy.version, **_named(held)),
        _verified(),
        *own,
        *_other_grades(held, policy, class_id),
    ]
    if policy.ladder is not None and policy.ceiling is not None:
        stand = steps.standing(facts, policy.ladder)
        level = steps.reached(policy.ladder, stand, policy.ceiling)
        findings += steps.counted(policy.ladder, stand, facts)
        findings.append(note("ladder-reached", words.ladder_reached(level), rule=steps.LADDER, level=level or "none"))
    findings += [*person.employer(facts, policy), *person.place_of_work(facts, policy), *_any_level(facts, policy)]
    if row is not None:
        text = words.row_known(policy.version, row.name, row.classes, None)
        findings.append(
            evidence(
                "row",
                text,
                list=policy.version,
                certificate=held.certificate,
                grade=held.grade,
                classes="".join(row.classes),
            )
        )
    findings.append(_committee())
    return answer_of(findings, policy, of_the_row=() if row is None else _row_clauses(row))


def _beside(opens: Opens | None, facts: Facts) -> Iterator[Finding]:
    """What the person asked for, where it differs from what the certificate leads to; and what is held already."""
    if opens is None:
        return
    rank = level_rank(opens.level) or 0
    target = facts.target
    if target is not None:
        wanted = level_rank(target.level) or 0
        if target.series != opens.series or wanted > rank or (opens.only and wanted != rank):
            text = words.target_differs(opens.title)
            yield note("target-differs", text, series=target.series, level=target.level)
    if any(each.series == opens.series and (level_rank(each.level) or 0) >= rank for each in facts.titles):
        yield missing("title-held", words.title_held(opens.title), series=opens.series, level=opens.level)


def _other_grades(held: Held, policy: ListVersion, class_id: str) -> Iterator[Finding]:
    """The grades of the same certificate that are in the class: what the holder may grow into."""
    for row in policy.rows:
        if row.certificate == held.certificate and row.grade not in (held.grade, None) and class_id in row.classes:
            text = words.other_grade(row.abbr, row.name, row.title.name if row.title else None)
            yield note("other-grade", text, certificate=row.certificate, grade=row.grade or "any", abbr=row.abbr)


def _other(held: Held, answer: Answer, policy: ListVersion) -> Item:
    reasons = (*answer.missing, *(each for each in answer.conditions if each.code != "certificate-verified"))
    reason = reasons[0].text if reasons else None
    row = policy.row(held.certificate, held.grade)
    name = words.certificate_name(held.certificate) if row is None else row.name
    text = words.other_certificate(name, answer.status, reason)
    return Item("other-certificate", text, {**_named(held), "status": answer.status})


def _row_clauses(row: Row) -> tuple[Clause, ...]:
    clauses = [Clause(row.id, source, row.confidence) for source in row.sources]
    if row.title is not None:
        clauses += [Clause(f"{row.id}-title", source, row.title.series_confidence) for source in row.title.sources]
    return tuple(clauses)


def _named(held: Held) -> dict[str, str | int]:
    return {"certificate": held.certificate, "grade": held.grade}


def _verified() -> Finding:
    return condition("certificate-verified", words.certificate_verified(), rule="certificate-verified")


def _committee() -> Finding:
    return outstanding("committee", words.committee(), rule="decision-body")


def _current_title() -> Finding:
    return condition("current-title", words.current_title(), rule=person.PUBLIC_INSTITUTION)


def _supplementary() -> tuple[Finding, ...]:
    return (note("no-list-entry", words.no_list_entry()),)


def _items(findings: tuple[Finding, ...]) -> tuple[Item, ...]:
    return tuple(each.item for each in findings if each.item is not None)
