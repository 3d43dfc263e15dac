"""Enrolling a face: leave for it (the ticket), and what comes back (ciphertext).

The core never sees a portrait or a template: the portrait goes to the edge, templates come back sealed to edges.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.events import TemplateSealedV1
from core.contract.ids import ConsentId, EdgeId, SubjectKey, new_id
from core.contract.signed import EnrolmentTicket, Recipient, sign_ticket
from core.errors import InvalidError
from core.lists.changes import ChangeOp, note_change
from core.lists.places import edges_at, face_edges_at
from core.people.consent.errors import NoConsentError
from core.people.consent.machine import ConsentState
from core.people.consent.queries import active_consent
from core.people.edges import EdgeNotApprovedError, is_trusted, key_fingerprint
from core.people.edges import edge as find_edge
from core.people.subjects import subject as find_subject
from core.storage.schema import ConsentRow, EdgeRow, SealedTemplateRow, SubjectRow

TICKET_LIFETIME = timedelta(minutes=5)
MAX_TEMPLATES = 5
"""Per person; a sixth replaces the oldest."""
MAX_RECIPIENTS = 64


class NotStoredReason(StrEnum):
    """Why a template that arrived was not kept."""

    NO_ACTIVE_CONSENT = "no_active_consent"
    NO_TRUSTED_EDGE = "no_trusted_edge"
    ALREADY_KEPT = "already_kept"


@dataclass(frozen=True, slots=True)
class TemplateOutcome:
    """Edges a template was kept for, or why for none."""

    edges: tuple[str, ...] = field(default=())
    refused: NotStoredReason | None = None


def issue_ticket(db: Session, subject: str, edge: str, signing_key: Ed25519PrivateKey, now: datetime) -> str:
    """Leave to enrol ``subject``'s face once, at ``edge``, within ``TICKET_LIFETIME``.

    The template will be sealed for every trusted edge that compares faces at a checkpoint the person may pass.
    Raises SubjectNotFoundError, NoConsentError, EdgeNotFoundError, EdgeNotApprovedError, InvalidError (no checkpoint
    of theirs compares faces).
    """
    row = find_subject(db, subject)
    consent = active_consent(db, subject)
    if consent is None:
        raise NoConsentError("there is no active consent to face recognition; record it first")
    enrolling = find_edge(db, edge)
    if not is_trusted(enrolling):
        raise EdgeNotApprovedError(f"edge '{edge}' is not approved; compare its fingerprint and approve it first")
    wanted = face_edges_at(db, row.checkpoints)
    if not wanted:
        raise InvalidError("none of this person's checkpoints compares faces")
    rows = db.scalars(select(EdgeRow).where(EdgeRow.id.in_(wanted)).order_by(EdgeRow.id)).all()
    recipients = [
        Recipient(edge=EdgeId(one.id), key_base64=one.approved_key_base64)
        for one in rows
        if one.approved_key_base64 is not None and is_trusted(one)
    ]
    if not recipients:
        raise EdgeNotApprovedError("no edge at this person's checkpoints is approved; approve one first")
    if len(recipients) > MAX_RECIPIENTS:
        raise InvalidError(f"this person's checkpoints are at {len(recipients)} edges; at most {MAX_RECIPIENTS} can be")
    ticket = EnrolmentTicket(
        ticket_id=new_id(),
        subject=SubjectKey(subject),
        consent=ConsentId(consent.id),
        edge=EdgeId(edge),
        expires_at=now + TICKET_LIFETIME,
        recipients=tuple(recipients),
    )
    return sign_ticket(ticket, signing_key)


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


def do_store_template(db: Session, message: TemplateSealedV1, now: datetime) -> TemplateOutcome:
    """Keep the ciphertexts of a template for the edges they are for, if the consent still stands.

    Locks the person and the consent first: a withdrawal, or a move to other checkpoints, either comes before (nothing
    is kept) or erases what is kept here.
    """
    subject = db.get(SubjectRow, message.subject, with_for_update=True, populate_existing=True)
    consent = db.get(ConsentRow, message.consent, with_for_update=True, populate_existing=True)
    stands = consent is not None and consent.state == ConsentState.ACTIVE and consent.subject == message.subject
    if not stands or subject is None or subject.removed_at is not None:
        return TemplateOutcome(refused=NotStoredReason.NO_ACTIVE_CONSENT)
    if db.scalars(
        select(SealedTemplateRow.template_id).where(SealedTemplateRow.template_id == message.template_id)
    ).first():
        return TemplateOutcome(refused=NotStoredReason.ALREADY_KEPT)
    kept = _rows_for_trusted_edges(db, message, subject)
    if not kept:
        return TemplateOutcome(refused=NotStoredReason.NO_TRUSTED_EDGE)
    _make_room(db, message, now)
    db.add_all(kept)
    db.flush()
    edges = tuple(sorted(row.edge_id for row in kept))
    note_change(db, edges, ChangeOp.PUT_TEMPLATE, message.template_id, now=now)
    return TemplateOutcome(edges)


def _rows_for_trusted_edges(db: Session, message: TemplateSealedV1, subject: SubjectRow) -> list[SealedTemplateRow]:
    """Only for edges of the person's checkpoints whose approved key the ciphertext was made for."""
    edges = {
        row.id: row
        for row in db.scalars(select(EdgeRow).where(EdgeRow.id.in_(edges_at(db, subject.checkpoints))))
        if row.approved_key_base64 is not None
    }
    kept: dict[str, SealedTemplateRow] = {}
    for one in message.sealed:
        edge = edges.get(one.edge)
        key = edge.approved_key_base64 if edge is not None else None
        if key is None or key_fingerprint(key) != one.key_fingerprint:
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


def _make_room(db: Session, message: TemplateSealedV1, now: datetime) -> None:
    """Let the oldest templates go when there are ``MAX_TEMPLATES`` already (ids sort by time).

    Lists know no erasure of a single template: edges erase all of the consent and are told the remaining ones again,
    in one batch.
    """
    rows = db.scalars(
        select(SealedTemplateRow)
        .where(SealedTemplateRow.subject == message.subject)
        .order_by(SealedTemplateRow.template_id, SealedTemplateRow.edge_id)
    ).all()
    templates = sorted({row.template_id for row in rows})
    if len(templates) < MAX_TEMPLATES:
        return
    leaving = set(templates[: len(templates) - MAX_TEMPLATES + 1])
    note_change(db, {row.edge_id for row in rows}, ChangeOp.ERASE_TEMPLATES, message.subject, message.consent, now=now)
    for row in rows:
        if row.template_id in leaving:
            db.delete(row)
    db.flush()
    for row in rows:
        if row.template_id not in leaving:
            note_change(db, [row.edge_id], ChangeOp.PUT_TEMPLATE, row.template_id, now=now)
