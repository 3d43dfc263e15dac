"""Telling an edge everything again: after its checkpoints changed, or when numbers no longer fit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.lists.changes import ChangeOp, note_change
from core.storage.schema import ConsentRow, PassRow, PlaceRow, SealedTemplateRow, SubjectRow, VehicleRow


def checkpoints_of(db: Session, edge: str) -> frozenset[str]:
    """Checkpoints at which ``edge`` decides."""
    return frozenset(db.scalars(select(PlaceRow.checkpoint).where(PlaceRow.edge_id == edge)))


def tell_everything(db: Session, edge: str, now: datetime) -> None:
    """Note every current fact of this edge's lists as a new change, and every end that must not be missed."""
    here = checkpoints_of(db, edge)
    for subject in db.scalars(select(SubjectRow).order_by(SubjectRow.key)):
        if subject.removed_at is None and here.intersection(subject.checkpoints):
            note_change(db, [edge], ChangeOp.PUT_SUBJECT, subject.key, now=now)
        else:
            forget_at(db, edge, subject.key)
            note_change(db, [edge], ChangeOp.REMOVE_SUBJECT, subject.key, now=now)
    for ended in db.scalars(select(ConsentRow).where(ConsentRow.state != "active").order_by(ConsentRow.id)):
        note_change(db, [edge], ChangeOp.ERASE_TEMPLATES, ended.subject, ended.id, now=now)
    for template in db.scalars(select(SealedTemplateRow.template_id).where(SealedTemplateRow.edge_id == edge)):
        note_change(db, [edge], ChangeOp.PUT_TEMPLATE, template, now=now)
    for vehicle in db.scalars(select(VehicleRow).order_by(VehicleRow.key)):
        op = ChangeOp.PUT_VEHICLE if here.intersection(vehicle.checkpoints) else ChangeOp.REMOVE_VEHICLE
        note_change(db, [edge], op, vehicle.key, now=now)
    revoked = select(PassRow.id).where(PassRow.revoked_at.is_not(None), PassRow.valid_until > now)
    for pass_id in db.scalars(revoked):
        note_change(db, [edge], ChangeOp.REVOKE_PASS, pass_id, now=now)


def forget_at(db: Session, edge: str, subject: str) -> None:
    """Delete the templates kept for one edge: the subject no longer passes there."""
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.edge_id == edge, SealedTemplateRow.subject == subject))
