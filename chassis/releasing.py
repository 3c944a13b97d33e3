"""The consumer's side of a release: marked lines go through the fold in their order, before anything newer.

Only the consumer that owns a line's partition works on it, between two batches. So nothing of the key overtakes: what
is newer finds a gap before it and is parked behind, until the line is empty. An event leaves its line after its effect
is saved; after a crash in between the mark of its producer drops it as a repeat.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chassis import chain, metrics, parked
from chassis.bus import Partition
from chassis.clock import Clock
from chassis.envelope import Unreadable, decode
from chassis.fold import Fold, Folded, Trouble
from chassis.handlers import Delivery, Subscription
from chassis.holding import Limits
from chassis.parked_lines import PAGE, Entry, Line, changed, leading_of, read_line
from chassis.releases import DISCARD, DISCARDED, HANDLED, REJECTED, RELEASE, REPEATED, outcome_of
from chassis.store import Cond, Document, Outcome, Store, Write, change, remove
from contracts.events import Event

log = logging.getLogger(__name__)

WORK_SECONDS = 1.0  # then new events have their turn
TRIES = 8  # another write may come between our read and our write


@dataclass(slots=True)
class Tried:
    partition: Partition
    times: int = 0
    due: float = 0.0


class Releasing:
    """What one consumer does about releases; `step` once between two batches."""

    def __init__(
        self,
        service: str,
        collection: str,
        store: Store,
        clock: Clock,
        limits: Limits,
        fold: Fold,
        table: Mapping[str, Subscription],
        known: Mapping[str, type[Event]],
        saved: Callable[[Sequence[Document]], None],
    ) -> None:
        self._service = service
        self._collection = collection
        self._store = store
        self._clock = clock
        self._limits = limits
        self._fold = fold
        self._table = table
        self._known = known
        self._saved = saved
        self._looked = float("-inf")
        self._after: list[str] | None = None  # the head that was worked on last: it may take all the time there is
        self._tried: dict[str, Tried] = {}  # by the id of the event that could not be handled yet

    async def step(self, ours: set[Partition]) -> None:
        """Works on the marked lines of these partitions, no longer than a batch may take; what was done stays done.

        Raises StoreUnavailable.
        """
        try:
            async with asyncio.timeout(self._limits.batch_seconds):
                await self._lines_of(ours)
        except TimeoutError:  # new events have their turn, then the next line
            log.warning("release took too long, cut off", extra={"action": "parked.cut-off"})

    async def _lines_of(self, ours: set[Partition]) -> None:
        begun = time.monotonic()
        if begun - self._looked < self._limits.release_seconds:
            return
        self._looked = begun
        self._tried = {id: tried for id, tried in self._tried.items() if tried.partition in ours}
        first = self._after is None
        where = {"release": Cond("is_not", None)}
        while heads := await self._store.find(parked.COLLECTION, where, limit=PAGE, after=self._after):
            for head in heads:
                self._after = [head.id]
                if parked.partition_of(head) not in ours or self._waits(head.id):
                    continue
                await self._one(head)
                if time.monotonic() - begun > WORK_SECONDS:
                    self._looked = float("-inf")
                    return
        if first and self._after is None:
            self._tried.clear()  # what is not marked any more was erased
        self._after = None
        if not first:
            self._looked = float("-inf")  # those before the place where it began

    def _waits(self, id: str) -> bool:
        return id in self._tried and self._tried[id].due > time.monotonic()

    async def _one(self, head: Document) -> None:
        line = await read_line(self._store, head, self._known)
        entries = line.entries
        if not entries:
            return  # gone meanwhile: its aggregate has ended
        if line.behind:
            await self._settle(head, [], line, Trouble("gap", "behind"))
            return
        gone: list[tuple[Entry, str]] = []
        past_gap, passed = bool(head.data["past_gap"]), None
        if head.data["verb"] == DISCARD:
            own = entries[0]
            refused = await self._discard(own, past_gap=past_gap) if own.id == head.id else "behind"
            if refused is not None:
                await self._settle(head, [], line, Trouble("reject", refused), keeps_reason=True)
                return
            gone.append((own, DISCARDED))
            entries = entries[1:]
            if past_gap and isinstance(own.read, Delivery):
                passed = {own.read.producer: own.read.sequence}
        elif entries[0].id != head.id and _is_discarded(entries[0]):
            return  # its discard was cut off, and comes first
        leading = leading_of(entries)
        readable = [read for _, read in leading]
        if past_gap and head.data["verb"] == RELEASE:
            first = next((read for read in readable if not self._fold.passes_over(read)), None)
            if first is not None:
                passed = {first.producer: self._needed(first)}
        saved = await self._fold_and_save(readable, passed)
        if saved is None:
            return  # others write this document all the time: the next step tries again
        folded, last = saved
        gone += [
            (entry, REPEATED if read.sequence <= last else HANDLED)
            for entry, read in leading
            if read not in folded.left
        ]
        await self._settle(head, gone, line, _trouble(folded, entries))

    # --- handling it ---

    async def _discard(self, entry: Entry, *, past_gap: bool) -> str | None:
        """Moves the mark past the event; None when it may go, else why not."""
        read = entry.read if isinstance(entry.read, Delivery) else decode(entry.read.received, {})
        if isinstance(read, Unreadable) or self._fold.passes_over(read):
            return None  # not even its number is known, or nobody asks for it: nothing waits behind it
        subscription = self._table.get(read.type)
        if subscription is not None and subscription.ends:
            return "ends-its-key"
        for _ in range(TRIES):
            document = await self._store.get(self._collection, read.key)
            if document is None:
                return None  # nothing is there to set a mark on, and a discard makes no document
            last = document.seen.get(read.producer, 0)
            if last >= read.sequence:
                return None
            if last < self._needed(read) and not past_gap:
                return "gap"
            write = change(self._collection, document, {}, seen={read.producer: read.sequence})
            [outcome] = await self._store.write([write])
            if outcome is Outcome.WRITTEN:
                return None
        return "busy"

    def _needed(self, read: Delivery) -> int:
        return chain.needed(read.sequence, read.before, self._table)

    async def _fold_and_save(
        self, deliveries: Sequence[Delivery], passed: Mapping[str, int] | None
    ) -> tuple[Folded, int] | None:
        """With the last sequence that was handled before; None when other writes always came first."""
        if not deliveries:
            return Folded(), 0
        key, producer = deliveries[0].key, deliveries[0].producer
        for _ in range(TRIES):
            document = await self._store.get(self._collection, key)
            last = document.seen.get(producer, 0) if document else 0
            until = time.monotonic() + WORK_SECONDS  # what is left then goes on in another step
            folded = await self._fold.key(deliveries, document, checked=True, passed=passed, until=until)
            if folded.write is None:
                return folded, last
            try:
                [outcome] = await self._store.write([folded.write])
            except ValueError:
                trouble = Trouble("failed", "failed-ValueError")
                return Folded(left=list(deliveries), troubles={producer: trouble}), last
            if outcome is Outcome.WRITTEN:
                self._saved([folded.document] if folded.document is not None else [])
                return folded, last
        return None

    # --- what becomes of its events ---

    async def _settle(
        self,
        head: Document,
        gone: Sequence[tuple[Entry, str]],
        line: Line,
        trouble: Trouble | None,
        *,
        keeps_reason: bool = False,
    ) -> None:
        """Notes what became of them, has the next event head the line, then removes what is gone, the head last."""
        release, now = head.data["release"], self._clock.now()
        away = {entry.id for entry, _ in gone}
        left = [entry for entry in line.entries if entry.id not in away]
        notes = [outcome_of(entry.document, release, how, reason=None, at=now) for entry, how in gone]
        marks: list[Write] = []
        if left:
            first = left[0]
            if trouble is None or self._again(first, trouble):
                past_gap = bool(head.data["past_gap"]) and all(how != HANDLED for _, how in gone)
                fields = {"head": True, "release": release, "verb": RELEASE, "past_gap": past_gap}
            else:
                fields = {"head": not line.behind, "release": None, "tried": release}
                if not keeps_reason:
                    fields["reason"] = trouble.code
                notes.append(outcome_of(first.document, release, REJECTED, reason=trouble.code, at=now))
            marks += changed(first, fields)
            for entry in left[1:]:
                was_head = {"reason": "behind"} if entry.document.data["head"] else {}
                marks += changed(entry, {"head": False, "release": None, **was_head})
        elif line.next is not None:
            fields = {"head": True, "release": release, "verb": RELEASE, "past_gap": False}
            marks.append(change(parked.COLLECTION, line.next, fields))
            self._looked = float("-inf")  # there is more: the next step follows the next batch
        outcomes = await self._store.write([*notes, *marks])
        if any(outcome is Outcome.CONFLICT for outcome in outcomes):
            return  # an event of the line has changed or gone meanwhile: the next step sees how
        for entry, _ in gone:
            self._tried.pop(entry.id, None)
            if isinstance(entry.read, Delivery) and self._ends(entry.read):
                await parked.forget(self._store, entry.read.key, but=[entry.id for entry in line.entries])
        await self._store.write([remove(parked.COLLECTION, id) for id in away if id != head.id])
        if head.id in away:
            await self._store.write([remove(parked.COLLECTION, head.id)])
        await self._take_up(line, left, release)
        log.info(
            "parked events worked on",
            extra={
                "action": "parked.worked",
                "release": release,
                "key": line.entries[0].read.key if isinstance(line.entries[0].read, Delivery) else None,
                "done": len(gone),
                "reason": trouble.code if trouble else None,
            },
        )
        for entry, how in gone:
            if how == DISCARDED:
                kind = entry.document.data["type"] if entry.document.data["type"] in self._known else "unknown"
                metrics.events(self._service, kind, DISCARDED).inc()

    async def _take_up(self, line: Line, left: Sequence[Entry], release: str) -> None:
        """What another consumer parked behind the line while it came to its end has no head: it goes on too."""
        read = line.entries[0].read
        if left or line.next is not None or isinstance(read, Unreadable):
            return
        where = {"key": read.key, "producer": read.producer}
        for found in await self._store.find(parked.COLLECTION, where, order=("sequence", "id"), limit=1):
            if not found.data["head"]:
                fields = {"head": True, "release": release, "verb": RELEASE, "past_gap": False}
                await self._store.write([change(parked.COLLECTION, found, fields)])

    def _again(self, entry: Entry, trouble: Trouble) -> bool:
        """Is it tried once more? So often as an event that fails, with growing pauses, and then it is rejected."""
        if trouble.kind not in ("retry", "failed"):
            return False
        tried = self._tried.setdefault(entry.id, Tried(parked.partition_of(entry.document)))
        tried.times += 1
        tried.due = time.monotonic() + min(self._limits.retry_pause * 2 ** (tried.times - 1), 10.0)
        if tried.times < self._limits.tries:
            return True
        del self._tried[entry.id]
        return False

    def _ends(self, read: Delivery) -> bool:
        subscription = self._table.get(read.type)
        return subscription is not None and subscription.ends


def _is_discarded(entry: Entry) -> bool:
    data = entry.document.data
    return data["release"] is not None and data["verb"] == DISCARD


def _trouble(folded: Folded, entries: Sequence[Entry]) -> Trouble | None:
    """Why the first event that is left is left; None: there was no time for it."""
    if folded.left:
        return folded.troubles.get(folded.left[0].producer)
    unread = next((entry.read for entry in entries if isinstance(entry.read, Unreadable)), None)
    return Trouble("reject", unread.reason) if unread is not None else None
