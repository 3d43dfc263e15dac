"""Changes as they are sent: made from the current tables at the moment of sending, sealed to the edge's key.

A put that has been overtaken becomes ``NoChange``, so an erased template can't be sent by an old change, and a list
told from the beginning ends where the tables stand. Removals are always told: to remove twice harms nobody.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import CheckpointId, ConsentId, EdgeId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import (
    Change,
    ChangeBatch,
    EraseTemplate,
    EraseTemplates,
    ListDeltaV1,
    LockTemplates,
    NoChange,
    PutSubject,
    PutTemplate,
    PutVehicle,
    RemoveSubject,
    RemoveVehicle,
    RevokePass,
    UnlockTemplates,
)
from core.contract.sealing import LIST_INFO, parse_public_key, seal
from core.contract.signed import list_claim, sign_list
from core.contract.vocabulary import SubjectKind, VehicleKind
from core.lists.changes import ChangeOp
from core.lists.snapshot import checkpoints_of
from core.storage.schema import (
    ConsentRow,
    EdgeRow,
    ListChangeRow,
    SealedTemplateRow,
    SubjectRow,
    VehicleRow,
)

MAX_CHANGES = 500
MAX_BATCH_BYTES = 500_000
"""Of a batch's plain JSON; sealed and in base64 it stays below what brokers take by default."""

