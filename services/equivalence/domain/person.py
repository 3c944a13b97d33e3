"""Rules that hold whatever the certificate leads to: its validity, earlier rounds, the employer, the place of work."""

from __future__ import annotations

from collections.abc import Iterator

from services.equivalence.domain import words
from services.equivalence.domain.findings import Finding, applied, condition, evidence, missing, note
from services.equivalence.domain.policy import ListVersion
from services.equivalence.domain.values import LEVELS, Facts, Held, level_rank, month_text
from services.equivalence.domain.years import months_counted

PUBLIC_INSTITUTION = "public-institution"


def validity(held: Held, facts: Facts) -> Iterator[Finding]:
    """Holds the certificate on the day of receipt. Days are not known to us, months are."""
    if held.issued > facts.received_month:
        yield missing(
            "certificate-not-issued",
            words.certificate_not_issued(held.issued),
            rule="scope-lawful-work",
            issued=month_text(held.issued),
        )
    if held.lapses is None:
        return
    lapses = month_text(held.lapses)
    rule = "scope-lawful-work"
    if held.lapses < facts.received_month:
        yield missing("certificate-lapsed", words.certificate_lapsed(held.lapses), rule=rule, lapses=lapses)
    elif held.lapses == facts.received_month:
        yield condition("certificate-valid", words.certificate_valid(held.lapses), rule=rule, lapses=lapses)
    elif held.lapses < facts.cut_off:
        yield note("certificate-lapses", words.certificate_lapses(held.lapses), lapses=lapses)


def earlier_rounds(facts: Facts, policy: ListVersion) -> Iterator[Finding]:
    """A round may not take participants of earlier ones; the list version says which (round 3: those of 1 and 2)."""
    rule = policy.rules.get("earlier-rounds")
    if rule is None or rule.values["round"] != facts.round:
        if facts.earlier_rounds:
            yield note("earlier-rounds-not-known", words.earlier_rounds_not_known())
        return
    before = sorted(set(rule.values["excluded_after"]).intersection(facts.earlier_rounds))
    if before:
        yield missing("earlier-round", words.earlier_round(), rule=rule.id, rounds=", ".join(before))
    else:
        yield applied(rule.id)


def employer(facts: Facts, policy: ListVersion) -> Iterator[Finding]:
    """A kind of employer that the rules name; public institutions need a free post and consent."""
    kind = facts.employer.kind
    if kind == PUBLIC_INSTITUTION:
        yield from _public_institution(facts)
    elif kind in policy.rules["scope-lawful-work"].values["employer_kinds"]:
        yield applied("scope-lawful-work")
    else:
        yield condition("employer-kind", words.employer_kind(), rule="scope-lawful-work", officer=True)


def _public_institution(facts: Facts) -> Iterator[Finding]:
    for code, value, text in (
        ("free-post", facts.employer.free_post, words.free_post),
        ("superior-consent", facts.employer.superior_consent, words.superior_consent),
    ):
        if value is None:
            yield condition(code, text(stated=False), rule=PUBLIC_INSTITUTION)
        elif not value:
            yield missing(code, text(stated=True), rule=PUBLIC_INSTITUTION)
        else:
            yield applied(PUBLIC_INSTITUTION)


def highest_title(facts: Facts) -> str | None:
    """The highest level held; None when no title of a level that we know is stated."""
    held = [rank for title in facts.titles if (rank := level_rank(title.level)) is not None]
    return LEVELS[max(held) - 1] if held else None


def highest_allowed(facts: Facts, policy: ListVersion) -> str | None:
    """The highest level that staff of a public institution may go for; None = no limit, or no title is stated."""
    current = highest_title(facts)
    if facts.employer.kind != PUBLIC_INSTITUTION or current is None:
        return None
    above: int = policy.rules[PUBLIC_INSTITUTION].values["levels_above"]
    return LEVELS[min(LEVELS.index(current) + above, len(LEVELS) - 1)]


def place_of_work(facts: Facts, policy: ListVersion) -> Iterator[Finding]:
    """Works in Shanghai, and has normally done so in the field for a year. "Normally" leaves the rest to a person."""
    now = facts.received_month
    here = [job for job in facts.work if job.in_shanghai]
    if not any(job.start <= now and (job.end is None or now < job.end) for job in here):
        yield condition("works-in-shanghai", words.works_in_shanghai(), rule="scope-lawful-work")
    need: int = policy.rules["local-experience"].values["months"]
    have = months_counted((job for job in here if job.in_field), facts.cut_off)
    yield evidence(
        "shanghai-months",
        words.shanghai_counted(have, facts.last_day),
        rule="local-experience",
        months=have,
        until=facts.until,
    )
    if have < need:
        yield condition(
            "local-experience",
            words.local_experience(have, need),
            rule="local-experience",
            officer=True,
            have=have,
            need=need,
            until=facts.until,
        )
