"""Requesting, approving and ending cases. Only an open one reaches an edge; what is sought there goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from core.cases.machine import APPROVALS_NEEDED, CaseEndedError, CaseEvent, CaseKind, CaseState, after
from core.clock.record import check_clock
from core.contract.ids import new_id
from core.contract.plates import parse_plate
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import ChangeOp, lock_edges, note_change
from core.lists.places import edges_at, kinds_of
from core.people.consent.queries import STANDING_VALUES, active_consent
from core.people.consent.words import Scope
from core.people.plates import PlateKeeper
from core.people.subjects import check_key, check_scope, do_put_sought, do_remove_subject
from core.people.tombstones import Entry, note_entry
from core.people.vehicles import do_put_controlled, do_remove_controlled
from core.storage.schema import (
    CaseApprovalRow,
    CaseRow,
    ConsentRow,
    SealedTemplateRow,
    SightingRow,
    SubjectRow,
    VehicleRow,
)

MAX_DURATION = timedelta(days=90)
"""A case that has to go on longer is requested and approved anew: a list nobody looks at again is no list."""
_SEEN_BY = {CaseKind.MISSING_PERSON: "face_gate", CaseKind.CONTROLLED_VEHICLE: "plate_lane"}
"""Kind of checkpoint that can see who is sought: faces only where people act to be identified."""


class CaseNotFoundError(NotFoundError):
    """There is no such case."""


class OwnRequestError(ConflictError):
    """Whoever asked for a case, or approved it already, can't be (another) one of its two approvers."""


def list_cases(db: Session, *, ended: bool = False, limit: int = 1000) -> list[CaseRow]:
    """Cases that are requested or open, with ``ended`` the others too; newest first."""
    query = select(CaseRow).order_by(CaseRow.requested_at.desc(), CaseRow.id.desc()).limit(limit)
    standing = CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value])
    return list(db.scalars(query if ended else query.where(standing)))


