"""Yesterday's backup is put back: what was locked since is locked, what was released in time is not locked for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.cases.cases import case, do_close_case, do_request_controlled_vehicle
from core.cases.machine import CaseState
from core.contract.config_file import LoadedConfig
from core.contract.ids import new_id
from core.people.consent.due import do_due_transitions
from core.people.consent.ledger import check_consent, do_grant_consent, do_resume, do_suspend, do_withdraw_consent
from core.people.consent.machine import ConsentEvent
from core.people.consent.queries import consent
from core.people.consent.restored import catch_up
from core.people.consent.transitions import do_move
from core.people.consent.words import Scope, SuspendReason
from core.people.disputes import do_lock_template, do_release_template, suspended_templates
from core.people.notices import current_notice
from core.people.subjects import subject
from core.people.tombstones import Does, Read
from core.service import opened, plate_keeper, prepare, tombstone_journal
from core.storage.schema import ConsentRow, ListChangeRow, SealedTemplateRow, VehicleRow
from tests.core.people.consent.people import MOTHER, act, end_of, guarded, person
from tests.core.people.consent.restoring import back_up, enrolled, now, put_back


def suspend(loaded: LoadedConfig, consent_id: str, at: datetime | None = None) -> datetime:
    since = at or now()
    with opened(loaded) as database, database.writing() as db:
        row = check_consent(db, consent_id, ConsentEvent.SUSPEND)
        do_suspend(db, row, SuspendReason.SUBJECT_ASKED, act(since))
    return since


def resume(loaded: LoadedConfig, consent_id: str) -> None:
    with opened(loaded) as database, database.writing() as db:
        do_resume(db, check_consent(db, consent_id, ConsentEvent.RESUME), act(now()))


def state(loaded: LoadedConfig, consent_id: str) -> ConsentRow:
    with opened(loaded) as database, database.reading() as db:
        return consent(db, consent_id)


def template_of(loaded: LoadedConfig, consent_id: str) -> str:
    with opened(loaded) as database, database.reading() as db:
        held = select(SealedTemplateRow.template_id).where(SealedTemplateRow.consent_id == consent_id)
        return db.scalars(held).one()


def lock(loaded: LoadedConfig, template: str) -> None:
    with opened(loaded) as database, database.writing() as db:
        assert do_lock_template(db, template, now(), now())


def release(loaded: LoadedConfig, template: str) -> None:
    with opened(loaded) as database, database.writing() as db:
        do_release_template(db, template, now())


def locked(loaded: LoadedConfig) -> list[str]:
    with opened(loaded) as database, database.reading() as db:
        return [row.template_id for row in suspended_templates(db)]


def changes(loaded: LoadedConfig) -> list[str]:
    with opened(loaded) as database, database.reading() as db:
        rows = select(ListChangeRow.op).where(ListChangeRow.edge_id == "edge-1").order_by(ListChangeRow.number)
        return list(db.scalars(rows))


def test_a_suspended_consent_is_locked_again_since_it_was_first_and_the_edges_are_told(loaded: LoadedConfig) -> None:
    (_, paused), (_, stays) = enrolled(loaded, now() - timedelta(days=1)), enrolled(loaded)
    backup = back_up(loaded)
    since = suspend(loaded, paused, now() - timedelta(minutes=5))
    put_back(loaded, backup)
    assert state(loaded, paused).state == "active"
    prepare(loaded)
    row = state(loaded, paused)
    assert (row.state, row.state_since, row.events[-1]["reason"]) == ("suspended", since, "restored")
    assert row.deadline_at == since + timedelta(days=30)
    assert (state(loaded, stays).state, changes(loaded)[-1]) == ("active", "lock_templates")


def test_a_paused_consent_whose_time_ran_out_meanwhile_ends_at_once(loaded: LoadedConfig) -> None:
    _, paused = enrolled(loaded, now() - timedelta(days=40))
    backup = back_up(loaded)
    suspend(loaded, paused, now() - timedelta(days=31))
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as database, database.writing() as db:
        do_due_transitions(db, now())
    assert end_of(state(loaded, paused))["event"] == "deadline"


def test_who_turned_14_is_asked_again_and_not_searched_meanwhile(loaded: LoadedConfig) -> None:
    with opened(loaded) as database, database.writing() as db:
        who = person(db, born=now().date().replace(year=now().year - 10), now=now())
        given = guarded(db, who, now=now()).id
    backup = back_up(loaded)
    with opened(loaded) as database, database.writing() as db:
        subject(db, who.key).turns_14_on = now().date() - timedelta(days=1)
        db.flush()
        do_due_transitions(db, now())
    put_back(loaded, backup)  # which does not know of the birthday, the journal does
    prepare(loaded)
    assert state(loaded, given).state == "reconsent_due"


def test_what_was_resumed_before_the_restore_is_not_locked(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    backup = back_up(loaded)
    suspend(loaded, given)
    resume(loaded, given)
    put_back(loaded, backup)
    prepare(loaded)
    assert (state(loaded, given).state, len(state(loaded, given).events)) == ("active", 2)


def test_what_the_backup_has_locked_is_released_by_nobody_but_the_desk(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    suspend(loaded, given)
    backup = back_up(loaded)
    resume(loaded, given)
    put_back(loaded, backup)
    prepare(loaded)
    assert state(loaded, given).state == "suspended"
    resume(loaded, given)
    prepare(loaded)
    assert state(loaded, given).state == "active"


def test_a_resume_whose_commit_failed_released_nothing(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    backup = back_up(loaded)
    suspend(loaded, given)
    with opened(loaded) as database:
        database.before_commit(_power_cut)
        with pytest.raises(RuntimeError), database.writing() as db:
            do_resume(db, check_consent(db, given, ConsentEvent.RESUME), act(now()))
    put_back(loaded, backup)
    prepare(loaded)
    assert state(loaded, given).state == "suspended"


def test_a_suspension_whose_commit_failed_is_made_up_for(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    with opened(loaded) as database:
        database.before_commit(_power_cut)
        with pytest.raises(RuntimeError), database.writing() as db:
            do_move(db, consent(db, given, lock=True), ConsentEvent.SUSPEND, act(now()))
    with opened(loaded) as database:
        catch_up(database, tombstone_journal(loaded), Read(), now())
    assert state(loaded, given).state == "suspended"


def _power_cut(_: object) -> None:
    raise RuntimeError("the line is written, the commit is not")


def test_what_the_database_knows_since_the_lock_is_not_undone_by_a_journal_that_does_not(loaded: LoadedConfig) -> None:
    """As where another machine's journal heard of the release."""
    _, given = enrolled(loaded)
    suspend(loaded, given)
    journal = tombstone_journal(loaded).path
    before = journal.read_bytes()
    resume(loaded, given)
    journal.write_bytes(before)
    prepare(loaded)
    assert state(loaded, given).state == "active"
    assert [one.does for one in tombstone_journal(loaded).read().entries] == [Does.LOCKS, Does.RELEASES]


