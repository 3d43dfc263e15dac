"""People with their consent, as pages and programs see them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from api import schemas
from core.people import subjects
from core.people.consent.periods import is_under_14
from core.people.consent.queries import newest_consent
from core.people.consent.words import FACE_ACCESS
from core.storage.schema import ConsentRow, SealedTemplateRow, SubjectRow


def list_subjects(db: Session, limit: int, now: datetime) -> list[schemas.Subject]:
    """People by name, at most ``limit``, each with the consent that stands or the last one that ended."""
    rows = subjects.list_subjects(db, limit)
    keys = [row.key for row in rows]
    to_pass = ConsentRow.scope == FACE_ACCESS.value
    oldest_first = select(ConsentRow).where(ConsentRow.subject.in_(keys), to_pass).order_by(ConsentRow.id)
    newest = {row.subject: row for row in db.scalars(oldest_first)}
    enrolled = set(db.scalars(select(SealedTemplateRow.subject).where(SealedTemplateRow.subject.in_(keys)).distinct()))
    return [_describe(row, newest.get(row.key), row.key in enrolled, now) for row in rows]


def describe_subject(db: Session, row: SubjectRow, now: datetime) -> schemas.Subject:
    """One person."""
    consent = newest_consent(db, row.key, FACE_ACCESS)
    template = select(SealedTemplateRow.template_id).where(SealedTemplateRow.subject == row.key).limit(1)
    return _describe(row, consent, db.scalar(template) is not None, now)


def _describe(row: SubjectRow, consent: ConsentRow | None, enrolled: bool, now: datetime) -> schemas.Subject:
    return schemas.Subject(
        key=row.key,
        name=row.name,
        kind=row.kind,
        checkpoints=row.checkpoints,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        under_14=is_under_14(row.turns_14_on, now),
        consent=schemas.Consent.model_validate(consent) if consent else None,
        enrolled=enrolled,
    )