def case(db: Session, case_id: str, *, lock: bool = False) -> CaseRow:
    """The case with that id. Raises CaseNotFoundError."""
    row = db.get(CaseRow, case_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise CaseNotFoundError("there is no such case; 'anju lists case list' shows them")
    return row


def approvers(db: Session, case_id: str) -> list[str]:
    """Who has approved the case, first one first."""
    rows = select(CaseApprovalRow.account).where(CaseApprovalRow.case_id == case_id).order_by(CaseApprovalRow.at)
    return list(db.scalars(rows))


def sought(db: Session, row: CaseRow, plates: PlateKeeper) -> str:
    """The name or the plate, for those who approve the case or handle it; empty once it has ended.

    Raises PlateUnreadableError.
    """
    person = db.get(SubjectRow, row.subject) if row.subject is not None else None
    vehicle = db.get(VehicleRow, row.vehicle) if row.vehicle is not None else None
    if vehicle is not None:
        return plates.read(vehicle)
    return person.name if person is not None else ""


def do_request_missing_person(
    db: Session,
    case_id: str,
    *,
    name: str,
    reason: str,
    checkpoints: Sequence[str],
    expires_at: datetime,
    requested_by: str,
    now: datetime,
) -> CaseRow:
    """Ask for a missing person to be looked for, at gates where people step up to be identified.

    Makes the person's own subject; their guardian or family then consents for it (scope ``face.missing_person``) and
    brings a portrait. No edge is told before two others approved. Raises InvalidError; the same id again with an
    unended case returns that case.
    """
    if (known := _standing(db, case_id)) is not None:
        return known
    scope = _check(db, CaseKind.MISSING_PERSON, reason=reason, checkpoints=checkpoints, expires_at=expires_at, now=now)
    subject = do_put_sought(db, new_id(), name=name, checkpoints=scope, valid_until=expires_at, now=now)
    row = CaseRow(
        id=check_key(case_id),
        kind=CaseKind.MISSING_PERSON.value,
        subject=subject.key,
        state=CaseState.REQUESTED.value,
        reason=reason.strip(),
        checkpoints=scope,
        expires_at=expires_at,
        requested_by=requested_by,
        requested_at=now,
    )
    db.add(row)
    db.flush()
    return row


def do_request_controlled_vehicle(
    db: Session,
    case_id: str,
    *,
    plate: str,
    case_number: str,
    authority: str,
    reason: str,
    checkpoints: Sequence[str],
    expires_at: datetime,
    requested_by: str,
    plates: PlateKeeper,
    now: datetime,
) -> CaseRow:
    """Ask for a vehicle to be looked for, on an authority's case. Raises InvalidError, PlateTakenError."""
    if (known := _standing(db, case_id)) is not None:
        return known
    scope = _check(
        db, CaseKind.CONTROLLED_VEHICLE, reason=reason, checkpoints=checkpoints, expires_at=expires_at, now=now
    )
    for what, value, longest in (("a case number", case_number, 64), ("an authority", authority, 120)):
        if not 1 <= len(value.strip()) <= longest:
            raise InvalidError(f"a controlled vehicle needs {what}, 1 to {longest} characters")
    parsed = parse_plate(plate)
    if parsed is None:
        raise InvalidError("this is no plate of any known form, such as 京A12345 or 粤BD12345")
    vehicle = do_put_controlled(
        db, new_id(), plate=parsed.text, checkpoints=scope, valid_until=expires_at, plates=plates, now=now
    )
    row = CaseRow(
        id=check_key(case_id),
        kind=CaseKind.CONTROLLED_VEHICLE.value,
        vehicle=vehicle.key,
        state=CaseState.REQUESTED.value,
        case_number=case_number.strip(),
        authority=authority.strip(),
        reason=reason.strip(),
        checkpoints=scope,
        expires_at=expires_at,
        requested_by=requested_by,
        requested_at=now,
    )
    db.add(row)
    db.flush()
    return row


def do_approve_case(db: Session, case_id: str, account: str, now: datetime) -> CaseRow:
    """Record ``account``'s approval; with the second one the edges are told.

    Raises CaseNotFoundError, CaseEndedError, ConflictError (open already), OwnRequestError.
    """
    row = case(db, case_id, lock=True)
    if row.expires_at <= now:
        raise CaseEndedError("the time of this case is over; request a new one")
    opened = after(CaseState(row.state), CaseEvent.APPROVE_ENOUGH)
    if account == row.requested_by:
        raise OwnRequestError("you asked for this case yourself: two other people have to approve it")
    if account in approvers(db, case_id):
        raise OwnRequestError("you have approved this case already: another person has to")
    db.add(CaseApprovalRow(case_id=case_id, account=account, at=now))
    db.flush()
    if len(approvers(db, case_id)) >= APPROVALS_NEEDED:
        row.state = opened.value
        db.flush()
        _tell_edges(db, row, now)
    return row


def do_close_case(db: Session, case_id: str, account: str, now: datetime) -> CaseRow:
    """The person was found, or the reason is gone: nobody looks any more, and what was kept for it is deleted.

    Raises CaseNotFoundError, CaseEndedError.
    """
    row = case(db, case_id, lock=True)
    _end(db, row, CaseEvent.CLOSE, account, now)
    return row


def do_expire_cases(db: Session, now: datetime) -> int:
    """End every case whose time is over, or whose person was removed by other ways; how many.

    Sightings of somebody for whom no consent stands any more are deleted, too (PIPL art. 47). For the core's upkeep;
    two cores don't hinder each other.
    """
    removed = exists().where(SubjectRow.key == CaseRow.subject, SubjectRow.removed_at.is_not(None))
    due = select(CaseRow).where(
        CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value]), or_(CaseRow.expires_at <= now, removed)
    )
    rows = db.scalars(due.order_by(CaseRow.id).limit(100).with_for_update(skip_locked=True)).all()
    for row in rows:
        _end(db, row, CaseEvent.EXPIRE if row.expires_at <= now else CaseEvent.CLOSE, None, now)
    _forget_without_consent(db)
    return len(rows)


def do_end_cases_again(db: Session, ends: Mapping[str, str], now: datetime) -> int:
    """End the cases that ended before a backup was restored, as the journal says; how many stood. ends: id to event."""
    standing = CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value])
    query = select(CaseRow).where(CaseRow.id.in_(ends), standing).order_by(CaseRow.id)
    rows = db.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    for row in rows:
        _end(db, row, CaseEvent(ends[row.id]), None, now)
    return len(rows)


def sightings(db: Session, case_id: str, limit: int = 1000) -> list[SightingRow]:
    """Where and when who is sought was seen, newest first."""
    query = select(SightingRow).where(SightingRow.case_id == case_id).order_by(SightingRow.occurred_at.desc())
    return list(db.scalars(query.limit(limit)))


