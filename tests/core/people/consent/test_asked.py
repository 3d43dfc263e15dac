"""The disk of the journal is full: who asks not to be recognised is not, is told so, and need not ask again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.cases.cases import case, do_close_case, do_expire_cases, do_request_missing_person
from core.contract.config_file import LoadedConfig
from core.contract.ids import new_id
from core.people.consent.asked import EndsLaterError, asked_for
from core.people.consent.ledger import check_consent, check_withdraw, do_resume, do_suspend, do_withdraw_consent
from core.people.consent.machine import ConsentEvent
from core.people.consent.queries import consent
from core.people.consent.transitions import EndWaitsError
from core.people.consent.upkeep import ConsentUpkeep
from core.people.consent.waiting import how_many_wait
from core.people.consent.words import Channel, SuspendReason
from core.people.passes import do_issue_pass, list_passes
from core.people.subjects import do_remove_subject
from core.people.tombstones import Does, JournalError, NotWrittenError
from core.service import opened, prepare, tombstone_journal
from core.storage.database import Database
from core.storage.schema import ListChangeRow, SubjectRow
from tests.core.estates import familys_consent
from tests.core.people.consent.people import act, end_of, templates, told
from tests.core.people.consent.restoring import back_up, enrolled, now, put_back


@pytest.fixture
def database(loaded: LoadedConfig) -> Iterator[Database]:
    with opened(loaded) as database:
        yield database


@pytest.fixture
def upkeep(loaded: LoadedConfig, database: Database) -> ConsentUpkeep:
    minutes = iter(range(0, 1_000_000, 60))
    return ConsentUpkeep(database, tombstone_journal(loaded), lambda: float(next(minutes)))


@contextmanager
def no_room() -> Iterator[None]:
    """Meanwhile no line can be added to the journal."""
    with patch("core.people.tombstones._write_all", _disk_full):
        yield


@contextmanager
def room_for_one_line() -> Iterator[None]:
    """Meanwhile what is left of the journal's last block takes a line, and not two."""

    def write(handle: int, content: bytes) -> None:
        if content.count(b"\n") > 1:
            _disk_full()
        os.write(handle, content)

    with patch("core.people.tombstones._write_all", write):
        yield


