"""The safeguards that promises rest on: where each stands in the code, what lacks it, and which test must miss it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bite:
    """`code` stands in `file` exactly once and is replaced `by` something that lacks the safeguard."""

    safeguard: str
    file: str
    code: str
    by: str
    tests: tuple[str, ...]
    promise: str  # what a failure must say

    @property
    def on_mongodb(self) -> bool:
        """Its tests need a server."""
        return any("[mongodb" in test for test in self.tests)


RUNNER = "tests/chassis/test_runner.py"
RELAY = "tests/chassis/test_relay.py"
TROUBLE = "tests/chassis/test_runner_trouble.py"
WRITES = "tests/conformance/store/test_writes.py"
OUTBOX = "tests/conformance/store/test_outbox.py"
WRITERS = "tests/conformance/store/test_writers.py::test_every_event_of_every_document_arrives_and_none_past_a_gap"
MARKS = "tests/chassis/test_mongo_writers.py"
BITES = (
    Bite(
        "sequence check",
        "chassis/fold.py",
        "        if delivery.sequence <= last:\n",
        "        if False:\n",
        (f"{RUNNER}::test_events_of_a_key_are_handled_in_order_and_each_once",),
        "INVARIANT: effects are once",
    ),
    Bite(
        "gap check",
        "chassis/fold.py",
        "            if last < chain.needed(delivery.sequence, delivery.before, self._table):\n",
        "            if False:\n",
        (f"{RUNNER}::test_a_missing_event_that_comes_late_is_handled_first",),
        "INVARIANT: nothing is handled past a gap",
    ),
    Bite(
        "version guard",
        "chassis/sqlite_rows.py",
        "    elif there.version != write.expected or any(",
        "    elif any(",
        (f"{WRITES}::test_of_two_racing_changes_exactly_one_is_written",),
        "INVARIANT: no update is lost",
    ),
    Bite(
        "outbox sweep",
        "chassis/relay.py",
        "            if time.monotonic() - swept >= SWEEP_SECONDS:\n",
        "            if False:\n",
        (f"{RELAY}::test_a_write_whose_outcome_is_unknown_is_found_by_the_sweep",),
        "INVARIANT: every outbox is empty at the end",
    ),
    Bite(
        "relay's order per key",
        "chassis/relay.py",
        "            if queue and sent and queue[0] is entry:\n",
        "            if queue and queue[0] is entry:\n",
        (f"{RELAY}::test_nothing_of_a_key_is_sent_behind_an_event_that_failed",),
        "INVARIANT: a repeat is possible, a gap is not",
    ),
    Bite(
        "relay's order after a crash",
        "chassis/sqlite_outbox.py",
        "        after = not before <= self._sent | self._told\n",
        "        after = False\n",
        (f"{RELAY}::test_a_new_event_does_not_pass_one_that_a_crash_left_unsent",),
        "INVARIANT: per key in order",
    ),
    Bite(
        "a mark below what is under way",
        "chassis/mongo_writers.py",
        "        self._open.update(numbers)\n",
        "",
        (f"{MARKS}::test_a_mark_stays_below_the_lowest_number_under_way",),
        "INVARIANT: a mark never passes what may still land",
    ),
    Bite(
        "offset order: the offset stays at held events",
        "chassis/runner.py",
        "        offsets = self.held.not_done(self._next)\n",
        "        offsets = dict(self._next)\n",
        (f"{RUNNER}::test_a_retry_holds_its_key_only_and_a_restart_finds_it_again",),
        "INVARIANT: the offset stays at the first event that is not done",
    ),
    Bite(
        "offset order: committed after the save",
        "chassis/runner.py",
        "        self.held.halting.count_read(len(batch))\n",
        "        await consumer.commit({each.partition: each.offset + 1 for each in batch})\n"
        "        self.held.halting.count_read(len(batch))\n",
        (f"{TROUBLE}::test_a_crash_before_the_write_leaves_the_events_to_be_read_again",),
        "INVARIANT: offsets move after the work is saved",
    ),
    Bite(
        "a released event leaves its line after the save",
        "chassis/releasing.py",
        "        saved = await self._fold_and_save(readable, passed)\n",
        "        await self._store.write([remove(parked.COLLECTION, entry.id) for entry, _ in leading])\n"
        "        saved = await self._fold_and_save(readable, passed)\n",
        ("tests/parked/test_cut_off.py::test_a_store_that_fails_between_two_steps_costs_nothing[sqlite-things-False]",),
        "INVARIANT: cut off anywhere, a release goes on",
    ),
    Bite(
        "parking of later events",
        "chassis/holding.py",
        "            writes.append(self.park(event.received, reason, head=head, delivery=event))\n",
        "            writes += [self.park(event.received, reason, head=head, delivery=event)] if head else []\n",
        (f"{TROUBLE}::test_what_comes_after_a_parked_event_is_parked_behind_it_at_once",),
        "INVARIANT: nothing of a parked key overtakes it",
    ),
    Bite(
        "what is dropped from an outbox is sent (MongoDB)",
        "chassis/mongo_writers.py",
        "            if not self.is_sent(event.writer, event.number):\n",
        "            if False:\n",
        (f"{MARKS}::test_what_may_be_dropped_is_the_head_that_is_known_to_be_sent",),
        "INVARIANT: only what is sent leaves an outbox",
    ),
    Bite(
        "version guard (MongoDB)",
        "chassis/mongo_documents.py",
        '        where["_v"] = write.expected\n',
        "",
        (f"{WRITES}::test_of_two_racing_changes_exactly_one_is_written[mongodb]",),
        "INVARIANT: no update is lost",
    ),
    Bite(
        "whose write it was (MongoDB)",
        "chassis/store_mongo.py",
        "    if matched < len(updates):\n",
        "    if False:\n",
        (f"{WRITES}::test_of_two_racing_changes_exactly_one_is_written[mongodb]",),
        "INVARIANT: no update is lost",
    ),
    Bite(
        "marks guard of a push (MongoDB)",
        "chassis/mongo_documents.py",
        '            where[f"_seen.{producer}"] = {"$in": [0, None]} if mark == 1 else mark - 1\n',
        "            pass\n",
        tuple(f"{WRITES}::test_a_push_moves_a_mark_by_exactly_one[mongodb-{mark}]" for mark in (1, 4)),
        "INVARIANT: an event that was handled is not handled again, and none is handled past a gap",
    ),
    Bite(
        "marks guard of a change (MongoDB)",
        "chassis/mongo_documents.py",
        '        where |= {f"_seen.{producer}": {"$not": {"$gte": mark}} for producer, mark in write.seen.items()}\n',
        "",
        (f"{WRITES}::test_a_change_moves_no_mark_that_a_push_has_moved_meanwhile[mongodb]",),
        "INVARIANT: what an event adds is added once",
    ),
    Bite(
        "trimming of the outbox (MongoDB)",
        "chassis/mongo_documents.py",
        '        lists["_out"]["$slice"] = -(stay + len(write.events))\n',
        '        lists["_out"]["$slice"] = -len(write.events)\n',
        (f"{OUTBOX}::test_a_change_drops_what_was_sent_before[mongodb]",),
        "INVARIANT: a change drops what was sent and nothing else",
    ),
    Bite(
        "an ended document is known as such (MongoDB)",
        "chassis/mongo_documents.py",
        "    if write.ends and (stay or write.events or write.outbox is None):\n",
        "    if False:\n",
        (f"{OUTBOX}::test_a_document_that_has_ended_is_emptied_also_after_a_crash[mongodb]",),
        "INVARIANT: erasure empties the outbox too",
    ),
    Bite(
        "a writer is written down before its events (MongoDB)",
        "chassis/mongo_outbox.py",
        '                        await self._documents.add(WRITERS, {"_id": name, "sent": 0, "at": _now()})\n',
        "                        pass\n",
        (f"{WRITERS}[mongodb]",),
        "no event is lost",
    ),
    Bite(
        "what may still land counts as under way (MongoDB)",
        "chassis/store_mongo.py",
        "                self._outbox.unknown()\n",
        "                self._outbox.settle(writes, numbers, [Outcome.CONFLICT] * len(writes))\n",
        (f"{WRITERS}[mongodb]",),
        "no event is lost",
    ),
    Bite(
        "relay's order after a crash (MongoDB)",
        "chassis/mongo_outbox.py",
        "        after = first > 1 and (write.outbox is None or self._writers.unheard(write.outbox))\n",
        "        after = False\n",
        (f"{WRITERS}[mongodb]",),
        "none comes past a gap",
    ),
    Bite(
        "marking takes exactly what is sent (MongoDB)",
        "chassis/mongo_documents.py",
        '    return [{"$set": {"_out": {"$filter": {"input": "$_out", "cond": {"$not": [{"$or": gone}]}}}}}]\n',
        '    return [{"$set": {"_out": []}}]\n',
        (f"{WRITERS}[mongodb]",),
        "no event is lost",
    ),
)
