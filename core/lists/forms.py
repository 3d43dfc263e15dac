"""A row of the tables as a change for one edge. An edge is told only about its own checkpoints."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog

from core.contract.ids import CheckpointId, ConsentId, ModelId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import LockTemplates, PutSubject, PutTemplate, PutVehicle, UnlockTemplates
from core.contract.vocabulary import SubjectKind, VehicleKind
from core.lists.told import needs_case
from core.people.plates import PlateUnreadableError
from core.storage.schema import CaseRow, SealedTemplateRow, SubjectRow, VehicleRow

log = structlog.get_logger()

ReadPlate = Callable[[VehicleRow], str]
"""The plate of a row, which is sealed in the database."""


def put_subject(row: SubjectRow, here: Collection[str], case: CaseRow | None) -> PutSubject | None:
    """None for somebody who may not pass here, and for a missing person whose case is not open."""
    scope = _scope(row.checkpoints, here)
    if row.removed_at is not None or not scope or (needs_case(row) and case is None):
        return None
    return PutSubject(
        subject=SubjectKey(row.key),
        kind=SubjectKind(row.kind),
        checkpoints=scope,
        valid_from=row.valid_from,
        valid_until=_end(row.valid_until, case),
    )


def put_vehicle(
    row: VehicleRow, here: Collection[str], case: CaseRow | None, read_plate: ReadPlate
) -> PutVehicle | None:
    """None for a vehicle that may not pass here, and for a controlled one whose case is not open."""
    scope = _scope(row.checkpoints, here)
    if not scope or (needs_case(row) and case is None):
        return None
    try:
        plate = read_plate(row)
    except PlateUnreadableError as error:  # it must not hold up the erasures behind it
        log.warning("lists.vehicle_left_out", problem=str(error))
        return None
    return PutVehicle(
        vehicle=VehicleKey(row.key),
        kind=VehicleKind(row.kind),
        plate=plate,
        checkpoints=scope,
        valid_from=row.valid_from,
        valid_until=_end(row.valid_until, case),
    )


def put_template(row: SealedTemplateRow) -> PutTemplate:
    return PutTemplate(
        template_id=TemplateId(row.template_id),
        subject=SubjectKey(row.subject),
        consent=ConsentId(row.consent_id),
        model=ModelId(row.model),
        sealed_base64=base64.b64encode(row.sealed).decode(),
    )


def lock(subject: str, consent: str, template_id: str | None = None) -> LockTemplates:
    return LockTemplates(
        subject=SubjectKey(subject),
        consent=ConsentId(consent),
        template_id=TemplateId(template_id) if template_id is not None else None,
    )


def unlock(subject: str, consent: str, template_id: str | None = None) -> UnlockTemplates:
    """Undoes just the lock with the same ids."""
    return UnlockTemplates(**lock(subject, consent, template_id).model_dump(exclude={"op"}))


def _scope(checkpoints: Sequence[str], here: Collection[str]) -> tuple[CheckpointId, ...]:
    return tuple(CheckpointId(one) for one in checkpoints if one in here)


def _end(valid_until: datetime | None, case: CaseRow | None) -> datetime | None:
    """Nobody is sought beyond the end of the case, also at an edge that hears nothing any more."""
    if case is None:
        return valid_until
    return case.expires_at if valid_until is None else min(valid_until, case.expires_at)
