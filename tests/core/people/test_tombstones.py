"""The journal of ended consents: on the disk before the commit, whole, and nobody can change it unnoticed."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.contract.ids import new_id
from core.errors import InvalidError
from core.people import tombstones
from core.people.consent.ledger import do_withdraw_consent
from core.people.subjects import do_put_subject
from core.people.tombstones import Does, Entry, JournalDamagedError, JournalError, Read, TombstoneJournal, note_entry
from core.storage.database import Database
from core.storage.schema import SubjectRow
from tests.core.estates import NOW
from tests.core.people.consent.people import consenting, keep_template, templates


def _person(db: Session) -> SubjectRow:
    """Somebody in a database that knows no checkpoints."""
    return do_put_subject(
        db,
        new_id(),
        name="王小明",
        kind="resident",
        checkpoints=[],
        valid_from=NOW,
        valid_until=None,
        now=NOW,
    )


def ended(event: str = "withdraw", minutes: int = 0) -> Entry:
    return Entry(subject=new_id(), consent=new_id(), event=event, at=NOW + timedelta(minutes=minutes))


@pytest.fixture
def journal(tmp_path: Path) -> TombstoneJournal:
    return TombstoneJournal(tmp_path / "tombstones.jsonl")


def test_what_was_appended_is_read_in_order_and_only_its_owner_may(journal: TombstoneJournal) -> None:
    assert journal.read() == Read()
    first, second, third = ended(), ended("expire", 1), Entry(subject=new_id(), event="subject_left", at=NOW)
    journal.append([first, second])
    before = journal.read()
    journal.append([third])
    assert journal.read().entries == (first, second, third)
    assert journal.read(before).entries == (third,)
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_the_journal_of_an_older_anju_is_read_and_goes_on(journal: TombstoneJournal) -> None:
    journal.path.write_bytes(
        b'{"subject": "01980000-0000-7000-8000-000000000001", "consent": "01980000-0000-7000-8000-0000000000c1", '
        b'"event": "withdraw", "at": "2026-11-22T08:00:00Z", '
        b'"previous": "0000000000000000000000000000000000000000000000000000000000000000", '
        b'"sha256": "d7d297d65ac48148cfb4dd0868e17b7c5ad6f1a8ee7fcbcebf08e5e40f4abb2b"}\n'
        b'{"subject": "01980000-0000-7000-8000-000000000001", "consent": null, "event": "subject_left", '
        b'"at": "2026-11-22T08:00:00Z", '
        b'"previous": "d7d297d65ac48148cfb4dd0868e17b7c5ad6f1a8ee7fcbcebf08e5e40f4abb2b", '
        b'"sha256": "0cf3d520c39e70058804c02bb9e2590332aff35d0e4fdb1c5a57742d7573c3ee"}\n'
    )
    journal.append([locked := ended().model_copy(update={"does": Does.LOCKS, "event": "suspend"})])
    withdrawn, removed, last = journal.read().entries
    assert (withdrawn.does, withdrawn.consent) == (Does.ENDS, "01980000-0000-7000-8000-0000000000c1")
    assert (removed.does, removed.consent, removed.needs_its_line) == (Does.ENDS, None, True)
    assert (last, last.needs_its_line) == (locked, False)


def test_trying_whether_it_can_be_written_leaves_it_as_it_was(journal: TombstoneJournal) -> None:
    journal.check_writable()
    assert journal.read() == Read()
    journal.append([ended()])
    before = journal.path.read_bytes()
    journal.check_writable()
    assert journal.path.read_bytes() == before
    journal.path.write_bytes(before + b" " * (tombstones.MAX_LINE_BYTES - 1))  # killed between the two
    journal.append([ended()])
    assert len(journal.read().entries) == 2


def test_a_journal_that_can_only_be_read_is_read_and_the_try_says_so(
    journal: TombstoneJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([one := ended()])
    opening = os.open

    def read_only(path: Path, how: int, *more: int) -> int:
        if how & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opening(path, how, *more)

    monkeypatch.setattr(os, "open", read_only)
    assert journal.read().entries == (one,)
    with pytest.raises(JournalError, match="Read-only file system"):
        journal.check_writable()


def test_a_release_is_written_when_it_has_happened_and_not_before(
    database: Database, journal: TombstoneJournal
) -> None:
    seen: list[int] = []
    database.before_commit(journal.write_noted)
    database.before_commit(lambda _: seen.append(len(journal.read().entries)))
    released = ended().model_copy(update={"does": Does.RELEASES, "event": "resume", "lock_at": NOW})
    with database.writing() as db:
        note_entry(db, released)
    assert (seen, journal.read().entries) == ([0], (released,))
    with pytest.raises(InvalidError), database.writing() as db:
        _note_and_fail(db, released)
    assert len(journal.read().entries) == 1


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_line_cut_off_by_a_crash_was_never_committed_and_is_taken_away(kept: int, journal: TombstoneJournal) -> None:
    whole, cut = ended(), ended("expire", 1)
    journal.append([whole])
    size = journal.path.stat().st_size
    journal.append([cut])
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[: size + kept] if kept >= 0 else content[:-1])
    assert journal.read().entries == (whole,)
    assert journal.read().offset == size
    journal.append([cut])
    assert journal.read().entries == (whole, cut)


def test_the_next_end_mends_the_cut_too(journal: TombstoneJournal) -> None:
    journal.append([ended(), ended()])
    journal.path.write_bytes(journal.path.read_bytes()[:-20])
    journal.append([ended()])
    assert len(journal.read().entries) == 2


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_line_stops_the_start_and_says_what_to_do(place: float, journal: TombstoneJournal) -> None:
    journal.append([ended() for _ in range(5)])
    content = bytearray(journal.path.read_bytes())
    content[int(len(content) * place)] ^= 1
    journal.path.write_bytes(content)
    with pytest.raises(JournalDamagedError, match="move this file away"):
        journal.read()


def test_a_line_taken_out_or_put_elsewhere_is_noticed(journal: TombstoneJournal) -> None:
    journal.append([ended() for _ in range(4)])
    lines = journal.path.read_bytes().splitlines(keepends=True)
    for changed in ([lines[0], *lines[2:]], [lines[1], lines[0], *lines[2:]], lines[1:]):
        journal.path.write_bytes(b"".join(changed))
        with pytest.raises(JournalDamagedError, match="line"):
            journal.read()


def test_a_journal_that_got_shorter_while_running_is_noticed(journal: TombstoneJournal) -> None:
    journal.append([ended(), ended()])
    read = journal.read()
    journal.path.write_bytes(journal.path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(JournalDamagedError, match="shorter"):
        journal.read(read)


def test_something_else_at_the_end_is_left_alone(journal: TombstoneJournal) -> None:
    journal.path.write_bytes(b"x" * 5000)
    for act in (journal.read, lambda: journal.append([ended()])):
        with pytest.raises(JournalDamagedError):
            act()
    assert journal.path.stat().st_size == 5000


def _append_many(path: Path, number: int) -> None:
    for minutes in range(number):
        TombstoneJournal(path).append([ended("withdraw", minutes)])


def test_several_processes_append_to_one_chain(journal: TombstoneJournal) -> None:
    started = [multiprocessing.get_context("spawn").Process(target=_append_many, args=(journal.path, 25)) for _ in "ab"]
    for one in started:
        one.start()
    for one in started:
        one.join(60)
    assert len(journal.read().entries) == 50


def test_a_lock_nobody_gives_back_is_waited_for_only_so_long(
    journal: TombstoneJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "LOCK_TIMEOUT_S", 0.05)
    with journal.path.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match="another process"):
            journal.append([ended()])


@pytest.mark.parametrize("short", [True, False])
def test_a_full_disk_ends_nothing_half(
    short: bool, database: Database, journal: TombstoneJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.before_commit(journal.write_noted)
    with database.writing() as db:
        kept = keep_template(db, row := consenting(db, _person(db)))
    journal.append([ended()])
    before, write = journal.path.read_bytes(), os.write

    def full(handle: int, content: bytes) -> int:
        if short:
            return write(handle, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="No space left on device"), database.writing() as db:
        do_withdraw_consent(db, db.merge(row), "desk-1", NOW)
    monkeypatch.undo()
    assert journal.path.read_bytes() == before
    with database.writing() as db:
        row = db.merge(row)
        db.refresh(row)
        assert (row.state, templates(db)) == ("active", [kept])
        do_withdraw_consent(db, row, "desk-1", NOW)
    assert journal.read().entries[-1].consent == row.id


def test_the_line_stands_before_the_commit_and_nothing_is_written_for_what_was_undone(
    database: Database, journal: TombstoneJournal
) -> None:
    seen: list[int] = []
    database.before_commit(journal.write_noted)
    database.before_commit(lambda _: seen.append(len(journal.read().entries)))
    with database.writing() as db:
        note_entry(db, ended())
    assert seen == [1]
    with pytest.raises(InvalidError), database.writing() as db:
        _note_and_fail(db)
    assert len(journal.read().entries) == 1


def _note_and_fail(db: Session, entry: Entry | None = None) -> None:
    note_entry(db, entry or ended())
    raise InvalidError("after all, it can't be done")
