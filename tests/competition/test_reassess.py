"""Results that come later reach the cases that wait for them."""

from __future__ import annotations

import asyncio

from chassis.store import Outcome, Write, change
from chassis.store_sqlite import SqliteStore
from services.competition.editions import load_editions
from services.competition.store import CASES, CHANGES, REGISTER
from tests.competition.office import (
    EDITION,
    Office,
    a_file,
    a_member_row,
    a_number,
    a_row,
    an_office,
    case_id_of,
    submitted,
)

CASE = case_id_of("case")


async def test_an_imported_result_gives_a_waiting_case_a_new_numbered_answer(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-1", a_member_row(me, confirmed=True))))

        assert office.moved.is_set()
        assert await office.reassess() == 1

        before, after = await office.said(CASE)
        assert (before.number, before.answer.status) == (1, "open-if")
        assert (after.number, after.answer.status, after.because) == (2, "open", "result-imported")
        assert after.revision == before.revision
        assert after.assessment_id != before.assessment_id
        assert await office.reassess() == 0


async def test_an_annulled_result_closes_what_was_open_and_says_so(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.take(a_file(a_row("P-1", a_member_row(me))))
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-1", a_member_row(me), disqualified=True), file_id="f-2"))

        await office.reassess()

        last = await office.newest(CASE)
        assert (last.number, last.answer.status, last.because) == (2, "closed", "result-annulled")


async def test_a_result_that_got_worse_without_an_annulment_is_an_imported_one(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-1", a_member_row(me), stage="preliminary"), results="complete"))

        await office.reassess()

        last = await office.newest(CASE)
        assert (last.answer.status, last.because) == ("closed", "result-imported")


async def test_a_result_that_changes_nothing_for_a_case_only_moves_what_it_has_seen(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", a_number(), (EDITION, "P-1", "technical-lead")))
        await office.hears(submitted("elsewhere", a_number(), ("sh-ymec-2023", "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-9")))

        assert await office.reassess() == 2

        version = (await office.register.version()).number
        for name in ("case", "elsewhere"):
            case = await office.case(case_id_of(name))
            assert (case.data["register_version"], len(case.data["assessments"])) == (version, 1)
        assert await office.reassess() == 0


async def test_a_case_without_entries_is_left_alone(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", a_number()))
        await office.take(a_file(a_row("P-1")))

        assert await office.reassess() == 0


async def test_an_edition_that_is_published_later_reaches_the_cases_that_named_it(tmp_path):
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", a_number(), ("sh-ymec-2030", "P-1", "technical-lead")))
        later = load_editions()[1].model_copy(update={"id": "sh-ymec-2030"})
        await office.imports.seed([later], [])

        await office.reassess()

        [before, after] = await office.said(CASE)
        assert (before.answer.opens, after.answer.status) == (None, "open-if")
        assert after.answer.opens is not None


async def test_results_imported_before_a_crash_reach_their_cases_after_it(tmp_path):
    """INVARIANT: nothing about who waits for what is in memory only."""
    me = a_number()
    async with an_office(tmp_path) as office:
        await office.hears(submitted("case", me, (EDITION, "P-1", "technical-lead")))
        await office.take(a_file(a_row("P-1", a_member_row(me))))

    async with an_office(tmp_path) as office:
        assert await office.reassess() == 1
        assert (await office.newest(CASE)).answer.status == "open"


class CutOff(Exception):
    pass


class FailingStore:
    """A store whose process dies before the write number `after`."""

    def __init__(self, store: SqliteStore, after: int) -> None:
        self._store = store
        self._left = after

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    async def write(self, writes: list[Write], *, ordered: bool = False) -> list[Outcome]:
        self._left -= 1
        if self._left < 0:
            raise CutOff
        return await self._store.write(writes, ordered=ordered)


async def test_an_import_cut_off_at_any_write_is_seen_whole_or_not_at_all_and_finished_by_the_sweep(tmp_path):
    """INVARIANT: a reader sees a file whole or not at all; whoever comes next finishes it."""
    me = a_number()
    file = a_file(*(a_row(f"P-{n}", a_member_row(me)) for n in range(450)))
    cut = 0
    while True:
        folder = tmp_path / str(cut)
        folder.mkdir()
        async with an_office(folder) as office:
            await office.hears(submitted("case", me, (EDITION, "P-449", "technical-lead")))
            dying = Office(FailingStore(office.store, cut))  # type: ignore[arg-type]
            try:
                await dying.take(file)
                finished = True
            except CutOff:
                finished = False
            version = await office.register.version()
            await office.hears(submitted("meanwhile", me, (EDITION, "P-449", "technical-lead")))
            said = await office.newest(case_id_of("meanwhile"))
            assert said.policy.version == str(version.number)
            assert said.answer.status == ("open" if version.number == 3 else "open-if")

            await office.reassess()

            stored = cut > 0
            for name in ("case", "meanwhile"):
                assert (await office.newest(case_id_of(name))).answer.status == ("open" if stored else "open-if")
            await office.register.check(synthetic_allowed=True)
            assert (await office.take(file)).data["register_version"] == 3
        if finished:
            assert cut > 5
            return
        cut += 1


async def test_imports_at_the_same_time_each_make_one_version(tmp_path):
    async with an_office(tmp_path) as office:
        before = (await office.register.version()).number
        offices = [Office(office.store) for _ in range(6)]

        done = await asyncio.gather(
            *(one.take(a_file(a_row("P-1"), file_id=f"f-{n % 3}-x")) for n, one in enumerate(offices)),
            return_exceptions=True,
        )

        # Of two files of one id and different content one is kept and the other is refused.
        kept = [change for change in done if not isinstance(change, BaseException)]
        assert len(kept) == 3
        assert sorted(change.data["register_version"] for change in kept) == [before + 1, before + 2, before + 3]
        assert (await office.register.version()).number == before + 3
        await office.register.check(synthetic_allowed=True)


async def test_a_case_assessed_while_the_register_moved_is_found_by_the_next_pass(tmp_path):
    """INVARIANT: a case names the version it saw, so a write that comes after a pass is not missed."""
    async with an_office(tmp_path) as office:
        me = a_number()
        event = submitted("case", me, (EDITION, "P-1", "technical-lead"))
        saved = await office.assess.filed(event, None)
        assert saved is not None
        await office.take(a_file(a_row("P-1", a_member_row(me))))
        assert await office.reassess() == 0
        write = office.author.create(CASES, CASE, saved.fields, partner_id="filer", events=saved.events)
        assert await office.store.write([write]) == [Outcome.WRITTEN]

        assert await office.reassess() == 1

        assert (await office.newest(CASE)).answer.status == "open"


async def test_a_document_of_another_shape_holds_up_no_other(tmp_path):
    async with an_office(tmp_path) as office:
        me = a_number()
        for name in ("broken", "case"):
            await office.hears(submitted(name, me, (EDITION, "P-1", "technical-lead")))
        broken = await office.case(case_id_of("broken"))
        await office.store.write([change(CASES, broken, {"assessments": []})])
        await office.take(a_file(a_row("P-1", a_member_row(me))))

        assert await office.reassess() == 1

        assert (await office.newest(CASE)).answer.status == "open"


async def test_a_log_that_was_changed_behind_our_back_refuses_the_start(tmp_path):
    async with an_office(tmp_path) as office:
        imported = await office.take(a_file(a_row("P-1")))
        content = imported.data["content"] | {"results": "complete"}
        await office.store.write([change(CHANGES, imported, {"content": content})])

        try:
            await office.register.check(synthetic_allowed=True)
        except Exception as refused:
            assert "digest" in str(refused)
        else:
            raise AssertionError("a changed log was accepted")
        assert await office.store.count(REGISTER, {}) == 1
