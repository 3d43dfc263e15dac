"""The key listed plates lie under: made while it has nothing to open, never in place of one that was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.cases import do_close_case
from core.cases.machine import CaseState
from core.contract.vocabulary import VehicleKind
from core.keys import KeyFileError, load_or_create_plate_key, load_plate_key
from core.people.plates import PlateKeeper, PlateUnreadableError
from core.people.vehicles import do_remove_controlled, do_remove_vehicle
from core.storage.schema import CaseRow, VehicleRow

_ROWS_AT_ONCE = 500
_SEALED = VehicleRow.plate_sealed.is_not(None)
_DO = (
    "put the key back from where you keep it; only if it is gone for good, stop core and pages and run "
    "'anju people vehicle forget-plates'"
)
log = structlog.get_logger()


class PlateKeyLostError(KeyFileError):
    """Plates in the database lie under a key that is not there; the text says where it should be and what to do."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What goes when the key is gone for good. vehicles: keys of those that may enter; cases: ids of those that look
    for a vehicle; sought: keys of vehicles that are, or were, looked for."""

    vehicles: tuple[str, ...]
    cases: tuple[str, ...]
    sought: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.vehicles or self.sought)


def open_plates(db: Session, path: Path) -> PlateKeeper:
    """What seals plates and reads them, under the key in ``path``; it is made where no plate lies under one yet.

    With a key that opens some of them and not the newest Anju goes on and complains. Raises PlateKeyLostError,
    KeyFileError.
    """
    newest = db.scalars(select(VehicleRow).where(_SEALED).order_by(VehicleRow.created_at.desc()).limit(1)).first()
    if newest is None:
        return PlateKeeper(load_or_create_plate_key(path))
    plates = _existing(path)
    if plates is not None and _opens(newest, plates):
        return plates
    sealed = db.scalar(select(func.count()).select_from(VehicleRow).where(_SEALED)) or 0
    if plates is None:
        raise PlateKeyLostError(f"{path} is missing, the key of the plates of {sealed} listed vehicle(s); {_DO}")
    lost = len(_unreadable(db, plates))
    if lost == sealed:
        raise PlateKeyLostError(f"{path} is another key than the one of all {sealed} plates of listed vehicles; {_DO}")
    log.error("plates.another_key", unreadable=lost, listed=sealed, do=_DO)
    return plates


def unreadable_plates(db: Session, path: Path) -> Unreadable:
    """What ``do_forget_plates`` would take away now; nothing while every plate can be read. Raises KeyFileError."""
    rows = _unreadable(db, _existing(path))
    sought = tuple(row.key for row in rows if row.kind == VehicleKind.CONTROLLED)
    standing = CaseRow.state.in_([CaseState.REQUESTED.value, CaseState.OPEN.value])
    cases = db.execute(select(CaseRow.id, CaseRow.vehicle).where(CaseRow.vehicle.is_not(None), standing)).all()
    return Unreadable(
        vehicles=tuple(row.key for row in rows if row.kind != VehicleKind.CONTROLLED),
        cases=tuple(case_id for case_id, vehicle in cases if vehicle in set(sought)),
        sought=sought,
    )


def do_forget_plates(db: Session, path: Path, by: str, now: datetime) -> Unreadable:
    """Remove every vehicle whose plate can't be read, everywhere; cases that look for one of them end. What went.

    Whoever opens plates next, once this is committed, makes the new key. Raises KeyFileError.
    """
    # All of them before any edge, in the order in which others take them: two transactions never wait for each other.
    db.execute(select(CaseRow.id).where(CaseRow.vehicle.is_not(None)).order_by(CaseRow.id).with_for_update()).all()
    db.execute(select(VehicleRow.key).where(_SEALED).order_by(VehicleRow.key).with_for_update()).all()
    gone = unreadable_plates(db, path)
    for case_id in gone.cases:
        do_close_case(db, case_id, by, now)
    for key in gone.sought:
        do_remove_controlled(db, key, now)
    for key in gone.vehicles:
        do_remove_vehicle(db, key, now)
    log.warning("plates.forgotten", vehicles=len(gone.vehicles), cases=len(gone.cases))
    return gone


def _existing(path: Path) -> PlateKeeper | None:
    key = load_plate_key(path)
    return PlateKeeper(key) if key is not None else None


def _unreadable(db: Session, plates: PlateKeeper | None) -> Sequence[VehicleRow]:
    """Rows that ``plates`` can't open; all that are sealed where there is no key."""
    query = select(VehicleRow).where(_SEALED).order_by(VehicleRow.key)
    rows = db.scalars(query.execution_options(yield_per=_ROWS_AT_ONCE))
    return [row for row in rows if plates is None or not _opens(row, plates)]


def _opens(row: VehicleRow, plates: PlateKeeper) -> bool:
    try:
        plates.read(row)
    except PlateUnreadableError:
        return False
    return True
