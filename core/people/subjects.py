"""People who may pass somewhere. The client chooses the key, so a repeated request changes nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.ids import UUID_PATTERN
from core.contract.vocabulary import SubjectKind
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import ChangeOp, all_edges, lock_edges, note_change
from core.lists.places import edges_at, unknown_checkpoints
from core.lists.recipients import forget_at
from core.people.consent.endings import end_consents_of
from core.people.consent.guardians import check_age
from core.storage.schema import PassRow, SealedTemplateRow, SubjectRow, TemplateLockRow

MAX_CHECKPOINTS = 1000


class SubjectNotFoundError(NotFoundError):
    """Nobody has that key, or no longer."""


class SubjectRemovedError(ConflictError):
    """The key belonged to somebody who was removed; keys are never used again."""


class SoughtError(ConflictError):
    """Who or what a case looks for is changed by that case alone: on one person's word it would open doors."""


def list_subjects(db: Session, limit: int = 1000) -> list[SubjectRow]:
    """People who may pass, by name, at most ``limit``."""
    query = select(SubjectRow).where(SubjectRow.removed_at.is_(None), SubjectRow.kind != SubjectKind.MISSING.value)
    return list(db.scalars(query.order_by(SubjectRow.name, SubjectRow.key).limit(limit)))


def subject(db: Session, key: str, *, lock: bool = False) -> SubjectRow:
    """The person with that key who is still there. Raises SubjectNotFoundError."""
    row = db.get(SubjectRow, key, with_for_update=lock or None, populate_existing=lock)
    if row is None or row.removed_at is not None:
        raise SubjectNotFoundError("nobody has that key; 'anju people list' shows who is there")
    return row


def do_put_subject(
    db: Session,
    key: str,
    *,
    name: str,
    kind: SubjectKind | str,
    checkpoints: Sequence[str],
    valid_from: datetime,
    valid_until: datetime | None,
    now: datetime,
    born: date | None = None,
) -> SubjectRow:
    """Add the person with that key, or bring them up to date; edges are told what changed for them.

    Doing it again with the same values changes nothing. Templates kept for an edge whose checkpoints the person no
    longer uses are deleted. born: of a child under 14 only the 14th birthday is kept, of others nothing; None leaves
    what is known. Raises InvalidError, SubjectRemovedError, SoughtError, GuardianNeededError.
    """
    check_key(key)
    name, kind = name.strip(), SubjectKind(kind)
    if not 1 <= len(name) <= 80:
        raise InvalidError("a name has 1 to 80 characters")
    if kind is SubjectKind.MISSING:
        raise InvalidError("a missing person needs a case: see 'anju lists case request-person'")
    if kind is SubjectKind.VISITOR and valid_until is None:
        raise InvalidError("a visitor needs an end, 'valid_until' (--until): when does the visit end?")
    scope = check_scope(db, checkpoints)
    check_window(valid_from, valid_until)
    row = db.get(SubjectRow, key, with_for_update=True, populate_existing=True)
    if row is not None and row.removed_at is not None:
        raise SubjectRemovedError("this person was removed; add them again under a new key")
    if row is not None and row.kind == SubjectKind.MISSING:
        raise SoughtError("this key belongs to a case: add the person under a key of their own")
    turns_14_on = check_age(db, row, key, born, now)
    told = (kind.value, scope, valid_from, valid_until)
    # Asked before a new row is added: a query would write it half-filled.
    lost = edges_at(db, row.checkpoints if row is not None else ()) - edges_at(db, scope)
    if row is None:
        row = SubjectRow(key=key, name=name, created_at=now, checkpoints=[])
        db.add(row)
    elif (row.kind, row.checkpoints, row.valid_from, row.valid_until) == told:
        row.name, row.turns_14_on = name, turns_14_on  # neither leaves the core
        db.flush()
        return row
    row.name, row.turns_14_on = name, turns_14_on
    row.kind, row.checkpoints, row.valid_from, row.valid_until = told
    db.flush()
    _tell_edges(db, key, lost, edges_at(db, scope), now)
    return row


