"""What the database knows and the journal does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.machine import CaseEvent, CaseState
from core.people.consent.journaled import Journaled
from core.people.consent.machine import LOCKED, OVER, ConsentEvent, ConsentState
from core.people.tombstones import Does, Entry
from core.storage.schema import CaseRow, ConsentRow, SealedTemplateRow, SubjectRow, TemplateLockRow

_CASE_EVENTS = {CaseState.CLOSED.value: CaseEvent.CLOSE, CaseState.EXPIRED.value: CaseEvent.EXPIRE}
_LOCKING = {ConsentState.SUSPENDED: ConsentEvent.SUSPEND, ConsentState.RECONSENT_DUE: ConsentEvent.TURN14}


def entries_missing(db: Session, journaled: Journaled, since: datetime | None = None) -> list[Entry]:
    """Ends, locks and releases that no line tells of; of ends only those ``since`` then.

    To be asked only once the database has been brought in step with the journal: then a lock that stands in the
    journal and not in the database was released there.
    """
    return [
        *_consents_over(db, journaled, since),
        *_people_removed(db, journaled, since),
        *_cases_over(db, journaled, since),
        *_consents_locked(db, journaled),
        *_consents_released(db, journaled),
        *_templates_locked(db, journaled),
        *_templates_released(db, journaled),
    ]


def _consents_over(db: Session, journaled: Journaled, since: datetime | None) -> Iterator[Entry]:
    ids = select(ConsentRow.id).where(ConsentRow.state.in_(sorted(OVER))).order_by(ConsentRow.id)
    if since is not None:
        ids = ids.where(ConsentRow.state_since >= since)
    for consent in [one for one in db.scalars(ids) if one not in journaled.consents]:
        row = db.get_one(ConsentRow, consent)
        yield Entry(subject=row.subject, consent=row.id, event=_why(row).value, at=row.ended_at or row.state_since)


def _people_removed(db: Session, journaled: Journaled, since: datetime | None) -> Iterator[Entry]:
    left = select(SubjectRow.key, SubjectRow.removed_at).where(SubjectRow.removed_at.is_not(None))
    if since is not None:
        left = left.where(SubjectRow.removed_at >= since)
    for key, removed_at in db.execute(left.order_by(SubjectRow.key)):
        if key not in journaled.people:
            yield Entry(subject=key, event=ConsentEvent.SUBJECT_LEFT.value, at=removed_at)


def _cases_over(db: Session, journaled: Journaled, since: datetime | None) -> Iterator[Entry]:
    over = select(CaseRow).where(CaseRow.state.in_(_CASE_EVENTS), CaseRow.closed_at.is_not(None))
    if since is not None:
        over = over.where(CaseRow.closed_at >= since)
    for row in db.scalars(over.order_by(CaseRow.id)):
        sought = row.subject or row.vehicle
        if row.id not in journaled.cases and sought is not None and row.closed_at is not None:
            yield Entry(subject=sought, case=row.id, event=_CASE_EVENTS[row.state].value, at=row.closed_at)


def _consents_locked(db: Session, journaled: Journaled) -> Iterator[Entry]:
    locked = select(ConsentRow).where(ConsentRow.state.in_(sorted(LOCKED))).order_by(ConsentRow.id)
    for row in db.scalars(locked):
        why = _LOCKING[ConsentState(row.state)]
        entry = Entry(subject=row.subject, consent=row.id, event=why.value, at=row.state_since, does=Does.LOCKS)
        if not journaled.says(entry):
            yield entry


def _consents_released(db: Session, journaled: Journaled) -> Iterator[Entry]:
    released = select(ConsentRow).where(
        ConsentRow.id.in_(journaled.locks), ConsentRow.state == ConsentState.ACTIVE.value
    )
    for row in db.scalars(released.order_by(ConsentRow.id)) if journaled.locks else ():
        yield _release(journaled.locks[row.id], row.state_since)


def _templates_locked(db: Session, journaled: Journaled) -> Iterator[Entry]:
    for row in db.scalars(select(TemplateLockRow).order_by(TemplateLockRow.template_id)):
        entry = Entry(subject=row.subject, template=row.template_id, event=row.reason, at=row.at, does=Does.LOCKS)
        if not journaled.says(entry):
            yield entry


def _templates_released(db: Session, journaled: Journaled) -> Iterator[Entry]:
    searched = select(SealedTemplateRow.template_id).where(
        SealedTemplateRow.template_id.in_(journaled.locks),
        SealedTemplateRow.template_id.not_in(select(TemplateLockRow.template_id)),
    )
    for template in db.scalars(searched.distinct()) if journaled.locks else ():
        yield _release(journaled.locks[template], journaled.locks[template].at)


def _release(lock: Entry, at: datetime) -> Entry:
    return lock.model_copy(update={"does": Does.RELEASES, "event": "released", "at": at, "lock_at": lock.at})


def _why(row: ConsentRow) -> ConsentEvent:
    """The event that ended it."""
    fallback = {ConsentState.EXPIRED: ConsentEvent.EXPIRE, ConsentState.SUPERSEDED: ConsentEvent.PURPOSE_CHANGE}
    names = [entry["event"] for entry in row.events if entry["event"] != ConsentEvent.PURGE.value]
    return ConsentEvent(names[-1]) if names else fallback.get(ConsentState(row.state), ConsentEvent.WITHDRAW)
