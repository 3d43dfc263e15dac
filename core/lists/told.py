"""Which templates an edge is told: asked in one way by everything that speaks to edges, or digests would differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from core.cases.machine import CaseState
from core.contract.vocabulary import SubjectKind, VehicleKind
from core.people.consent.machine import LOCKED, STANDING
from core.storage.database import Database
from core.storage.schema import CaseRow, ConsentRow, SealedTemplateRow, SubjectRow, TemplateLockRow, VehicleRow

LOCKING_STATES = frozenset(state.value for state in LOCKED)
"""A consent's templates are kept in these states, and found by nobody."""
KEEPING_STATES = frozenset(state.value for state in STANDING)


@contextmanager
def one_view(database: Database) -> Iterator[Session]:
    """A session in which everything read is of one moment. SQLite's read transactions are that by themselves."""
    with database.reading() as db:
        if not database.is_sqlite:
            db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield db


def consent_is_locked() -> ColumnElement[bool]:
    return ConsentRow.state.in_(LOCKING_STATES)


def template_is_locked() -> ColumnElement[bool]:
    """By a lock of its own: it kept matching wrongly."""
    return exists().where(TemplateLockRow.template_id == SealedTemplateRow.template_id)


def told_templates(edge: str, *columns: Any) -> Select[Any]:
    """``columns`` of the templates ``edge`` holds once it knows everything, of sealed template, consent and subject.

    Those of a missing person only while two people's approval stands: their case is open.
    """
    sought = or_(SubjectRow.kind != SubjectKind.MISSING.value, has_open_case(CaseRow.subject == SubjectRow.key))
    return (
        select(*columns)
        .select_from(SealedTemplateRow)
        .join(ConsentRow, ConsentRow.id == SealedTemplateRow.consent_id)
        .join(SubjectRow, SubjectRow.key == SealedTemplateRow.subject)
        .where(and_(SealedTemplateRow.edge_id == edge, ConsentRow.state.in_(KEEPING_STATES), sought))
    )


def has_open_case(about: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(about, CaseRow.state == CaseState.OPEN.value)


def open_cases(db: Session, keys: set[str]) -> dict[str, CaseRow]:
    """The open cases about any of these subjects and vehicles, by subject or vehicle."""
    about = or_(CaseRow.subject.in_(keys), CaseRow.vehicle.in_(keys))
    rows = db.scalars(select(CaseRow).where(about, CaseRow.state == CaseState.OPEN.value)) if keys else ()
    return {row.subject or row.vehicle or "": row for row in rows}


def needs_case(row: SubjectRow | VehicleRow) -> bool:
    """Whoever is sought is told to edges only while a case about them is open."""
    return row.kind in {SubjectKind.MISSING.value, VehicleKind.CONTROLLED.value}