ReadPlate = Callable[[VehicleRow], str]
"""The plate of a row, which is sealed in the database."""


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the changes of one batch point to, read in four queries."""

    edge: str
    read_plate: ReadPlate
    here: frozenset[str]
    subjects: dict[str, SubjectRow]
    vehicles: dict[str, VehicleRow]
    templates: dict[str, SealedTemplateRow]
    live_consents: frozenset[str]


def render_delta(
    db: Session, edge: EdgeRow, after: int, key: Ed25519PrivateKey, read_plate: ReadPlate
) -> ListDeltaV1 | None:
    """The next changes above number ``after`` for ``edge``, sealed and signed.

    None when there are none, or no key is approved.
    """
    if edge.approved_key_base64 is None:
        return None
    batch = render_batch(db, edge.id, after, read_plate)
    if batch is None:
        return None
    sealed = seal(batch.model_dump_json().encode(), parse_public_key(edge.approved_key_base64), LIST_INFO)
    return ListDeltaV1(
        edge=batch.edge,
        first=batch.first,
        last=batch.last,
        sealed_base64=base64.b64encode(sealed).decode(),
        signature_base64=sign_list(list_claim(batch.edge, batch.first, batch.last, sealed), key),
    )


def render_batch(db: Session, edge: str, after: int, read_plate: ReadPlate) -> ChangeBatch | None:
    """The next changes above ``after``, at most ``MAX_CHANGES`` and about ``MAX_BATCH_BYTES``; None without any."""
    rows = db.scalars(
        select(ListChangeRow)
        .where(ListChangeRow.edge_id == edge, ListChangeRow.number > after)
        .order_by(ListChangeRow.number)
        .limit(MAX_CHANGES)
    ).all()
    if not rows:
        return None
    tables = _read_tables(db, edge, rows, read_plate)
    changes: list[Change] = []
    size_bytes = 0
    for row in rows:
        change = _render(row, tables)
        size_bytes += len(change.model_dump_json())
        if changes and size_bytes > MAX_BATCH_BYTES:
            break
        changes.append(change)
    return ChangeBatch(edge=EdgeId(edge), first=rows[0].number, changes=tuple(changes))


def _read_tables(db: Session, edge: str, rows: Sequence[ListChangeRow], read_plate: ReadPlate) -> _Tables:
    refs = {row.ref for row in rows}
    templates = {
        row.template_id: row
        for row in db.scalars(
            select(SealedTemplateRow).where(SealedTemplateRow.edge_id == edge, SealedTemplateRow.template_id.in_(refs))
        )
    }
    consents = {row.consent_id for row in templates.values()}
    live = select(ConsentRow.id).where(ConsentRow.id.in_(consents), ConsentRow.state == "active")
    return _Tables(
        edge=edge,
        read_plate=read_plate,
        here=checkpoints_of(db, edge),
        subjects={row.key: row for row in db.scalars(select(SubjectRow).where(SubjectRow.key.in_(refs)))},
        vehicles={row.key: row for row in db.scalars(select(VehicleRow).where(VehicleRow.key.in_(refs)))},
        templates=templates,
        live_consents=frozenset(db.scalars(live)) if consents else frozenset(),
    )


def _render(row: ListChangeRow, tables: _Tables) -> Change:
    change: Change
    match ChangeOp(row.op):
        case ChangeOp.PUT_SUBJECT:
            change = _put_subject(row.ref, tables)
        case ChangeOp.REMOVE_SUBJECT:
            change = RemoveSubject(subject=SubjectKey(row.ref))
        case ChangeOp.PUT_TEMPLATE:
            change = _put_template(row.ref, tables)
        case ChangeOp.ERASE_TEMPLATE:
            change = EraseTemplate(template_id=TemplateId(row.ref))
        case ChangeOp.ERASE_TEMPLATES:
            change = EraseTemplates(subject=SubjectKey(row.ref), consent=_consent(row))
        case ChangeOp.LOCK_TEMPLATES:
            change = LockTemplates(subject=SubjectKey(row.ref), consent=_consent(row))
        case ChangeOp.UNLOCK_TEMPLATES:
            change = UnlockTemplates(subject=SubjectKey(row.ref), consent=_consent(row))
        case ChangeOp.LOCK_TEMPLATE | ChangeOp.UNLOCK_TEMPLATE:
            change = _lock_template(ChangeOp(row.op), row.ref, tables)
        case ChangeOp.RESEAL_TEMPLATE:
            change = NoChange()
        case ChangeOp.PUT_VEHICLE:
            change = _put_vehicle(row.ref, tables)
        case ChangeOp.REMOVE_VEHICLE:
            change = RemoveVehicle(vehicle=VehicleKey(row.ref))
        case ChangeOp.REVOKE_PASS:
            change = RevokePass(pass_id=PassId(row.ref))
    return change


def _consent(row: ListChangeRow) -> ConsentId:
    if row.second_ref is None:
        raise ValueError(f"list change {row.number} of edge {row.edge_id} ({row.op}) names no consent")
    return ConsentId(row.second_ref)


def _lock_template(op: ChangeOp, template_id: str, tables: _Tables) -> Change:
    row = tables.templates.get(template_id)
    if row is None:
        return NoChange()
    form = LockTemplates if op is ChangeOp.LOCK_TEMPLATE else UnlockTemplates
    return form(
        subject=SubjectKey(row.subject), consent=ConsentId(row.consent_id), template_id=TemplateId(row.template_id)
    )


def _here(checkpoints: Sequence[str], tables: _Tables) -> tuple[CheckpointId, ...]:
    """An edge is told only about its own checkpoints."""
    return tuple(CheckpointId(one) for one in checkpoints if one in tables.here)


def _put_subject(key: str, tables: _Tables) -> Change:
    row = tables.subjects.get(key)
    scope = _here(row.checkpoints, tables) if row is not None and row.removed_at is None else ()
    if row is None or not scope:
        return NoChange()
    return PutSubject(
        subject=SubjectKey(key),
        kind=SubjectKind(row.kind),
        checkpoints=scope,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _put_template(template_id: str, tables: _Tables) -> Change:
    row = tables.templates.get(template_id)
    if row is None or row.consent_id not in tables.live_consents:
        return NoChange()
    return PutTemplate(
        template_id=TemplateId(template_id),
        subject=SubjectKey(row.subject),
        consent=ConsentId(row.consent_id),
        model=ModelId(row.model),
        sealed_base64=base64.b64encode(row.sealed).decode(),
    )


def _put_vehicle(key: str, tables: _Tables) -> Change:
    row = tables.vehicles.get(key)
    scope = _here(row.checkpoints, tables) if row is not None else ()
    if row is None or not scope:
        return NoChange()
    return PutVehicle(
        vehicle=VehicleKey(key),
        kind=VehicleKind(row.kind),
        plate=tables.read_plate(row),
        checkpoints=scope,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
