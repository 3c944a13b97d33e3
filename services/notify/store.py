"""The documents of notify: what each case has been told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as parts_of
from operator import attrgetter
from typing import Any

from chassis.outbox import Author
from chassis.paging import Place
from chassis.store import Cond, Document, Index, Outcome, Store, Write, outbox_after, remove
from contracts.events import Event
from services.notify.domain import UNSENT, Message, Resend, State, Step, ToldCase

COLLECTION = "cases_told"
INDEXES = (
    Index(COLLECTION, ("due_at",)),
    Index(COLLECTION, ("unsent_since",)),
    Index(COLLECTION, ("erased_on",)),
    Index(COLLECTION, ("partner_id", "-created_at")),
    Index(COLLECTION, ("message_ids",)),
    Index(COLLECTION, ("states", "created_at")),
)

_OF_A_CASE = tuple(field.name for field in parts_of(ToldCase) if field.name != "id")
_OF_A_MESSAGE = tuple(field.name for field in parts_of(Message) if field.name != "resends")
_values_of_a_case, _values_of_a_message = attrgetter(*_OF_A_CASE), attrgetter(*_OF_A_MESSAGE)


def load(document: Document) -> ToldCase:
    """The case behind a document, also behind one that holds nothing but marks."""
    data = document.data
    return ToldCase(
        id=document.id,
        created_at=data.get("created_at") or "",
        case_number=data.get("case_number"),
        contact_sealed=data.get("contact_sealed"),
        contact_revision=data.get("contact_revision") or 0,
        round=data.get("round"),
        list_version=data.get("list_version"),
        withdrawn=bool(data.get("withdrawn")),
        erased_on=data.get("erased_on"),
        messages=tuple(_message(message) for message in data.get("messages") or ()),
    )


def dump(case: ToldCase) -> dict[str, Any]:
    """The fields of its document; `due_at`, `unsent_since`, `message_ids` and `states` are for the indexes."""
    # Not asdict, which copies what the texts need all the way down.
    own = dict(zip(_OF_A_CASE, _values_of_a_case(case), strict=True))
    return own | {
        "messages": [_dumped(message) for message in case.messages],
        "due_at": case.due_at,
        "unsent_since": case.unsent_since,
        "message_ids": [message.id for message in case.messages],
        "states": sorted({message.state.value for message in case.messages}),
    }


def _dumped(message: Message) -> dict[str, Any]:
    own: dict[str, Any] = dict(zip(_OF_A_MESSAGE, _values_of_a_message(message), strict=True))
    own |= {"step": message.step.value, "state": message.state.value}
    return own | ({"resends": [asdict(one) for one in message.resends]} if message.resends else {})


def _message(stored: Mapping[str, Any]) -> Message:
    resends = tuple(Resend(**one) for one in stored.get("resends") or ())
    return Message(**{**stored, "step": Step(stored["step"]), "state": State(stored["state"]), "resends": resends})


@dataclass(frozen=True, slots=True)
class Change:
    """A case as it shall stand, over the version that was read."""

    document: Document
    case: ToldCase
    events: Sequence[Event] = ()
    correlation_id: str = ""


class ToldCases:
    """Questions and writes of the sweeps and the API."""

    def __init__(self, store: Store, author: Author) -> None:
        self._store = store
        self._author = author

    async def get(self, case_id: str) -> Document | None:
        return await self._store.get(COLLECTION, case_id)

    async def get_many(self, case_ids: Sequence[str]) -> Mapping[str, Document]:
        return await self._store.get_many(COLLECTION, case_ids)

    async def due(self, now: str, limit: int) -> list[Document]:
        """Cases with a message that is due, longest due first."""
        return await self._store.find(COLLECTION, {"due_at": Cond("at_most", now)}, order=("due_at", "id"), limit=limit)

    async def unsent_longest(self) -> Document | None:
        """The case with the message that waits longest to be sent."""
        where = {"unsent_since": Cond("is_not", None)}
        found = await self._store.find(COLLECTION, where, order=("unsent_since", "id"), limit=1)
        return found[0] if found else None

    async def replace(self, changes: Collection[Change]) -> list[Document | None]:
        """Writes them together, each for itself: its document as it stands then; None: another was first."""
        if not changes:
            return []
        writes = [
            self._author.change(
                COLLECTION, one.document, dump(one.case), events=one.events, correlation_id=one.correlation_id
            )
            for one in changes
        ]
        outcomes = await self._store.write(writes)
        return [
            _written(one, write) if outcome is Outcome.WRITTEN else None
            for one, write, outcome in zip(changes, writes, outcomes, strict=True)
        ]

    async def page(self, partner: str, *, state: State | None, after: Place | None, limit: int) -> list[Document]:
        """Cases of one partner, newest first; `after`: creation and id of the last one of the page before."""
        where: dict[str, Any] = {"partner_id": partner, "created_at": Cond("is_not", None)}
        if state is not None:
            where["states"] = Cond("holds", state.value)
        return await self._store.find(COLLECTION, where, order=("-created_at", "id"), limit=limit, after=after)

    async def given_up(self, *, after: Place | None, limit: int) -> list[Document]:
        """Cases of all partners with a message that waits for a person, oldest first."""
        where = {"states": Cond("holds", State.WAITING.value)}
        return await self._store.find(COLLECTION, where, order=("created_at", "id"), limit=limit, after=after)

    async def with_message(self, message_id: str, *, partner: str | None = None) -> Document | None:
        """`partner` None: whoever's it is."""
        where: dict[str, Any] = {"message_ids": Cond("holds", message_id)}
        if partner is not None:
            where["partner_id"] = partner
        found = await self._store.find(COLLECTION, where, limit=1)
        return found[0] if found else None

    async def stones(self, erased_until: str, limit: int) -> list[Document]:
        """Erased cases whose day is not after the given one."""
        return await self._store.find(
            COLLECTION, {"erased_on": Cond("at_most", erased_until)}, order=("erased_on", "id"), limit=limit
        )

    async def remove(self, documents: Sequence[Document]) -> int:
        """How many were removed; one that changed meanwhile stays for the next time."""
        if not documents:
            return 0
        outcomes = await self._store.write(
            [remove(COLLECTION, document.id, expected=document.version) for document in documents]
        )
        return outcomes.count(Outcome.WRITTEN)

    async def count(self, state: State) -> int:
        """Cases with a message in this state."""
        where: dict[str, Any] = {"states": Cond("holds", state.value)}
        if state in UNSENT:
            where["due_at"] = Cond("at_least", "")  # a store may have no index that looks into lists
        return await self._store.count(COLLECTION, where)


def _written(change: Change, write: Write) -> Document:
    before = change.document
    data = {**before.data, **write.fields}
    return Document(
        before.id, before.version + 1, data, before.seen, before.emitted + len(change.events), outbox_after(write)
    )
