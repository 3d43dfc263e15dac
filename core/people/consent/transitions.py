"""The one place that moves a consent from state to state, with everything the move means for templates at the edges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.base import isoformat
from core.errors import ConflictError
from core.lists.changes import ChangeOp, all_edges, lock_edges, note_change
from core.lists.recipients import allowed_edges
from core.people.consent.machine import ENDED, MEANING, ConsentEvent, ConsentState, Templates, next_state
from core.people.consent.periods import OFFER, RECONSENT_GRACE, SUSPENDED_AT_MOST
from core.people.consent.waiting import end_waits, forget_waiting
from core.people.consent.words import Channel, Scope
from core.people.tombstones import Does, Entry, note_entry
from core.storage.schema import ConsentRow, EdgeRow, ErasureRow, SealedTemplateRow, SubjectRow, TemplateLockRow

_DEADLINES = {
    ConsentState.NOTICED: OFFER,
    ConsentState.SUSPENDED: SUSPENDED_AT_MOST,
    ConsentState.RECONSENT_DUE: RECONSENT_GRACE,
}


@dataclass(frozen=True, slots=True)
class Act:
    """When something happened to a consent, and who did it where. by: account; None for time itself, or a replay."""

    at: datetime
    by: str | None = None
    channel: Channel | None = None
    reason: str | None = None

    def said(self) -> dict[str, str]:
        """By whom, where and why, as far as anybody said so."""
        optional = {"by": self.by, "channel": self.channel.value if self.channel else None, "reason": self.reason}
        return {name: value for name, value in optional.items() if value}


class EndWaitsError(ConflictError):
    """The consent was taken back; only the journal of ends has not heard of it yet."""


def do_move(db: Session, consent: ConsentRow, event: ConsentEvent, act: Act) -> ConsentRow:
    """Move the consent, write its history, and bring templates in step with the state it is in now.

    The caller holds the row lock. Locks edges when templates are concerned. Raises IllegalTransitionError,
    EndWaitsError (it was taken back: nothing unlocks it any more).
    """
    before = ConsentState(consent.state)
    after = next_state(before, event)
    _note(db, consent, event, act)
    consent.state, consent.state_since = after.value, act.at
    consent.deadline_at = act.at + _DEADLINES[after] if after in _DEADLINES else None
    if after in ENDED:
        consent.ended_at = act.at
    consent.events = [*consent.events, _entry(consent, event, before, after, act)]
    db.flush()
    if consent.scope == Scope.FACE_SITE_SERVER:
        if MEANING[before] is Templates.SEARCHABLE and after is not ConsentState.ACTIVE:
            _forget_at_site_server(db, consent, act.at)
    elif (MEANING[before], MEANING[after]) == (Templates.SEARCHABLE, Templates.LOCKED):
        note_change(db, all_edges(db), ChangeOp.LOCK_TEMPLATES, consent.subject, consent.id, now=act.at)
    elif (MEANING[before], MEANING[after]) == (Templates.LOCKED, Templates.SEARCHABLE):
        note_change(db, all_edges(db), ChangeOp.UNLOCK_TEMPLATES, consent.subject, consent.id, now=act.at)
    if after in ENDED:
        do_erase(db, consent, act.at)
    return consent


def _note(db: Session, consent: ConsentRow, event: ConsentEvent, act: Act) -> None:
    """For the journal: what the next step of the consent ends, locks or releases. Raises EndWaitsError."""
    before = ConsentState(consent.state)
    after = next_state(before, event)
    lock_at: datetime | None = None
    active_at: datetime | None = None
    match MEANING[before], MEANING[after]:
        case _ if after in ENDED:
            does = Does.ENDS
            forget_waiting(db, consent=consent.id)
        case Templates.SEARCHABLE, Templates.LOCKED:
            does, active_at = Does.LOCKS, consent.state_since
        case Templates.LOCKED, Templates.SEARCHABLE:
            does, lock_at = Does.RELEASES, consent.state_since
            if end_waits(db, consent.id):
                raise EndWaitsError("this consent was taken back, and ends as soon as the journal can be written")
        case _:
            return
    about = Entry(subject=consent.subject, consent=consent.id, event=event.value, at=act.at, does=does)
    note_entry(db, about.model_copy(update={"lock_at": lock_at, "active_at": active_at}), act.said())


def do_erase(db: Session, consent: ConsentRow, now: datetime) -> None:
    """Delete what rests on an ended consent, tell every edge, and ask each that was ever trusted to prove it.

    Every edge, not only those that were sent a template: each one's receipt proves that it holds none. Asking again
    renews the request; what was confirmed stays confirmed.
    """
    db.execute(delete(TemplateLockRow).where(TemplateLockRow.consent_id == consent.id))
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.consent_id == consent.id))
    numbers = note_change(db, all_edges(db), ChangeOp.ERASE_TEMPLATES, consent.subject, consent.id, now=now)
    trusted = select(EdgeRow).where(EdgeRow.id.in_(numbers), EdgeRow.approved_key_base64.is_not(None))
    asked = {row.edge_id: row for row in db.scalars(select(ErasureRow).where(ErasureRow.consent_id == consent.id))}
    for edge in db.scalars(trusted.order_by(EdgeRow.id)).all():
        row = asked.get(edge.id)
        if row is None:
            row = ErasureRow(
                consent_id=consent.id,
                edge_id=edge.id,
                subject=consent.subject,
                signing_key_base64=edge.approved_signing_key_base64,
            )
            db.add(row)
        if row.confirmed_at is None:
            row.number, row.asked_at = numbers[edge.id], now
    db.flush()


def _forget_at_site_server(db: Session, consent: ConsentRow, now: datetime) -> None:
    """Take the person's templates from edges that may hold them with this consent only."""
    subject = db.get(SubjectRow, consent.subject)
    allowed = allowed_edges(db, subject) if subject is not None else frozenset()
    lock_edges(db, all_edges(db))  # all of them, in one order, before one of them
    held = select(SealedTemplateRow).where(
        SealedTemplateRow.subject == consent.subject, SealedTemplateRow.edge_id.not_in(allowed)
    )
    for row in db.scalars(held.order_by(SealedTemplateRow.edge_id, SealedTemplateRow.template_id)).all():
        note_change(db, [row.edge_id], ChangeOp.ERASE_TEMPLATE, row.template_id, now=now)
        db.delete(row)
    db.flush()


def _entry(
    consent: ConsentRow, event: ConsentEvent, before: ConsentState, after: ConsentState, act: Act
) -> dict[str, Any]:
    step = {"event": event.value, "from": before.value, "to": after.value, "at": isoformat(act.at)}
    return step | {"notice": consent.notice_version} | act.said()
