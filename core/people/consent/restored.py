"""After a restore: what the journal says has ended or is locked, is so again, before anything is rendered to an edge.

Nothing is released on the journal's word: what the database has locked stays locked until somebody releases it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.cases import do_end_cases_again
from core.people.consent.endings import do_end
from core.people.consent.journaled import Journaled
from core.people.consent.machine import OVER, ConsentEvent, ConsentState
from core.people.consent.transitions import Act, do_move
from core.people.consent.unwritten import entries_missing
from core.people.disputes import do_lock_template
from core.people.subjects import do_remove_subject
from core.people.tombstones import Entry, JournalError, Read, TombstoneJournal, forget_noted
from core.storage.database import Database
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow, TemplateLockRow

_CHUNK = 500
_REASON = "restored"
_OVER_VALUES = sorted(OVER)
_WAY_TO_STANDING = {
    ConsentState.NONE: ConsentEvent.NOTICE_SHOWN,
    ConsentState.NOTICED: ConsentEvent.GRANT,
    ConsentState.DECLINED: ConsentEvent.SUBJECT_REOPENS,
}
log = structlog.get_logger()


def replay_tombstones(database: Database, journal: TombstoneJournal, now: datetime) -> Read:
    """End and lock again whatever came back, and write into the journal what it lacks; how far the journal was read.

    Safe to repeat. Raises JournalError: a journal that is damaged or can't be read stops the start. One that can't be
    written doesn't: what it lacks follows.
    """
    read = journal.read()
    journaled = Journaled.of(read.entries)
    _make_good(database, journaled, now)
    try:
        complete(database, journal, journaled)
    except JournalError as error:
        log.info("consent.journal_incomplete", problem=str(error))
    return read


def catch_up(database: Database, journal: TombstoneJournal, since: Read, now: datetime) -> Read:
    """The same for lines that came since: ends and locks whose commit failed after they stood in the journal."""
    read = journal.read(since)
    _make_good(database, Journaled.of(read.entries), now)
    return read


def complete(database: Database, journal: TombstoneJournal, journaled: Journaled, since: datetime | None = None) -> int:
    """Write into the journal what the database knows and the journal, which comes to ``journaled``, does not.

    That is what another machine recorded, what is older than the journal, and what went ahead without its line. since:
    of ends, only those from then on are looked at. How many lines. Raises JournalError.
    """
    with database.reading() as db:
        missing = entries_missing(db, journaled, since)
    if missing:
        journal.append(missing)
        log.info("consent.journal_completed", lines=len(missing))
    return len(missing)


def _make_good(database: Database, journaled: Journaled, now: datetime) -> None:
    """Bring the database in step with what the journal comes to. Safe to repeat."""
    done = {"people": 0, "consents": 0, "cases": 0, "locks": 0}
    for key in _returned_people(database, journaled.people):
        with database.writing() as db:
            do_remove_subject(db, key, now)
            forget_noted(db, journaled.says)
        done["people"] += 1
    for chunk in _chunks(sorted(journaled.consents)):
        with database.writing() as db:
            done["consents"] += _end_consents(db, {one: journaled.consents[one] for one in chunk}, now)
            forget_noted(db, journaled.says)
    for chunk in _chunks(sorted(journaled.cases)):
        with database.writing() as db:
            done["cases"] += do_end_cases_again(db, {one: journaled.cases[one] for one in chunk}, now)
            forget_noted(db, journaled.says)
    for chunk in _chunks(sorted(journaled.locks)):
        locks = {one: journaled.locks[one] for one in chunk}
        with database.writing() as db:
            done["locks"] += _lock_consents(db, locks) + _lock_templates(db, locks, now)
            forget_noted(db, journaled.says)
    if any(done.values()):
        log.warning("consent.made_good_from_journal", **done)


def _end_consents(db: Session, why: dict[str, str], now: datetime) -> int:
    query = (
        select(ConsentRow)
        .where(ConsentRow.id.in_(why), ConsentRow.state.not_in(_OVER_VALUES))
        .order_by(ConsentRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = db.scalars(query).all()
    for row in rows:
        _end(db, row, ConsentEvent(why[row.id]), Act(now, reason=_REASON))
    return len(rows)


def _end(db: Session, row: ConsentRow, why: ConsentEvent, act: Act) -> None:
    """What ended had been given, also where the backup is older than that: its id must never stand again."""
    while (state := ConsentState(row.state)) in _WAY_TO_STANDING:
        do_move(db, row, _WAY_TO_STANDING[state], act)
    do_end(db, row, why, act)


def _lock_consents(db: Session, locks: dict[str, Entry]) -> int:
    """Lock the consents that stand, and whose history knows neither of the lock nor of anything later.

    From the time it was locked first: a backup doesn't make it last longer.
    """
    query = (
        select(ConsentRow)
        .where(ConsentRow.id.in_(locks), ConsentRow.state == ConsentState.ACTIVE.value)
        .order_by(ConsentRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    unaware = [row for row in db.scalars(query).all() if not _has_heard(row, locks[row.id])]
    for row in unaware:
        do_move(db, row, ConsentEvent(locks[row.id].event), Act(locks[row.id].at, reason=_REASON))
    return len(unaware)


def _has_heard(row: ConsentRow, lock: Entry) -> bool:
    """Whether the consent was locked then and released since, or agreed to anew: so its history says, nothing else.

    In the order of its steps, not of their times, where the lock says which of them it followed: clocks are set back.
    """
    steps = [(step["event"], step.get("to"), datetime.fromisoformat(step["at"])) for step in row.events]
    if any(event == lock.event and at == lock.at for event, _, at in steps):
        return True
    began = [at for _, to, at in steps if to == ConsentState.ACTIVE]
    if lock.active_at in began:
        return began[-1] != lock.active_at
    return any(at > lock.at for at in began)


def _lock_templates(db: Session, locks: dict[str, Entry], now: datetime) -> int:
    """Of a template's release the database keeps no trace: without the journal's line it is locked again."""
    locked = select(TemplateLockRow.template_id)
    query = select(SealedTemplateRow.template_id, SealedTemplateRow.subject).where(
        SealedTemplateRow.template_id.in_(locks), SealedTemplateRow.template_id.not_in(locked)
    )
    found = db.execute(query.distinct().order_by(SealedTemplateRow.subject, SealedTemplateRow.template_id)).all()
    people = select(SubjectRow.key).where(SubjectRow.key.in_({one.subject for one in found})).order_by(SubjectRow.key)
    if found:
        db.execute(people.with_for_update()).all()
    return sum(do_lock_template(db, one.template_id, locks[one.template_id].at, now) for one in found)


def _returned_people(database: Database, removed: Collection[str]) -> list[str]:
    """People who were removed and are there again."""
    found: list[str] = []
    with database.reading() as db:
        for chunk in _chunks(sorted(removed)):
            there = select(SubjectRow.key).where(SubjectRow.key.in_(chunk), SubjectRow.removed_at.is_(None))
            found += db.scalars(there)
    return sorted(set(found))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
