"""Somebody at a gate says: that was not this person. A template that collects such answers is taken out of search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.contract.ids import new_id
from core.errors import ConflictError, NotFoundError
from core.lists.changes import ChangeOp, note_change
from core.people.tombstones import Does, Entry, note_entry
from core.storage.schema import ConsentRow, DisputeRow, PassageRow, SealedTemplateRow, SubjectRow, TemplateLockRow

DISPUTED = "disputed"
_RELEASED = "released"
_BY_FACE = frozenset({"face", "qr_face"})


class NothingToDisputeError(ConflictError):
    """Nobody was recognised by their face in this passage."""


class TemplateLockNotFoundError(NotFoundError):
    """No template of that id is suspended."""


@dataclass(frozen=True, slots=True)
class DisputeRule:
    """How many disputes within how long suspend a template."""

    suspend_after: int
    within: timedelta


def do_dispute_passage(db: Session, passage_id: str, by: str, rule: DisputeRule, now: datetime) -> DisputeRow:
    """Record that the person in this passage was not the one recognised; repeating changes nothing.

    The passage itself stays as it is. When the template behind it has been disputed ``rule.suspend_after`` times within
    ``rule.within``, it is suspended at every edge: kept, found by nobody, until somebody looked at it. Raises
    NotFoundError (no such passage), NothingToDisputeError.
    """
    passage = db.get(PassageRow, passage_id, with_for_update=True)
    # Asked under the lock: of two guards who say it at once, the second finds what the first said.
    known = db.scalar(select(DisputeRow).where(DisputeRow.passage_id == passage_id))
    if known is not None:
        return known
    if passage is None:
        raise NotFoundError("there is no such passage: not arrived yet, or past its retention")
    if passage.subject is None or passage.credential not in _BY_FACE:
        raise NothingToDisputeError("nobody was recognised by their face in this passage")
    # Before anything is counted or told: two guards, or one and a template on its way to another edge, take turns.
    db.get(SubjectRow, passage.subject, with_for_update=True)
    row = DisputeRow(
        id=new_id(), passage_id=passage_id, subject=passage.subject, template_id=passage.template_id, by=by, at=now
    )
    db.add(row)
    db.flush()
    if row.template_id is not None and _disputes(db, row.template_id, now - rule.within) >= rule.suspend_after:
        do_lock_template(db, row.template_id, now, now)
    return row


def do_release_template(db: Session, template_id: str, now: datetime) -> None:
    """Somebody looked at the disputes and found the template good: it is searched again. Raises NotFoundError."""
    row = db.get(TemplateLockRow, template_id, with_for_update=True)
    if row is None:
        raise TemplateLockNotFoundError("no template of that id is suspended; 'anju lists template list' shows them")
    note_change(db, _edges_with(db, template_id), ChangeOp.UNLOCK_TEMPLATE, template_id, now=now)
    released = Entry(
        subject=row.subject, template=template_id, event=_RELEASED, at=now, does=Does.RELEASES, lock_at=row.at
    )
    note_entry(db, released)
    db.delete(row)
    # Counted anew from here: the disputes that led here have been looked at.
    for dispute in db.scalars(select(DisputeRow).where(DisputeRow.template_id == template_id)):
        dispute.template_id = None
    db.flush()


def suspended_templates(db: Session, limit: int = 1000) -> list[TemplateLockRow]:
    """Templates that disputes have taken out of search, the newest first."""
    return list(db.scalars(select(TemplateLockRow).order_by(TemplateLockRow.at.desc()).limit(limit)))


def _disputes(db: Session, template_id: str, since: datetime) -> int:
    query = select(func.count()).where(DisputeRow.template_id == template_id, DisputeRow.at > since)
    return db.scalar(query) or 0


def do_lock_template(db: Session, template_id: str, at: datetime, now: datetime) -> bool:
    """Take the template out of search at every edge, as it was decided ``at``; whether it was there, and searched.

    The caller holds the person's row.
    """
    of_template = select(SealedTemplateRow).where(SealedTemplateRow.template_id == template_id)
    resting_on = of_template.with_only_columns(SealedTemplateRow.consent_id)
    db.execute(select(ConsentRow.id).where(ConsentRow.id.in_(resting_on)).with_for_update()).all()
    held = db.scalars(of_template).first()  # unless the consent ended while its lock was waited for
    if held is None or db.get(TemplateLockRow, template_id, populate_existing=True) is not None:
        return False
    db.add(
        TemplateLockRow(
            template_id=template_id, subject=held.subject, consent_id=held.consent_id, reason=DISPUTED, at=at
        )
    )
    db.flush()
    note_change(db, _edges_with(db, template_id), ChangeOp.LOCK_TEMPLATE, template_id, now=now)
    note_entry(db, Entry(subject=held.subject, template=template_id, event=DISPUTED, at=at, does=Does.LOCKS))
    return True


def _edges_with(db: Session, template_id: str) -> list[str]:
    return list(db.scalars(select(SealedTemplateRow.edge_id).where(SealedTemplateRow.template_id == template_id)))
