"""Vehicles that may enter: plates, where, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.plates import parse_plate
from core.contract.vocabulary import VehicleKind
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import ChangeOp, all_edges, lock_edges, note_change
from core.lists.places import edges_at
from core.people.plates import PlateKeeper, PlateUnreadableError
from core.people.subjects import SoughtError, check_key, check_scope, check_window
from core.storage.schema import VehicleRow

log = structlog.get_logger()


class VehicleNotFoundError(NotFoundError):
    """No vehicle has that key."""


class PlateTakenError(ConflictError):
    """Another vehicle is entered with that plate."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A listed vehicle, its plate readable."""

    key: str
    plate: str
    kind: str
    checkpoints: list[str]
    valid_from: datetime
    valid_until: datetime | None


def list_vehicles(db: Session, plates: PlateKeeper, limit: int = 1000) -> list[Vehicle]:
    """Vehicles that may enter, by plate, at most ``limit`` (the ones entered last).

    One whose plate can't be read is left out, as it is at the edges, and logged with what to do.
    """
    mine = VehicleRow.kind != VehicleKind.CONTROLLED.value
    listed = []
    for row in db.scalars(select(VehicleRow).where(mine).order_by(VehicleRow.created_at.desc()).limit(limit)):
        try:
            listed.append(describe_vehicle(row, plates))
        except PlateUnreadableError as error:
            log.warning("vehicles.left_out", problem=str(error))
    return sorted(listed, key=lambda one: one.plate)


def describe_vehicle(row: VehicleRow, plates: PlateKeeper) -> Vehicle:
    """``row`` for people to read. Raises PlateUnreadableError."""
    return Vehicle(row.key, plates.read(row), row.kind, row.checkpoints, row.valid_from, row.valid_until)


def do_put_vehicle(
    db: Session,
    key: str,
    *,
    plate: str,
    kind: VehicleKind | str,
    checkpoints: Sequence[str],
    valid_from: datetime,
    valid_until: datetime | None,
    plates: PlateKeeper,
    now: datetime,
) -> VehicleRow:
    """Enter the vehicle with that key, or bring it up to date; the same values again change nothing.

    Raises InvalidError (no plate of any known form, unknown checkpoint, empty window, a visitor without an end, a
    controlled vehicle: that takes a case), PlateTakenError, SoughtError.
    """
    check_key(key)
    kind = VehicleKind(kind)
    if kind is VehicleKind.CONTROLLED:
        raise InvalidError("a controlled vehicle needs a case: see 'anju lists case request-vehicle'")
    if kind is VehicleKind.VISITOR and valid_until is None:
        raise InvalidError("a visitor's vehicle needs an end, 'valid_until' (--until): when does the visit end?")
    parsed = parse_plate(plate)
    if parsed is None:
        raise InvalidError(
            "this is no plate of any known form: a province's character, a letter (never I or O) and five or six "
            "more, such as 京A12345 or 粤BD12345"
        )
    scope = check_scope(db, checkpoints)
    check_window(valid_from, valid_until)
    exact = plates.exact(parsed.text)
    row = db.get(VehicleRow, key, with_for_update=True, populate_existing=True)
    if row is not None and row.kind == VehicleKind.CONTROLLED:
        raise SoughtError("this key belongs to a case: enter the vehicle under a key of its own")
    others = select(VehicleRow.key).where(
        VehicleRow.plate_exact == exact, VehicleRow.key != key, VehicleRow.kind != VehicleKind.CONTROLLED.value
    )
    if db.scalar(others) is not None:
        raise PlateTakenError("another vehicle is entered with this plate; remove that one first")
    wanted = (exact, kind.value, scope, valid_from, valid_until)
    # Asked before a new row is added: a query would write it half-filled.
    lost = edges_at(db, row.checkpoints if row is not None else ()) - edges_at(db, scope)
    if row is not None and (row.plate_exact, row.kind, row.checkpoints, row.valid_from, row.valid_until) == wanted:
        return row
    if row is None:
        row = VehicleRow(key=key, created_at=now)
        db.add(row)
    plates.keep(row, parsed.text)
    _, row.kind, row.checkpoints, row.valid_from, row.valid_until = wanted
    db.flush()
    there = edges_at(db, scope)
    lock_edges(db, lost | there)  # all of them, in one order, before one of them
    note_change(db, lost, ChangeOp.REMOVE_VEHICLE, key, now=now)
    note_change(db, there, ChangeOp.PUT_VEHICLE, key, now=now)
    return row


def do_put_controlled(
    db: Session,
    key: str,
    *,
    plate: str,
    checkpoints: Sequence[str],
    valid_until: datetime,
    plates: PlateKeeper,
    now: datetime,
) -> VehicleRow:
    """The vehicle a case looks for, which may be somebody's who may enter, too. Edges are told when the case opens.

    The caller has checked plate, checkpoints and end, and holds the case. Raises PlateTakenError while another case
    looks for it.
    """
    sought = select(VehicleRow.key).where(
        VehicleRow.plate_exact == plates.exact(plate), VehicleRow.kind == VehicleKind.CONTROLLED.value
    )
    if db.scalar(sought) is not None:
        raise PlateTakenError("another case looks for this vehicle; 'anju lists case list' shows it")
    row = VehicleRow(
        key=check_key(key),
        kind=VehicleKind.CONTROLLED.value,
        checkpoints=list(checkpoints),
        valid_from=now,
        valid_until=valid_until,
        created_at=now,
    )
    plates.keep(row, plate)
    db.add(row)
    db.flush()
    return row


def do_remove_vehicle(db: Session, key: str, now: datetime) -> None:
    """The vehicle may no longer enter; nothing of it is kept here. Raises VehicleNotFoundError.

    One that a case looks for is none of those that may enter: it goes with its case.
    """
    row = db.get(VehicleRow, key, with_for_update=True, populate_existing=True)
    if row is None or row.kind == VehicleKind.CONTROLLED:
        raise VehicleNotFoundError("no vehicle that may enter has that key")
    _remove(db, row, now)


def do_remove_controlled(db: Session, key: str, now: datetime) -> None:
    """The case is over: nobody looks for the vehicle any more. Doing it again changes nothing."""
    row = db.get(VehicleRow, key, with_for_update=True, populate_existing=True)
    if row is not None:
        _remove(db, row, now)


def _remove(db: Session, row: VehicleRow, now: datetime) -> None:
    db.delete(row)
    db.flush()
    note_change(db, all_edges(db), ChangeOp.REMOVE_VEHICLE, row.key, now=now)
