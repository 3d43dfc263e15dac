"""Enrolling a face: leave for it (the ticket), and what comes back (ciphertext).

The core never sees a portrait or a template: the portrait goes to the edge, templates come back sealed to edges.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.events import TemplateSealedV1
from core.contract.ids import ConsentId, EdgeId, SubjectKey, new_id
from core.contract.signed import EnrolmentTicket, Recipient, sign_ticket
from core.errors import InvalidError
from core.lists.changes import ChangeOp, lock_edges, note_change
from core.lists.recipients import MAX_RECIPIENTS, Recipients, allowed_edges
from core.people.consent.errors import NoConsentError
from core.people.consent.machine import ConsentState
from core.people.consent.queries import active_consent
from core.people.consent.words import template_scope
from core.people.edges import EdgeNotApprovedError, is_trusted, key_fingerprint
from core.people.edges import edge as find_edge
from core.people.subjects import subject as find_subject
from core.storage.schema import (
    ConsentRow,
    EnrolmentTicketRow,
    SealedTemplateRow,
    SubjectRow,
    TemplateLockRow,
)

TICKET_LIFETIME = timedelta(minutes=5)
OUTBOX_DELAY = timedelta(days=7)
"""How long after its ticket ended a template may still arrive: the edge may have had no broker."""
MAX_TEMPLATES = 5
"""Per consent; a sixth replaces the oldest."""


class NotStoredReason(StrEnum):
    """Why a template that arrived was not kept."""

    NO_ACTIVE_CONSENT = "no_active_consent"
    NO_TICKET = "no_ticket"  # nobody gave that edge leave to enrol this person
    NO_TRUSTED_EDGE = "no_trusted_edge"
    ALREADY_KEPT = "already_kept"
    NOT_A_HOLDER = "not_a_holder"  # sealed again by an edge that was never given this template
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class TemplateOutcome:
    """Edges a template was kept for, or why for none."""

    edges: tuple[str, ...] = field(default=())
    refused: NotStoredReason | None = None


def issue_ticket(db: Session, subject: str, edge: str, signing_key: Ed25519PrivateKey, now: datetime) -> str:
    """Leave to enrol ``subject``'s face once, at ``edge``, within ``TICKET_LIFETIME``.

    The template will be sealed for the trusted edges that may hold it, at most ``MAX_RECIPIENTS``; the others get it
    from one of these. Raises SubjectNotFoundError, NoConsentError, EdgeNotFoundError, EdgeNotApprovedError,
    InvalidError (no checkpoint of theirs compares faces).
    """
    row = find_subject(db, subject)
    consent = active_consent(db, subject, template_scope(row.kind))
    if consent is None:
        raise NoConsentError("there is no active consent to face recognition; record it first")
    if not is_trusted(find_edge(db, edge)):
        raise EdgeNotApprovedError(f"edge '{edge}' is not approved; compare its fingerprint and approve it first")
    allowed = allowed_edges(db, row)
    if not allowed:
        raise InvalidError("none of this person's checkpoints compares faces")
    recipients = Recipients.read(db).trusted(allowed)
    if not recipients:
        raise EdgeNotApprovedError("no edge at this person's checkpoints is approved; approve one first")
    ticket = EnrolmentTicket(
        ticket_id=new_id(),
        subject=SubjectKey(subject),
        consent=ConsentId(consent.id),
        edge=EdgeId(edge),
        expires_at=now + TICKET_LIFETIME,
        recipients=_own_first(recipients, edge)[:MAX_RECIPIENTS],
    )
    db.add(
        EnrolmentTicketRow(
            id=ticket.ticket_id,
            subject=subject,
            consent_id=consent.id,
            edge_id=edge,
            expires_at=ticket.expires_at,
        )
    )
    db.flush()
    return sign_ticket(ticket, signing_key)


def _own_first(recipients: Sequence[Recipient], edge: str) -> tuple[Recipient, ...]:
    return tuple(sorted(recipients, key=lambda one: (one.edge != edge, one.edge)))


def do_forget_tickets(db: Session, now: datetime) -> None:
    """Delete tickets nothing can come of any more."""
    db.execute(delete(EnrolmentTicketRow).where(EnrolmentTicketRow.expires_at < now - OUTBOX_DELAY))


def lock_people(db: Session, messages: Sequence[TemplateSealedV1]) -> None:
    """Lock everybody ``messages`` are about, and their consents, before anything is done for the first of them.

    Always people, then consents, each in one order, then edges: one template after the other would take an edge's lock
    before the next person's, and wait for a withdrawal that waits for that edge.
    """
    people, resting_on = {one.subject for one in messages}, {one.consent for one in messages}
    subjects = select(SubjectRow.key).where(SubjectRow.key.in_(people)).order_by(SubjectRow.key)
    consents = select(ConsentRow.id).where(ConsentRow.id.in_(resting_on)).order_by(ConsentRow.id)
    for query in (subjects, consents) if messages else ():
        db.execute(query.with_for_update()).all()


def do_store_template(db: Session, message: TemplateSealedV1, sender: str, now: datetime) -> TemplateOutcome:
    """Keep the ciphertexts of a template for the edges they are for, if the consent still stands.

    ``sender``, a trusted edge, was given a ticket for it; or it holds the template and seals it again for edges that
    lack it. Locks the person and the consent first: a withdrawal, or a move to other checkpoints, either comes before
    (nothing is kept) or erases what is kept here.
    """
    subject = db.get(SubjectRow, message.subject, with_for_update=True, populate_existing=True)
    consent = db.get(ConsentRow, message.consent, with_for_update=True, populate_existing=True)
    if subject is None or subject.removed_at is not None or not _stands(consent, subject):
        return TemplateOutcome(refused=NotStoredReason.NO_ACTIVE_CONSENT)
    held = db.scalars(select(SealedTemplateRow).where(SealedTemplateRow.template_id == message.template_id)).all()
    if (refused := _refused_again(db, message, sender, held)) is not None:
        return TemplateOutcome(refused=refused)
    ticket = None if held else _open_ticket(db, message, sender, now)
    if not held and ticket is None:
        return TemplateOutcome(refused=NotStoredReason.NO_TICKET)
    lacking = allowed_edges(db, subject) - {row.edge_id for row in held}
    kept = _rows_for(db, message, lacking)
    if not kept:
        reason = NotStoredReason.ALREADY_KEPT if held else NotStoredReason.NO_TRUSTED_EDGE
        return TemplateOutcome(refused=reason)
    if ticket is not None:
        ticket.template_id = message.template_id
        _make_room(db, message, kept, now)
    db.add_all(kept)
    db.flush()
    edges = tuple(sorted(row.edge_id for row in kept))
    note_change(db, edges, ChangeOp.PUT_TEMPLATE, message.template_id, now=now)
    return TemplateOutcome(edges)


def _stands(consent: ConsentRow | None, subject: SubjectRow) -> bool:
    return (
        consent is not None
        and consent.state == ConsentState.ACTIVE
        and consent.subject == subject.key
        and consent.scope == template_scope(subject.kind)
    )


def _refused_again(
    db: Session, message: TemplateSealedV1, sender: str, held: Sequence[SealedTemplateRow]
) -> NotStoredReason | None:
    """Why a template that is kept already can't be added to by ``sender``."""
    if not held:
        return None
    said = (message.subject, message.consent, message.model)
    own = [row for row in held if row.edge_id == sender and (row.subject, row.consent_id, row.model) == said]
    if not own:
        return NotStoredReason.NOT_A_HOLDER
    locked = db.get(TemplateLockRow, message.template_id) is not None
    return NotStoredReason.LOCKED if locked else None