def do_note_sighting(
    db: Session, sighting_id: str, *, subject: str | None, vehicle: str | None, checkpoint: str, at: datetime
) -> bool:
    """Keep a sighting with its open case; False when there is none (any more), and then nothing is kept.

    Nothing is kept either of a person for whom nobody's consent stands (any more).
    """
    if subject is not None and active_consent(db, subject, Scope.FACE_MISSING_PERSON) is None:
        return False
    about = CaseRow.subject == subject if subject is not None else CaseRow.vehicle == vehicle
    found = db.scalar(select(CaseRow).where(about, CaseRow.state == CaseState.OPEN.value, CaseRow.expires_at > at))
    if found is None or checkpoint not in found.checkpoints or db.get(SightingRow, sighting_id) is not None:
        return False
    db.add(SightingRow(id=sighting_id, case_id=found.id, checkpoint=checkpoint, occurred_at=at))
    db.flush()
    return True


def _standing(db: Session, case_id: str) -> CaseRow | None:
    row = db.get(CaseRow, case_id, with_for_update=True, populate_existing=True)
    if row is not None and row.state not in {CaseState.REQUESTED, CaseState.OPEN}:
        raise ConflictError("this id stands for a case that has ended; use a new one")
    return row


def _check(
    db: Session, kind: CaseKind, *, reason: str, checkpoints: Sequence[str], expires_at: datetime, now: datetime
) -> list[str]:
    check_clock(db, now)  # its end would be as wrong
    if not 1 <= len(reason.strip()) <= 500:
        raise InvalidError("a case needs a reason, 1 to 500 characters")
    if expires_at.tzinfo is None or not now < expires_at <= now + MAX_DURATION:
        raise InvalidError(f"a case ends within {MAX_DURATION.days} days; it can be requested again")
    scope = check_scope(db, checkpoints)
    if not scope:
        raise InvalidError("a case names the checkpoints to look at")
    found = kinds_of(db, scope)
    if blind := [one for one in scope if found[one] != _SEEN_BY[kind]]:
        raise InvalidError(
            f"{kind.value.replace('_', ' ')}: only a {_SEEN_BY[kind].replace('_', ' ')} can see who is sought; not: "
            + ", ".join(blind[:5])
        )
    return scope


def _tell_edges(db: Session, row: CaseRow, now: datetime) -> None:
    edges = edges_at(db, row.checkpoints)
    if row.vehicle is not None:
        note_change(db, edges, ChangeOp.PUT_VEHICLE, row.vehicle, now=now)
        return
    assert row.subject is not None
    columns = select(SealedTemplateRow.template_id, SealedTemplateRow.edge_id)
    held = db.execute(columns.where(SealedTemplateRow.subject == row.subject).order_by(*columns.selected_columns)).all()
    lock_edges(db, edges | {edge_id for _, edge_id in held})  # all of them, in one order, before one of them
    note_change(db, edges, ChangeOp.PUT_SUBJECT, row.subject, now=now)
    for template_id, edge_id in held:
        note_change(db, [edge_id], ChangeOp.PUT_TEMPLATE, template_id, now=now)


def _forget_without_consent(db: Session) -> None:
    consent = exists().where(
        ConsentRow.subject == CaseRow.subject,
        ConsentRow.scope == Scope.FACE_MISSING_PERSON.value,
        ConsentRow.state.in_(STANDING_VALUES),
    )
    open_without = select(CaseRow.id).where(
        CaseRow.state == CaseState.OPEN.value, CaseRow.subject.is_not(None), ~consent
    )
    db.execute(delete(SightingRow).where(SightingRow.case_id.in_(open_without)))


def _end(db: Session, row: CaseRow, event: CaseEvent, account: str | None, now: datetime) -> None:
    row.state = after(CaseState(row.state), event).value
    row.closed_at, row.closed_by = now, account
    sought_key = row.subject or row.vehicle
    assert sought_key is not None
    note_entry(db, Entry(subject=sought_key, case=row.id, event=event.value, at=now))
    db.flush()
    db.execute(delete(SightingRow).where(SightingRow.case_id == row.id))
    if row.subject is not None:
        do_remove_subject(db, row.subject, now)
    if row.vehicle is not None:
        do_remove_controlled(db, row.vehicle, now)
