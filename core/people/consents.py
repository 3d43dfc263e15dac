"""The consent ledger: who agreed to what, when, on which words; and the end of it.

States and events carry the names of the full machine (noticed, declined, expired, superseded ... come later):
``active -withdraw|subject_left-> withdrawn``. A template exists only while its consent is active.
PIPL art. 14, 15, 29, 47; face measures art. 6.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.base import isoformat
from core.contract.ids import new_id
from core.errors import ConflictError, NotFoundError
from core.lists.changes import ChangeOp, all_edges, note_change
from core.people.notices import Notice
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow

FACE_ACCESS = "face.access"
"""The one scope there is: being recognised at the checkpoints one may pass."""


class ConsentState(StrEnum):
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class Channel(StrEnum):
    """Where consent was given."""

    DESK = "desk"
    SELF_SERVICE = "self_service"
    PHONE = "phone"


class GivenBy(StrEnum):
    SELF = "self"
    GUARDIAN = "guardian"


class ConsentNotFoundError(NotFoundError):
    """There is no such consent."""


class ConsentEndedError(ConflictError):
    """The consent has ended already."""


class NoConsentError(ConflictError):
    """The person has not consented to face recognition, or no longer."""


def consents_of(db: Session, subject: str) -> list[ConsentRow]:
    """Every consent the person ever gave, newest first."""
    return list(db.scalars(select(ConsentRow).where(ConsentRow.subject == subject).order_by(ConsentRow.id.desc())))


def active_consent(db: Session, subject: str, *, lock: bool = False) -> ConsentRow | None:
    """The consent that stands, if any."""
    query = select(ConsentRow).where(
        ConsentRow.subject == subject,
        ConsentRow.scope == FACE_ACCESS,
        ConsentRow.state == ConsentState.ACTIVE.value,
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalars(query.order_by(ConsentRow.id)).first()


def do_grant_consent(
    db: Session,
    subject: SubjectRow,
    notice: Notice,
    *,
    channel: Channel | str,
    given_by: GivenBy | str,
    now: datetime,
) -> ConsentRow:
    """Record consent given on the words of ``notice``. A consent on the same words that stands already is returned.

    Raises ConflictError when one on other words stands, or the person was removed.
    """
    locked = db.get(SubjectRow, subject.key, with_for_update=True, populate_existing=True)
    if locked is None or locked.removed_at is not None:
        raise ConflictError("the person was removed meanwhile")
    standing = active_consent(db, subject.key, lock=True)
    if standing is not None:
        if standing.notice_sha256 == notice.sha256:
            return standing
        raise ConflictError(
            f"a consent on notice {standing.notice_version} stands; withdraw it before recording {notice.version}"
        )
    row = ConsentRow(
        id=new_id(),
        subject=subject.key,
        scope=FACE_ACCESS,
        state=ConsentState.ACTIVE.value,
        notice_version=notice.version,
        notice_sha256=notice.sha256,
        channel=Channel(channel).value,
        given_by=GivenBy(given_by).value,
        granted_at=now,
        state_since=now,
        events=[_event("notice_shown", now), _event("grant", now)],
    )
    db.add(row)
    db.flush()
    return row


def check_withdraw(db: Session, consent_id: str) -> ConsentRow:
    """The consent, locked, if it can be withdrawn. Raises ConsentNotFoundError, ConsentEndedError."""
    row = db.get(ConsentRow, consent_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise ConsentNotFoundError("there is no such consent")
    if row.state != ConsentState.ACTIVE.value:
        raise ConsentEndedError(f"the consent was ended at {row.ended_at.isoformat() if row.ended_at else 'some time'}")
    return row


def do_withdraw_consent(db: Session, consent: ConsentRow, actor: str, now: datetime) -> ConsentRow:
    """End the consent; every template that rests on it is erased here, and every edge is told to erase.

    The caller holds the row lock (``check_withdraw``). ``actor`` is the account that records it.
    """
    _end(db, consent, "withdraw", actor, now)
    return consent


def end_consents_of(db: Session, subject: SubjectRow, now: datetime) -> None:
    """The person is gone: whatever they consented to ends."""
    standing = select(ConsentRow).where(
        ConsentRow.subject == subject.key, ConsentRow.state == ConsentState.ACTIVE.value
    )
    for consent in db.scalars(standing.with_for_update().order_by(ConsentRow.id)).all():
        _end(db, consent, "subject_left", None, now)


def _end(db: Session, consent: ConsentRow, event: str, actor: str | None, now: datetime) -> None:
    consent.state = ConsentState.WITHDRAWN.value
    consent.ended_at = consent.state_since = now
    consent.events = [*consent.events, _event(event, now, actor)]
    db.flush()
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.consent_id == consent.id))
    # Every edge, not only those that were sent a template: each one's receipt proves that it holds none.
    note_change(db, all_edges(db), ChangeOp.ERASE_TEMPLATES, consent.subject, consent.id, now=now)


def _event(name: str, at: datetime, actor: str | None = None) -> dict[str, Any]:
    return {"event": name, "at": isoformat(at)} | ({"by": actor} if actor else {})
