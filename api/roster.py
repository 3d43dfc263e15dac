"""People with their consent, as pages and programs see them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api import schemas
from core.people import subjects
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow


def list_subjects(db: Session, limit: int) -> list[schemas.Subject]:
    """People by name, at most ``limit``, each with the consent that stands or the last one that ended."""
    rows = subjects.list_subjects(db, limit)
    keys = [row.key for row in rows]
    oldest_first = select(ConsentRow).where(ConsentRow.subject.in_(keys)).order_by(ConsentRow.id)
    newest = {row.subject: row for row in db.scalars(oldest_first)}
    enrolled = set(db.scalars(select(SealedTemplateRow.subject).where(SealedTemplateRow.subject.in_(keys)).distinct()))
    return [_describe(row, newest.get(row.key), row.key in enrolled) for row in rows]


def describe_subject(db: Session, row: SubjectRow) -> schemas.Subject:
    """One person."""
    consent = db.scalars(select(ConsentRow).where(ConsentRow.subject == row.key).order_by(ConsentRow.id.desc())).first()
    template = select(SealedTemplateRow.template_id).where(SealedTemplateRow.subject == row.key).limit(1)
    return _describe(row, consent, db.scalar(template) is not None)


def _describe(row: SubjectRow, consent: ConsentRow | None, enrolled: bool) -> schemas.Subject:
    return schemas.Subject(
        key=row.key,
        name=row.name,
        kind=row.kind,
        checkpoints=row.checkpoints,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        consent=schemas.Consent.model_validate(consent) if consent else None,
        enrolled=enrolled,
    )