def _disk_full(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def withdraw(database: Database, consent_id: str) -> None:
    with asked_for(database) as db:
        do_withdraw_consent(db, check_withdraw(db, consent_id), "desk-1", now(), channel=Channel.PHONE)


def test_a_withdrawal_is_in_force_at_the_gates_at_once_and_recorded_when_there_is_room(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    who, given = enrolled(loaded)
    with no_room(), pytest.raises(EndsLaterError, match=r"recognition is off now.*No space left.*nobody has to ask"):
        withdraw(database, given)
    with database.reading() as db:
        row = consent(db, given)
        assert (row.state, row.events[-1]["reason"]) == ("suspended", "end_waits_for_journal")
        assert (row.events[-1]["by"], row.events[-1]["channel"]) == ("desk-1", "phone")
        assert (told(db)[-1], how_many_wait(db)) == (("lock_templates", given), 1)
    with no_room():
        upkeep.run(now())
    with database.reading() as db:
        assert consent(db, given).state == "suspended"
    upkeep.run(now())
    with database.reading() as db:
        end = end_of(consent(db, given))
        assert (end["event"], end["by"], end["channel"]) == ("withdraw", "desk-1", "phone")
        assert (templates(db), told(db)[-1], how_many_wait(db)) == ([], ("erase_templates", given), 0)
    (line,) = [one for one in tombstone_journal(loaded).read().entries if one.does is Does.ENDS]
    assert (line.consent, line.subject, line.event) == (given, who, "withdraw")
    assert upkeep.counts["ended_later"] == 1


def test_asking_twice_or_while_it_is_paused_already_asks_for_the_same(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    _, given = enrolled(loaded)
    with no_room():
        with database.writing() as db:
            do_suspend(db, check_consent(db, given, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, act(now()))
        for _ in range(2):
            with pytest.raises(EndsLaterError):
                withdraw(database, given)
    with database.reading() as db:
        assert (consent(db, given).state, how_many_wait(db)) == ("suspended", 1)
    upkeep.run(now())
    with database.reading() as db:
        assert end_of(consent(db, given))["event"] == "withdraw"


def test_nobody_resumes_what_was_taken_back(loaded: LoadedConfig, database: Database) -> None:
    _, given = enrolled(loaded)
    with no_room(), pytest.raises(EndsLaterError):
        withdraw(database, given)
    with pytest.raises(EndWaitsError, match="taken back"), database.writing() as db:
        do_resume(db, check_consent(db, given, ConsentEvent.RESUME), act(now()))


def test_a_pause_needs_no_line_and_gets_one_later(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    _, given = enrolled(loaded)
    with no_room(), asked_for(database) as db:
        do_suspend(db, check_consent(db, given, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, act(now()))
    assert tombstone_journal(loaded).read().entries == ()
    upkeep.run(now())
    (line,) = tombstone_journal(loaded).read().entries
    with database.reading() as db:
        assert (line.consent, line.does, line.at) == (given, Does.LOCKS, consent(db, given).state_since)


def test_who_is_removed_is_recognised_by_nobody_and_goes_when_there_is_room(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    who, given = enrolled(loaded)
    with no_room(), pytest.raises(EndsLaterError), asked_for(database) as db:
        do_remove_subject(db, who, now())
    with database.reading() as db:
        assert (consent(db, given).state, db.get_one(SubjectRow, who).removed_at) == ("suspended", None)
    upkeep.run(now())
    with database.reading() as db:
        assert end_of(consent(db, given))["event"] == "withdraw"
        assert (db.get_one(SubjectRow, who).removed_at is None, how_many_wait(db), templates(db)) == (False, 0, [])


def test_passes_of_who_is_removed_open_nothing_also_while_there_is_no_room(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    (who, _), pass_id, end = enrolled(loaded), new_id(), now() + timedelta(days=9)
    key = Ed25519PrivateKey.generate()
    with database.writing() as db:
        do_issue_pass(db, pass_id, who, valid_from=now(), valid_until=end, signing_key=key, now=now())
    with no_room(), pytest.raises(EndsLaterError, match="passes are taken back"), asked_for(database) as db:
        do_remove_subject(db, who, now())
    edges_told = select(ListChangeRow.edge_id).where(ListChangeRow.ref == pass_id, ListChangeRow.op == "revoke_pass")
    with database.reading() as db:
        (one,) = list_passes(db, who)
        before = sorted(db.scalars(edges_told))
        assert one.revoked_at is not None
        assert before == ["edge-1", "edge-2"]
    upkeep.run(now())
    with database.reading() as db:
        assert db.get_one(SubjectRow, who).removed_at is not None
        assert sorted(db.scalars(edges_told)) == before


def test_a_case_that_is_closed_finds_nobody_and_is_closed_when_there_is_room(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    case_id = new_id()
    with database.writing() as db:
        end = now() + timedelta(days=9)
        row = do_request_missing_person(
            db,
            case_id,
            name="王奶奶",
            reason="left home",
            checkpoints=["gate"],
            expires_at=end,
            requested_by="desk-1",
            now=now(),
        )
        assert row.subject is not None
        given = familys_consent(db, row.subject, now()).id
    with no_room(), pytest.raises(EndsLaterError), asked_for(database) as db:
        do_close_case(db, case_id, "desk-1", now())
    with database.reading() as db:
        assert consent(db, given).state == "suspended"
    upkeep.run(now())
    with database.writing() as db:
        do_expire_cases(db, now())
        assert case(db, case_id).state == "closed"
    assert {one.case for one in tombstone_journal(loaded).read().entries} == {None, case_id}


def test_where_the_database_can_not_be_written_either_the_answer_says_that_nothing_changed(
    loaded: LoadedConfig, database: Database
) -> None:
    _, given = enrolled(loaded)

    def also_full(_db: Session) -> None:
        if full:
            raise OperationalError("COMMIT", {}, OSError(28, os.strerror(28)))

    full = True
    database.before_commit(also_full)
    with no_room(), pytest.raises(JournalError, match="NOTHING has changed"):
        withdraw(database, given)
    full = False
    with database.reading() as db:
        assert consent(db, given).state == "active"


def test_an_end_that_waits_is_lost_with_the_database(loaded: LoadedConfig) -> None:
    """What the documents say: locked without a line, only the database knows it."""
    _, given = enrolled(loaded)
    backup = back_up(loaded)
    with opened(loaded) as database, no_room(), pytest.raises(EndsLaterError):
        withdraw(database, given)
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        assert consent(db, given).state == "active"


def test_a_start_goes_on_without_room_and_what_ended_before_a_restore_ends_again(loaded: LoadedConfig) -> None:
    _, given = enrolled(loaded)
    backup = back_up(loaded)
    with opened(loaded) as database:
        withdraw(database, given)
    put_back(loaded, backup)
    with no_room():
        prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        assert consent(db, given).state == "withdrawn"


def test_while_nothing_can_be_written_no_roll_may_be_signed_and_it_is_counted(
    loaded: LoadedConfig, upkeep: ConsentUpkeep
) -> None:
    problems = []
    for full in (False, True, True, False):
        with no_room() if full else nullcontext():
            upkeep.run(now())
        problems.append(upkeep.journal_problem)
    assert [problem is not None for problem in problems] == [False, True, True, False]
    assert "No space left" in str(problems[1])
    assert upkeep.counts["journal_unwritable"] == 2


def test_room_for_a_line_is_too_little_where_many_consents_are_due(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    given = [enrolled(loaded)[1] for _ in range(2)]
    over = now() + timedelta(days=366)
    with room_for_one_line():
        upkeep.run(over)
        assert "No space left" in str(upkeep.journal_problem)
    upkeep.run(over)
    assert upkeep.journal_problem is None
    with database.reading() as db:
        assert {end_of(consent(db, one))["event"] for one in given} == {"expire"}


def test_a_journal_that_is_moved_away_under_a_running_core_is_whole_again_a_minute_later(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    (_, ended), (_, standing) = enrolled(loaded), enrolled(loaded)
    backup = back_up(loaded)
    withdraw(database, ended)
    upkeep.run(now())
    journal = tombstone_journal(loaded)
    journal.path.rename(journal.path.with_suffix(".old"))
    upkeep.run(now())
    assert [(one.consent, one.event) for one in journal.read().entries] == [(ended, "withdraw")]
    database.close()
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as restored, restored.reading() as db:
        assert (consent(db, ended).state, consent(db, standing).state) == ("withdrawn", "active")


def test_nothing_ends_by_itself_without_its_line(
    loaded: LoadedConfig, database: Database, upkeep: ConsentUpkeep
) -> None:
    _, given = enrolled(loaded)
    over = now() + timedelta(days=366)
    with no_room():
        upkeep.run(over)
    with database.reading() as db:
        assert consent(db, given).state == "active"
    upkeep.run(over)
    with database.reading() as db:
        assert end_of(consent(db, given))["event"] == "expire"


def test_what_another_machines_core_recorded_stands_in_this_journal_a_minute_later(
    loaded: LoadedConfig, upkeep: ConsentUpkeep
) -> None:
    (_, ended), (_, paused), (_, resumed) = enrolled(loaded), enrolled(loaded), enrolled(loaded)
    journal = tombstone_journal(loaded)
    upkeep.run(now())
    elsewhere = Database(f"sqlite:///{loaded.state_dir / 'anju.db'}")  # beside a journal of its own
    with elsewhere.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, ended), "desk-2", now())
        for one in (paused, resumed):
            do_suspend(db, check_consent(db, one, ConsentEvent.SUSPEND), SuspendReason.SUBJECT_ASKED, act(now()))
    upkeep.run(now())
    with elsewhere.writing() as db:
        do_resume(db, check_consent(db, resumed, ConsentEvent.RESUME), act(now()))
    upkeep.run(now())
    elsewhere.close()
    told = sorted((one.consent or "", one.does) for one in journal.read().entries)
    expected = [(ended, Does.ENDS), (paused, Does.LOCKS), (resumed, Does.LOCKS), (resumed, Does.RELEASES)]
    assert told == sorted(expected)
    before = journal.path.read_bytes()
    upkeep.run(now())
    assert journal.path.read_bytes() == before


def test_only_ends_are_refused_without_their_line(loaded: LoadedConfig, database: Database) -> None:
    _, given = enrolled(loaded)
    with no_room(), pytest.raises(NotWrittenError, match="no consent ends without it"), database.writing() as db:
        do_withdraw_consent(db, check_withdraw(db, given), "desk-1", now())
    with database.reading() as db:
        assert consent(db, given).state == "active"
