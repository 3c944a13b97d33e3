"""The floor: the same documents and messages through the same adapters with nothing else.

The calls that the services made at one client are made again on stores and a bus of their own: no HTTP, no rules, no
reading, no waiting for each other. One application after the other, call by call, or many at once: then the n-th
writes of so many documents go in one bulk, as a system without any other cost would do.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.counting import Call
from chassis.bus import Bus, Record, Topic
from chassis.store import Outcome, Store, Write
from contracts.topics import topics

SETTLE = 0.2  # seconds, so that nothing of the setup is still on its way to the disk


class FloorDiffers(Exception):
    """A write that the services could make was not possible again: the replay is not the same work."""


async def floor(
    calls: Sequence[Call],
    stores: Mapping[str, Store],
    bus: Bus,
    *,
    applications: int,
    at_once: int,
    collections: Mapping[str, Sequence[str]],
) -> float:
    """Applications per second. `stores`: per service, empty; `at_once`: documents or messages in one bulk."""
    await bus.setup([Topic(topic.name, topic.partitions, topic.retention_days) for topic in topics()])
    for name, store in stores.items():
        await store.setup(collections[name], [])
        store.listen(store.note_sent)  # every event counts as sent once it is written; its message goes its own way
    await asyncio.sleep(SETTLE)
    begun = time.perf_counter()
    if at_once == 1:
        for call in calls:
            await _make(call, stores, bus)
    else:
        lines = [bulks([call for call in calls if call.to == name], at_once) for name in (*stores, "bus")]
        await asyncio.gather(*(_line(line, stores, bus) for line in lines))
    return applications / (time.perf_counter() - begun)


async def _line(calls: Iterator[Call], stores: Mapping[str, Store], bus: Bus) -> None:
    for call in calls:
        await _make(call, stores, bus)


async def _make(call: Call, stores: Mapping[str, Store], bus: Bus) -> None:
    if call.records:
        if not all(await bus.publish(call.records)):
            raise FloorDiffers("a message was not acknowledged")
    elif call.marks:
        await stores[call.to].mark_sent()
    else:
        outcomes = await stores[call.to].write(call.writes)
        if any(outcome is not Outcome.WRITTEN for outcome in outcomes):
            raise FloorDiffers(f"{call.to}: {Counter(outcome.value for outcome in outcomes)}")


def bulks(calls: Sequence[Call], at_once: int) -> Iterator[Call]:
    """Regroups the calls of one port: what was done first to each document, what was done second, and so on.

    What was sent is marked once, at the end.
    """
    steps: dict[tuple[int, str], list[Write | Record]] = {}
    done: Counter[tuple[str, str]] = Counter()
    for call in calls:
        for kind, document, part in _parts(call):
            steps.setdefault((done[document], kind), []).append(part)
        for document in {document for _, document, _ in _parts(call)}:
            done[document] += 1
    for (_, kind), parts in sorted(steps.items(), key=lambda entry: entry[0]):
        for start in range(0, len(parts), at_once):
            yield Call(calls[0].to, **{kind: parts[start : start + at_once]})  # type: ignore[arg-type]
    if any(call.marks for call in calls):
        yield Call(calls[0].to, marks=True)


def _parts(call: Call) -> list[tuple[str, tuple[str, str], Write | Record]]:
    writes = [("writes", (write.collection, write.id), write) for write in call.writes]
    records = [("records", (record.topic, record.key), record) for record in call.records]
    return [*writes, *records]
