"""After a restore: what the journal of tombstones says ended, ends again, before anything is rendered to an edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.people.consent.endings import do_end
from core.people.consent.machine import OVER, ConsentEvent, ConsentState
from core.people.consent.transitions import Act, do_move
from core.people.subjects import do_remove_subject
from core.people.tombstones import Read, Tombstone, TombstoneJournal
from core.storage.database import Database
from core.storage.schema import ConsentRow, SubjectRow

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
    """End again whatever came back, and write into the journal what it lacks; how far the journal was read.

    It lacks ends that another machine recorded, or that are older than the journal: each machine's becomes whole.
    Safe to repeat. Raises JournalError: a damaged journal stops the start.
    """
    read = journal.read()
    _end_again(database, read.tombstones, now)
    with database.reading() as db:
        missing = _not_in(db, read.tombstones)
    if missing:
        journal.append(missing)
        log.info("consent.journal_completed", lines=len(missing))
    return read


def catch_up(database: Database, journal: TombstoneJournal, since: Read, now: datetime) -> Read:
    """The same for lines that came since: ends whose commit failed after they stood in the journal."""
    read = journal.read(since)
    _end_again(database, read.tombstones, now)
    return read


def _end_again(database: Database, tombstones: Sequence[Tombstone], now: datetime) -> None:
    ended = 0
    for key in _returned_people(database, tombstones):
        with database.writing() as db:
            do_remove_subject(db, key, now)
        ended += 1
    for chunk in _chunks([one for one in tombstones if one.consent is not None]):
        with database.writing() as db:
            ended += _end_consents(db, chunk, now)
    if ended:
        log.warning("consent.ended_again", people_and_consents=ended)


def _end_consents(db: Session, tombstones: Sequence[Tombstone], now: datetime) -> int:
    why = {one.consent: ConsentEvent(one.event) for one in tombstones}
    query = (
        select(ConsentRow)
        .where(ConsentRow.id.in_(why), ConsentRow.state.not_in(_OVER_VALUES))
        .order_by(ConsentRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = db.scalars(query).all()
    for row in rows:
        _end(db, row, why[row.id], Act(now, reason=_REASON))
    return len(rows)


def _end(db: Session, row: ConsentRow, why: ConsentEvent, act: Act) -> None:
    """What ended had been given, also where the backup is older than that: its id must never stand again."""
    while (state := ConsentState(row.state)) in _WAY_TO_STANDING:
        do_move(db, row, _WAY_TO_STANDING[state], act)
    do_end(db, row, why, act)


def _returned_people(database: Database, tombstones: Sequence[Tombstone]) -> list[str]:
    """People who were removed and are there again."""
    removed = [one for one in tombstones if one.consent is None]
    found: list[str] = []
    with database.reading() as db:
        for chunk in _chunks(removed):
            keys = [one.subject for one in chunk]
            there = select(SubjectRow.key).where(SubjectRow.key.in_(keys), SubjectRow.removed_at.is_(None))
            found += db.scalars(there)
    return sorted(set(found))


def _not_in(db: Session, tombstones: Sequence[Tombstone]) -> list[Tombstone]:
    """Ends the database knows of and the journal does not."""
    consents = {one.consent for one in tombstones}
    people = {one.subject for one in tombstones if one.consent is None}
    over = select(ConsentRow).where(ConsentRow.state.in_(_OVER_VALUES)).order_by(ConsentRow.id)
    left = select(SubjectRow).where(SubjectRow.removed_at.is_not(None)).order_by(SubjectRow.key)
    missing = [
        Tombstone(subject=row.subject, consent=row.id, event=_why(row).value, at=row.ended_at or row.state_since)
        for row in db.scalars(over)
        if row.id not in consents
    ]
    return missing + [
        Tombstone(subject=row.key, event=ConsentEvent.SUBJECT_LEFT.value, at=row.removed_at)
        for row in db.scalars(left)
        if row.key not in people and row.removed_at is not None
    ]


def _why(row: ConsentRow) -> ConsentEvent:
    """The event that ended it."""
    names = [entry["event"] for entry in row.events if entry["event"] != ConsentEvent.PURGE.value]
    fallback = {ConsentState.EXPIRED: ConsentEvent.EXPIRE, ConsentState.SUPERSEDED: ConsentEvent.PURPOSE_CHANGE}
    return ConsentEvent(names[-1]) if names else fallback.get(ConsentState(row.state), ConsentEvent.WITHDRAW)


def _chunks(tombstones: Sequence[Tombstone]) -> Iterator[Sequence[Tombstone]]:
    for start in range(0, len(tombstones), _CHUNK):
        yield tombstones[start : start + _CHUNK]
