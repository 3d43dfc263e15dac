"""Yesterday's backup is put back: who withdrew since stays erased, before anything could be rendered to an edge."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.contract.config_file import LoadedConfig
from core.people.consent.ledger import (
    check_withdraw,
    do_decline,
    do_grant_consent,
    do_show_notice,
    do_withdraw_consent,
)
from core.people.consent.queries import consent, consents_of, erasures_of
from core.people.consent.restored import catch_up
from core.people.consent.transitions import Act
from core.people.consent.words import Scope
from core.people.edges import list_edges
from core.people.notices import current_notice
from core.people.subjects import do_remove_subject
from core.people.tombstones import Entry, JournalDamagedError, Read, note_entry
from core.service import opened, prepare, tombstone_journal
from core.storage.schema import ListChangeRow, SubjectRow
from tests.core.people.consent.people import person, templates
from tests.core.people.consent.restoring import back_up, enrolled, now, put_back, withdraw


def test_an_erased_person_is_not_found_after_restoring_yesterdays_backup(loaded: LoadedConfig) -> None:
    (_, withdrawn), (_, stays) = enrolled(loaded), enrolled(loaded)
    backup = back_up(loaded)
    withdraw(loaded, withdrawn)
    put_back(loaded, backup)
    with opened(loaded) as database, database.reading() as db:
        assert (consent(db, withdrawn).state, len(templates(db))) == ("active", 2)  # the backup brought it back
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        row = consent(db, withdrawn)
        assert (row.state, row.events[-1]["event"], row.events[-1]["reason"]) == ("withdrawn", "withdraw", "restored")
        assert (consent(db, stays).state, len(templates(db))) == ("active", 1)
        erase = select(ListChangeRow.edge_id).where(
            ListChangeRow.op == "erase_templates", ListChangeRow.second_ref == withdrawn
        )
        assert sorted(db.scalars(erase)) == [edge.id for edge in list_edges(db)]
        assert erasures_of(db, withdrawn) == []  # no edge has ever been trusted here


@pytest.mark.parametrize("declined", [False, True])
def test_a_backup_of_before_the_consent_can_not_make_its_id_stand_again(declined: bool, loaded: LoadedConfig) -> None:
    words = current_notice(Scope.FACE_ACCESS)
    with opened(loaded) as database, database.writing() as db:
        who = person(db)
        row = do_show_notice(db, who, words, Act(now()))
        if declined:
            do_decline(db, row, Act(now()))
    backup = back_up(loaded)
    with opened(loaded) as database, database.writing() as db:
        given = do_grant_consent(db, who, words, channel="desk", given_by="self", now=now(), reopened=declined)
        assert given.id == row.id
    withdraw(loaded, row.id)
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as database, database.writing() as db:
        assert consent(db, row.id).state == "withdrawn"
        again = do_grant_consent(db, who, words, channel="desk", given_by="self", now=now())
        assert (again.id != row.id, again.state) == (True, "active")


def test_a_person_who_was_removed_stays_removed(loaded: LoadedConfig) -> None:
    who, consent_id = enrolled(loaded)
    backup = back_up(loaded)
    with opened(loaded) as database, database.writing() as db:
        do_remove_subject(db, who, now())
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        row = db.get(SubjectRow, who)
        assert row is not None
        assert (row.name, row.removed_at is None, templates(db)) == ("", False, [])
        assert consent(db, consent_id).state == "withdrawn"


def test_preparing_again_changes_nothing(loaded: LoadedConfig) -> None:
    _, withdrawn = enrolled(loaded)
    withdraw(loaded, withdrawn)
    prepare(loaded)
    before = tombstone_journal(loaded).path.read_bytes()
    prepare(loaded)
    assert tombstone_journal(loaded).path.read_bytes() == before
    with opened(loaded) as database, database.reading() as db:
        assert len(consent(db, withdrawn).events) == 3


def test_a_commit_that_failed_after_the_line_was_written_is_made_up_for(loaded: LoadedConfig) -> None:
    _, consent_id = enrolled(loaded)
    with opened(loaded) as database:
        database.before_commit(_power_cut)
        with pytest.raises(RuntimeError), database.writing() as db:
            do_withdraw_consent(db, check_withdraw(db, consent_id), "desk-1", now())
    with opened(loaded) as database:
        with database.reading() as db:
            assert consent(db, consent_id).state == "active"
        catch_up(database, tombstone_journal(loaded), Read(), now())
        with database.reading() as db:
            assert (consent(db, consent_id).state, templates(db)) == ("withdrawn", [])


def _power_cut(_: object) -> None:
    raise RuntimeError("the line is written, the commit is not")


def test_a_damaged_journal_stops_the_start(loaded: LoadedConfig) -> None:
    for _ in range(3):
        withdraw(loaded, enrolled(loaded)[1])
    journal = tombstone_journal(loaded)
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"withdraw"', b'"widthraw"', 1))
    with pytest.raises(JournalDamagedError, match=str(journal.path)):
        prepare(loaded)


def test_a_journal_that_was_moved_away_is_written_anew_from_the_database(loaded: LoadedConfig) -> None:
    who, first = enrolled(loaded)
    withdraw(loaded, first)
    with opened(loaded) as database, database.writing() as db:
        gone = person(db).key
        do_remove_subject(db, gone, now())
    tombstone_journal(loaded).path.rename(loaded.state_dir / "old.jsonl")
    prepare(loaded)
    told = tombstone_journal(loaded).read().entries
    assert [(one.consent, one.subject, one.event) for one in told] == [
        (first, who, "withdraw"),
        (None, gone, "subject_left"),
    ]


def test_a_line_about_somebody_the_backup_does_not_know_harms_nobody(loaded: LoadedConfig) -> None:
    backup = back_up(loaded)
    who, consent_id = enrolled(loaded)
    withdraw(loaded, consent_id)
    with opened(loaded) as database, database.writing() as db:
        do_remove_subject(db, who, now())
        note_entry(db, Entry(subject=who, consent=consent_id, event="withdraw", at=now()))
    put_back(loaded, backup)
    prepare(loaded)
    with opened(loaded) as database, database.reading() as db:
        assert consents_of(db, who) == []