def _tell_edges(db: Session, key: str, lost: set[str], there: set[str], now: datetime) -> None:
    """The person may no longer pass at ``lost`` edges, and may at those ``there``."""
    lock_edges(db, lost | there)  # all of them, in one order, before one of them
    for edge in lost:
        forget_at(db, edge, key)
    # An edge keeps locks for a person who comes back, and would not hear of a release meanwhile.
    for suspended in db.scalars(select(TemplateLockRow.template_id).where(TemplateLockRow.subject == key)).all():
        note_change(db, lost, ChangeOp.ERASE_TEMPLATE, suspended, now=now)
    note_change(db, lost, ChangeOp.REMOVE_SUBJECT, key, now=now)
    note_change(db, there, ChangeOp.PUT_SUBJECT, key, now=now)


def do_put_sought(
    db: Session, key: str, *, name: str, checkpoints: Sequence[str], valid_until: datetime, now: datetime
) -> SubjectRow:
    """The missing person a case looks for: a subject of its own, also when they live here. Opens nothing.

    The caller has checked checkpoints and end, and tells the edges when the case opens. Raises InvalidError.
    """
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise InvalidError("a name has 1 to 80 characters")
    row = SubjectRow(
        key=check_key(key),
        name=name,
        kind=SubjectKind.MISSING.value,
        checkpoints=list(checkpoints),
        valid_from=now,
        valid_until=valid_until,
        created_at=now,
    )
    db.add(row)
    db.flush()
    return row


def do_remove_subject(db: Session, key: str, now: datetime) -> SubjectRow:
    """The person may no longer pass anywhere: consents end, templates go, passes are revoked, the name is forgotten.

    The row stays, empty, because the consent records that must be kept point to it. Every edge is told. Doing it
    again changes nothing. Raises SubjectNotFoundError.
    """
    row = db.get(SubjectRow, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise SubjectNotFoundError("nobody has that key; 'anju people list' shows who is there")
    if row.removed_at is not None:
        return row
    row.removed_at, row.name = now, ""
    db.flush()
    passes = lock_passes(db, [key])
    end_consents_of(db, row, now)
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.subject == key))
    note_change(db, all_edges(db), ChangeOp.REMOVE_SUBJECT, key, now=now)
    take_back(db, passes, now)
    row.checkpoints, row.turns_14_on = [], None  # where they lived, and how old they are
    db.flush()
    return row


def lock_passes(db: Session, people: Collection[str]) -> Sequence[PassRow]:
    """Passes of these people that were not taken back, locked; before any consent or edge is."""
    passes = select(PassRow).where(PassRow.subject.in_(people), PassRow.revoked_at.is_(None)).order_by(PassRow.id)
    return db.scalars(passes.with_for_update().execution_options(populate_existing=True)).all()


def take_back(db: Session, passes: Sequence[PassRow], now: datetime) -> None:
    """Every edge is told."""
    edges = all_edges(db) if passes else []
    for one in passes:
        one.revoked_at = now
        note_change(db, edges, ChangeOp.REVOKE_PASS, one.id, now=now)
    db.flush()


def check_key(key: str) -> str:
    """Raises InvalidError unless ``key`` is a lower-case UUID."""
    if not re.fullmatch(UUID_PATTERN, key):
        raise InvalidError("a key is a lower-case UUID, such as 0198c5f0-0000-7000-8000-000000000000")
    return key


def check_scope(db: Session, checkpoints: Sequence[str]) -> list[str]:
    """The checkpoints, sorted, each once. Raises InvalidError for unknown ones."""
    if len(checkpoints) > MAX_CHECKPOINTS:
        raise InvalidError(f"at most {MAX_CHECKPOINTS} checkpoints")
    if unknown := unknown_checkpoints(db, checkpoints):
        named = ", ".join(repr(one[:64]) for one in unknown[:5])
        raise InvalidError(f"no such checkpoint in the configuration: {named}")
    return sorted(set(checkpoints))


def check_window(valid_from: datetime, valid_until: datetime | None) -> None:
    """Raises InvalidError for a window that is empty or without time zone."""
    if valid_from.tzinfo is None or (valid_until is not None and valid_until.tzinfo is None):
        raise InvalidError("a time needs its offset, such as 2026-11-22T08:00:00+08:00")
    if valid_until is not None and valid_until <= valid_from:
        raise InvalidError("'valid_until' must be later than 'valid_from'")
