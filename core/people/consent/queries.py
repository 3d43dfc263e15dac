"""Finding consents; changes nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.people.consent.errors import ConsentNotFoundError
from core.people.consent.machine import STANDING, ConsentState
from core.people.consent.words import FACE_ACCESS, Scope
from core.storage.schema import ConsentRow, ErasureRow, SubjectRow

STANDING_VALUES = sorted(STANDING)


def consent(db: Session, consent_id: str, *, lock: bool = False) -> ConsentRow:
    """The consent with that id. Raises ConsentNotFoundError."""
    row = db.get(ConsentRow, consent_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise ConsentNotFoundError("there is no consent with that id; 'anju consent show' tells a person's")
    return row


def consents_of(db: Session, subject: str) -> list[ConsentRow]:
    """Every consent the person was ever asked for, newest first."""
    return list(db.scalars(select(ConsentRow).where(ConsentRow.subject == subject).order_by(ConsentRow.id.desc())))


def active_consent(db: Session, subject: str, scope: Scope = FACE_ACCESS, *, lock: bool = False) -> ConsentRow | None:
    """The consent that stands and may be used, if any."""
    return _of(db, subject, scope, [ConsentState.ACTIVE], lock=lock)


def standing_consent(db: Session, subject: str, scope: Scope = FACE_ACCESS, *, lock: bool = False) -> ConsentRow | None:
    """The consent that has not ended: active, suspended, or due to be given again."""
    return _of(db, subject, scope, STANDING_VALUES, lock=lock)


def newest_consent(db: Session, subject: str, scope: Scope, *, lock: bool = False) -> ConsentRow | None:
    """The newest consent to that purpose, whatever became of it."""
    return _of(db, subject, scope, None, lock=lock)


def erasures_of(db: Session, consent_id: str) -> list[ErasureRow]:
    """What was asked of each edge when the consent ended, by edge; unconfirmed ones have no ``confirmed_at``."""
    return list(db.scalars(select(ErasureRow).where(ErasureRow.consent_id == consent_id).order_by(ErasureRow.edge_id)))


def ends_at(row: ConsentRow, subject: SubjectRow) -> datetime | None:
    """When the consent ends by itself: its own period, or the person's validity, whichever comes first."""
    return min((one for one in (row.expires_at, subject.valid_until) if one is not None), default=None)


def _of(db: Session, subject: str, scope: Scope, states: list[ConsentState] | None, *, lock: bool) -> ConsentRow | None:
    query = select(ConsentRow).where(ConsentRow.subject == subject, ConsentRow.scope == scope.value)
    if states is not None:
        query = query.where(ConsentRow.state.in_([one.value for one in states]))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(query.order_by(ConsentRow.id.desc())).first()
