"""What people ask for takes effect at the gates also while the journal can't be written, and nothing can end.

Whatever rests on the consent is locked instead, in the database and at the edges, and passes of who is to be removed
are taken back: neither needs a line in the journal. The end is remembered beside it and follows by itself
(``do_what_waits``, in the core's upkeep).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.people.consent.endings import MAX_AT_ONCE, do_end
from core.people.consent.machine import ConsentEvent, ConsentState
from core.people.consent.queries import STANDING_VALUES
from core.people.consent.transitions import Act, do_move
from core.people.consent.waiting import Waiting, forget_waiting, note_waiting, what_waits
from core.people.consent.words import Channel
from core.people.subjects import do_remove_subject, lock_passes, take_back
from core.people.tombstones import JournalError, Noted, NotWrittenError, forget_noted, stands_in_journal
from core.storage.database import Database
from core.storage.schema import ConsentRow, SubjectRow

WAITS = "end_waits_for_journal"
"""Reason of the suspension that stands in for an end."""
ENDED_LATER = "ended_later"
"""Counted beside the events: ends that followed."""
log = structlog.get_logger()


class EndsLaterError(JournalError):
    """It was not ended, but recognition is off; the end follows by itself."""


class JournalAheadError(JournalError):
    """The journal has the end and the database has not: it follows by itself, but recognition may be on until then."""


@contextmanager
def asked_for(database: Database) -> Iterator[Session]:
    """A transaction for what somebody asks for, as ``Database.writing``.

    Where it would end a consent and the journal can't be written, it is undone, and what rests on the consent is locked
    instead. Raises EndsLaterError then, and JournalError where not even that was possible; JournalAheadError where it
    is the database that can't be written.
    """
    session: Session | None = None
    try:
        with database.writing() as db:
            session = db
            yield db
    except OperationalError as failure:
        if session is None or not stands_in_journal(session):
            raise
        said = str(failure.orig).strip().partition("\n")[0]
        raise JournalAheadError(
            f"the database could not record it ({said}), but what was to end or to be locked stands in the "
            "journal: it follows by itself within a minute of the database being writable again, or at the core's next "
            "start. Until then this person may still be recognised. Make room for the database, or mend what it says; "
            "nobody has to ask again"
        ) from failure
    except NotWrittenError as error:
        try:
            with database.writing() as db:
                do_end_later(db, error.noted)
        except SQLAlchemyError as failure:
            raise JournalError(
                f"{error}. The database can't be written either: NOTHING has changed, and this person is still "
                "recognised until their gates have heard nothing from the core for 24 hours. Make room and do it again"
            ) from failure
        off = "recognition is off now"
        if any(one.entry.needs_its_line and one.entry.consent is None for one in error.noted):
            off += " and passes are taken back"
        raise EndsLaterError(
            f"{off}, at every gate as soon as it hears of it. The end itself is not recorded yet: "
            f"{error}. It follows by itself within a minute of that: nobody has to ask again"
        ) from error


def do_end_later(db: Session, noted: Sequence[Noted]) -> None:
    """Lock what rests on the consents that ``noted`` would have ended, take back passes of who would have been removed,
    and remember the ends."""
    ends = [one for one in noted if one.entry.needs_its_line]
    people = select(SubjectRow.key).where(SubjectRow.key.in_({one.entry.subject for one in ends}))
    db.execute(people.order_by(SubjectRow.key).with_for_update()).all()
    removals = {one.entry.subject: one for one in ends if one.entry.consent is None}
    passes = lock_passes(db, removals)
    said = {one.entry.consent: one for one in ends if one.entry.consent is not None}
    consents = select(ConsentRow).where(ConsentRow.id.in_(said), ConsentRow.state.in_(STANDING_VALUES))
    consents = consents.order_by(ConsentRow.id).with_for_update().execution_options(populate_existing=True)
    for row in db.scalars(consents).all():
        note_waiting(db, said[row.id])
        if row.state == ConsentState.ACTIVE:
            act = _act(said[row.id].said, said[row.id].entry.at)
            do_move(db, row, ConsentEvent.SUSPEND, Act(act.at, act.by, act.channel, WAITS))
    for one in removals.values():
        take_back(db, [row for row in passes if row.subject == one.entry.subject], one.entry.at)
        note_waiting(db, one)
    forget_noted(db, lambda _: True)  # a line for the lock would fail as that for the end did, or follows with it
    log.info("consent.ends_later", consents=len(said), people=len(removals))


def do_what_waits(db: Session, now: datetime, limit: int = MAX_AT_ONCE) -> int:
    """The ends that were asked for and could not be recorded, at most ``limit``; how many."""
    waiting = what_waits(db, limit)
    for one in waiting:
        _do_end(db, one, now)
    return len(waiting)


def _do_end(db: Session, one: Waiting, now: datetime) -> None:
    if one.consent is None:
        if db.get(SubjectRow, one.subject) is not None:
            do_remove_subject(db, one.subject, now)
        forget_waiting(db, subject=one.subject)
        return
    db.get(SubjectRow, one.subject, with_for_update=True)  # people are locked before their consents
    row = db.get(ConsentRow, one.consent, with_for_update=True, populate_existing=True)
    if row is not None:
        do_end(db, row, ConsentEvent(one.event), _act(one.said, now))
    forget_waiting(db, consent=one.consent)


def _act(said: Mapping[str, str], at: datetime) -> Act:
    channel = said.get("channel")
    return Act(at, said.get("by"), Channel(channel) if channel is not None else None, said.get("reason"))
