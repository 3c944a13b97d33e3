"""Events in: each becomes at most one message of its case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chassis.clock import Clock, later
from chassis.handlers import Delivery, Save, Subscription, on, on_delivery
from chassis.store import Document
from contracts.events import (
    CaseAmended,
    CaseDetermined,
    CaseHeld,
    CaseSubmitted,
    CaseWithdrawn,
    Filed,
    PersonalDataErased,
)
from services.notify import domain
from services.notify.domain import Step, ToldCase
from services.notify.letters import Letters
from services.notify.store import dump, load
from services.notify.use_cases.deliver import Pace
from services.notify.use_cases.in_hand import InHand


def subscriptions(tell: Tell) -> Sequence[Subscription]:
    return (
        on_delivery(CaseSubmitted, do=tell.submitted),
        on_delivery(CaseHeld, do=tell.held),
        on_delivery(CaseAmended, do=tell.amended),
        on_delivery(CaseDetermined, do=tell.determined),
        on_delivery(CaseWithdrawn, do=tell.withdrawn),
        on(PersonalDataErased, do=tell.erased, ends=True),
    )


class Tell:
    def __init__(self, letters: Letters, clock: Clock, in_hand: InHand, pace: Pace) -> None:
        self._letters = letters
        self._clock = clock
        self._in_hand = in_hand
        self._pace = pace

    async def submitted(self, event: CaseSubmitted, document: Document | None, delivery: Delivery) -> Save | None:
        params = {"received_on": event.received_on, "round": event.round, "list_version": event.list_version}
        return self._tell(document, _filed(_case(document, delivery), event), Step.RECEIVED, delivery, params)

    async def amended(self, event: CaseAmended, document: Document | None, delivery: Delivery) -> Save | None:
        case = _filed(_case(document, delivery), event)
        return self._tell(document, case, Step.AMENDED, delivery, {"revision": event.revision}, about=event.revision)

    async def held(self, event: CaseHeld, document: Document | None, delivery: Delivery) -> Save | None:
        case = replace(
            _case(document, delivery),
            case_number=event.case_number,
            contact_sealed=event.contact_sealed,
            contact_revision=event.revision,
        )
        return self._tell(document, case, Step.HELD, delivery, {})

    async def determined(self, event: CaseDetermined, document: Document | None, delivery: Delivery) -> Save | None:
        case = replace(_case(document, delivery), case_number=event.case_number)
        said = event.model_dump(
            mode="json",
            include={"number", "revision", "supersedes", "because", "roads", "exemptions", "waits_for_officer"},
        )
        params = {**said, "round": case.round, "list_version": case.list_version}
        return self._tell(document, case, Step.DETERMINED, delivery, params, about=event.number)

    async def withdrawn(self, event: CaseWithdrawn, document: Document | None, delivery: Delivery) -> Save | None:
        case = _case(document, delivery)
        if case.erased_on:
            return None
        silent = domain.withdraw(
            replace(case, case_number=event.case_number),
            template=self._letters.newest(Step.WITHDRAWN),
            params={"case_number": event.case_number},
            at=delivery.time,
            correlation_id=delivery.correlation_id,
        )
        return Save(fields=dump(self._claimed(document, case, silent)))

    async def erased(self, event: PersonalDataErased, document: Document | None) -> Save | None:
        now = self._clock.now()
        case = load(document) if document is not None else ToldCase(event.case_id, now)
        return Save(fields=dump(domain.erase(case, at=now, on=self._clock.today().isoformat())))

    def _tell(
        self,
        document: Document | None,
        case: ToldCase,
        step: Step,
        delivery: Delivery,
        params: dict[str, Any],
        *,
        about: int | None = None,
    ) -> Save | None:
        if case.erased_on:
            return None
        told = domain.tell(
            case,
            step,
            about=about,
            template=self._letters.newest(step),
            params={"case_number": case.case_number, **params},
            at=delivery.time,
            correlation_id=delivery.correlation_id,
        )
        return Save(fields=dump(self._claimed(document, case, told)))

    def _claimed(self, document: Document | None, before: ToldCase, case: ToldCase) -> ToldCase:
        """The write that makes a message claims it, when this process has a place for its case; else it is queued.

        It claims too what is due of the case already, so that this does not come after what is new.
        """
        known = {message.id for message in before.messages}
        new = [message for message in case.messages if message.id not in known]
        if not new:
            return case
        now = self._clock.now()  # what is new may be of a later time, by the clock of who said it
        waited = [message for message in domain.due(case, now) if message.id in known]
        due = [message for message in waited if not domain.exhausted(message, self._pace.backoff)]
        until, over = later(now, self._pace.lease), document.version if document is not None else 0
        claims = [domain.claimed(message, at=now, until=until) for message in (*due, *new)]
        return domain.with_messages(case, [claim for claim in claims if self._in_hand.take(case.id, claim, over=over)])


def _case(document: Document | None, delivery: Delivery) -> ToldCase:
    if document is None:
        return ToldCase(delivery.key, delivery.time)
    case = load(document)
    return case if case.created_at else replace(case, created_at=delivery.time)


def _filed(case: ToldCase, event: Filed) -> ToldCase:
    """With the newest contact: earlier ones are dropped."""
    if case.erased_on:
        return case
    return replace(
        case,
        case_number=event.case_number,
        contact_sealed=event.contact_sealed,
        contact_revision=event.revision,
        round=event.round,
        list_version=event.list_version,
    )
