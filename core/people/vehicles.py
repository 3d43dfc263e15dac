"""Vehicles that may enter: plates, where, and from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.plates import parse_plate
from core.contract.vocabulary import VehicleKind
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import ChangeOp, all_edges, note_change
from core.lists.places import edges_at
from core.people.subjects import check_key, check_scope, check_window
from core.storage.schema import VehicleRow


class VehicleNotFoundError(NotFoundError):
    """No vehicle has that key."""


class PlateTakenError(ConflictError):
    """Another vehicle is entered with that plate."""


def list_vehicles(db: Session, limit: int = 1000) -> list[VehicleRow]:
    """Vehicles by plate, at most ``limit``."""
    return list(db.scalars(select(VehicleRow).order_by(VehicleRow.plate).limit(limit)))


def do_put_vehicle(
    db: Session,
    key: str,
    *,
    plate: str,
    kind: VehicleKind | str,
    checkpoints: Sequence[str],
    valid_from: datetime,
    valid_until: datetime | None,
    now: datetime,
) -> VehicleRow:
    """Enter the vehicle with that key, or bring it up to date; the same values again change nothing.

    Raises InvalidError (no plate of any known form, unknown checkpoint, empty window), PlateTakenError.
    """
    check_key(key)
    parsed = parse_plate(plate)
    if parsed is None:
        raise InvalidError(
            "this is no plate of any known form: a province's character, a letter (never I or O) and five or six "
            "more, such as 京A12345 or 粤BD12345"
        )
    kind, scope = VehicleKind(kind), check_scope(db, checkpoints)
    check_window(valid_from, valid_until)
    row = db.get(VehicleRow, key, with_for_update=True, populate_existing=True)
    holder = db.scalar(select(VehicleRow.key).where(VehicleRow.plate == parsed.text, VehicleRow.key != key))
    if holder is not None:
        raise PlateTakenError("another vehicle is entered with this plate; remove that one first")
    wanted = (parsed.text, kind.value, scope, valid_from, valid_until)
    # Asked before a new row is added: a query would write it half-filled.
    lost = edges_at(db, row.checkpoints if row is not None else ()) - edges_at(db, scope)
    if row is None:
        row = VehicleRow(key=key, created_at=now, checkpoints=[])
        db.add(row)
    elif (row.plate, row.kind, row.checkpoints, row.valid_from, row.valid_until) == wanted:
        return row
    row.plate, row.kind, row.checkpoints, row.valid_from, row.valid_until = wanted
    db.flush()
    note_change(db, lost, ChangeOp.REMOVE_VEHICLE, key, now=now)
    note_change(db, edges_at(db, scope), ChangeOp.PUT_VEHICLE, key, now=now)
    return row


def do_remove_vehicle(db: Session, key: str, now: datetime) -> None:
    """The vehicle may no longer enter; nothing of it is kept here. Raises VehicleNotFoundError."""
    row = db.get(VehicleRow, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise VehicleNotFoundError("no vehicle has that key")
    db.delete(row)
    db.flush()
    note_change(db, all_edges(db), ChangeOp.REMOVE_VEHICLE, key, now=now)