def _open_ticket(db: Session, message: TemplateSealedV1, sender: str, now: datetime) -> EnrolmentTicketRow | None:
    """The oldest unused ticket of this person at that edge."""
    unused = select(EnrolmentTicketRow).where(
        EnrolmentTicketRow.consent_id == message.consent,
        EnrolmentTicketRow.edge_id == sender,
        EnrolmentTicketRow.subject == message.subject,
        EnrolmentTicketRow.template_id.is_(None),
        EnrolmentTicketRow.expires_at >= now - OUTBOX_DELAY,
    )
    return db.scalars(unused.order_by(EnrolmentTicketRow.expires_at).limit(1).with_for_update()).first()


def _rows_for(db: Session, message: TemplateSealedV1, edges: Collection[str]) -> list[SealedTemplateRow]:
    """Only for those of ``edges`` whose approved key the ciphertext was made for."""
    keys = {one.edge: key_fingerprint(one.key_base64) for one in Recipients.read(db).trusted(edges)}
    kept: dict[str, SealedTemplateRow] = {}
    for one in message.sealed:
        if keys.get(one.edge) != one.key_fingerprint:
            continue
        try:
            sealed = base64.b64decode(one.sealed_base64, validate=True)
        except binascii.Error:
            continue
        kept[one.edge] = SealedTemplateRow(
            template_id=message.template_id,
            edge_id=one.edge,
            subject=message.subject,
            consent_id=message.consent,
            model=message.model,
            key_fingerprint=one.key_fingerprint,
            sealed=sealed,
        )
    return list(kept.values())


def _make_room(db: Session, message: TemplateSealedV1, coming: Sequence[SealedTemplateRow], now: datetime) -> None:
    """Let the oldest templates go when there are ``MAX_TEMPLATES`` already (ids sort by time)."""
    rows = db.scalars(select(SealedTemplateRow).where(SealedTemplateRow.consent_id == message.consent)).all()
    templates = sorted({row.template_id for row in rows})
    leaving = templates[: max(0, len(templates) - MAX_TEMPLATES + 1)]
    if not leaving:
        return
    lock_edges(db, {row.edge_id for row in (*rows, *coming)})
    for template_id in leaving:
        edges = {row.edge_id for row in rows if row.template_id == template_id}
        note_change(db, edges, ChangeOp.ERASE_TEMPLATE, template_id, now=now)
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.template_id.in_(leaving)))
    db.execute(delete(TemplateLockRow).where(TemplateLockRow.template_id.in_(leaving)))