def test_a_pause_after_the_clock_was_set_back_is_restored_like_any_other(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded, now() + timedelta(minutes=5))
    backup = back_up(loaded)
    suspend(loaded, given)
    put_back(loaded, backup)
    prepare(loaded)
    assert state(loaded, given).state == "suspended"


def test_who_agrees_anew_after_the_restore_is_not_locked_by_what_was_before(loaded: LoadedConfig) -> None:
    words = current_notice(Scope.FACE_ACCESS)
    with opened(loaded) as database, database.writing() as db:
        who = person(db, born=now().date().replace(year=now().year - 10), now=now())
    backup = back_up(loaded)
    with opened(loaded) as database, database.writing() as db:
        first = guarded(db, who, now=now()).id
    suspend(loaded, first)
    put_back(loaded, backup)
    with opened(loaded) as database, database.writing() as db:
        again = do_grant_consent(
            db, who, words, channel="desk", given_by="guardian", guardian=MOTHER, now=now(), by="desk-1"
        ).id
    prepare(loaded)
    assert state(loaded, again).state == "active"


def test_preparing_again_writes_nothing_and_locks_nothing_twice(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    template = template_of(loaded, enrolled(loaded)[1])
    backup = back_up(loaded)
    suspend(loaded, given)
    lock(loaded, template)
    put_back(loaded, backup)
    prepare(loaded)
    before = tombstone_journal(loaded).path.read_bytes()
    told = changes(loaded)
    prepare(loaded)
    assert (tombstone_journal(loaded).path.read_bytes(), changes(loaded)) == (before, told)
    assert [one.does for one in tombstone_journal(loaded).read().entries] == [Does.LOCKS, Does.LOCKS]


@pytest.mark.parametrize("released", [False, True])
def test_a_template_that_was_locked_is_locked_again_unless_it_was_released(
    released: bool, loaded: LoadedConfig
) -> None:
    template = template_of(loaded, enrolled(loaded)[1])
    backup = back_up(loaded)
    lock(loaded, template)
    if released:
        release(loaded, template)
    put_back(loaded, backup)
    prepare(loaded)
    assert locked(loaded) == ([] if released else [template])
    assert changes(loaded).count("lock_template") == (0 if released else 1)


def test_a_release_that_no_line_proves_leaves_the_template_locked(loaded: LoadedConfig) -> None:
    template = template_of(loaded, enrolled(loaded)[1])
    lock(loaded, template)
    journal = tombstone_journal(loaded).path
    before = journal.read_bytes()
    release(loaded, template)
    journal.write_bytes(before)
    prepare(loaded)
    assert locked(loaded) == [template]


def test_a_template_of_an_ended_consent_comes_back_neither_locked_nor_searched(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    template = template_of(loaded, given)
    backup = back_up(loaded)
    lock(loaded, template)
    with opened(loaded) as database, database.writing() as db:
        do_withdraw_consent(db, check_consent(db, given, ConsentEvent.WITHDRAW), "desk-1", now())
    put_back(loaded, backup)
    prepare(loaded)
    assert (state(loaded, given).state, locked(loaded)) == ("withdrawn", [])


@pytest.mark.parametrize("known", [True, False], ids=["backup of during the case", "backup of before the case"])
def test_a_vehicles_case_that_ended_stays_ended(known: bool, loaded: LoadedConfig) -> None:
    case_id, early = new_id(), back_up(loaded, "early.db")
    with opened(loaded) as database, database.writing() as db:
        do_request_controlled_vehicle(
            db,
            case_id,
            plate="京A12345",
            case_number="2026-17",
            authority="the police station",
            reason="stolen",
            checkpoints=["lane"],
            expires_at=now() + timedelta(days=10),
            requested_by="desk-1",
            plates=plate_keeper(loaded, db),
            now=now(),
        )
    backup = back_up(loaded)
    with opened(loaded) as database, database.writing() as db:
        do_close_case(db, case_id, "desk-1", now())
    put_back(loaded, backup if known else early)
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        assert db.scalars(select(VehicleRow)).all() == []
        if known:
            assert case(db, case_id).state == CaseState.CLOSED


def test_a_journal_that_was_moved_away_is_told_what_is_locked_and_which_cases_are_over(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    template = template_of(loaded, enrolled(loaded)[1])
    since = suspend(loaded, given)
    lock(loaded, template)
    tombstone_journal(loaded).path.rename(loaded.state_dir / "old.jsonl")
    prepare(loaded)
    told = tombstone_journal(loaded).read().entries
    assert [(one.consent or one.template, one.does) for one in told] == [(given, Does.LOCKS), (template, Does.LOCKS)]
    assert told[0].at == since
