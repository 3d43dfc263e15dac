"""Changes as they are sent: made from the current tables at the moment of sending.

A put that has been overtaken becomes ``NoChange``, so an erased template can't be sent by an old change, and changes
told from the beginning end where the tables stand. Removals are always told: to remove twice harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.contract.ids import ConsentId, EdgeId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.lists import (
    Change,
    ChangeBatch,
    EraseTemplate,
    EraseTemplates,
    NoChange,
    RemoveSubject,
    RemoveVehicle,
    ResealTemplate,
    RevokePass,
)
from core.lists import forms
from core.lists.changes import ChangeOp
from core.lists.forms import ReadPlate
from core.lists.places import checkpoints_of
from core.lists.recipients import lacking
from core.lists.told import LOCKING_STATES, open_cases, template_is_locked, told_templates
from core.storage.schema import (
    CaseRow,
    ConsentRow,
    ListChangeRow,
    SealedTemplateRow,
    SubjectRow,
    VehicleRow,
)

MAX_CHANGES = 500
MAX_BATCH_BYTES = 500_000
"""Of a batch's plain JSON; sealed and in base64 it stays below what brokers take by default."""


class SnapshotNeededError(Exception):
    """Changes one by one would put a locked template in reach until its lock follows: the whole has to be sent."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A template the edge is to hold. locked: by its consent's state, by a lock of its own."""

    row: SealedTemplateRow
    consent_locked: bool
    template_locked: bool


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the changes of one batch point to, read in a handful of queries.

    lock_told: number of the change that locks a consent or template of this batch, by consent or template id.
    """

    db: Session
    edge: str
    read_plate: ReadPlate
    here: frozenset[str]
    subjects: dict[str, SubjectRow]
    vehicles: dict[str, VehicleRow]
    templates: dict[str, _Held]
    cases: dict[str, CaseRow]
    lock_told: dict[str, int]


def render_batch(db: Session, edge: str, after: int, read_plate: ReadPlate) -> ChangeBatch | None:
    """The next changes above ``after``, at most ``MAX_CHANGES`` and about ``MAX_BATCH_BYTES``; None without any.

    Raises SnapshotNeededError.
    """
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
    sound = _up_to_locks(rows[: len(changes)], tables)
    if not sound:
        raise SnapshotNeededError
    return ChangeBatch(edge=EdgeId(edge), first=rows[0].number, changes=tuple(changes[:sound]))


def _up_to_locks(rows: Sequence[ListChangeRow], tables: _Tables) -> int:
    """How many of ``rows`` can be told together: none of them puts a locked template whose lock comes after them."""
    count = len(rows)
    for index, row in enumerate(rows):
        held = tables.templates.get(row.ref) if row.op == ChangeOp.PUT_TEMPLATE else None
        if held is None:
            continue
        locks = [held.row.consent_id] if held.consent_locked else []
        locks += [row.ref] if held.template_locked else []
        if any(tables.lock_told.get(one, 0) > rows[count - 1].number for one in locks):
            return index
    return count


def _read_tables(db: Session, edge: str, rows: Sequence[ListChangeRow], read_plate: ReadPlate) -> _Tables:
    refs = {row.ref for row in rows}
    held = told_templates(edge, SealedTemplateRow, ConsentRow.state, template_is_locked())
    templates = {
        row.template_id: _Held(row, state in LOCKING_STATES, locked)
        for row, state, locked in db.execute(held.where(SealedTemplateRow.template_id.in_(refs)))
    }
    subjects = {row.key: row for row in db.scalars(select(SubjectRow).where(SubjectRow.key.in_(refs)))}
    vehicles = {row.key: row for row in db.scalars(select(VehicleRow).where(VehicleRow.key.in_(refs)))}
    return _Tables(
        db=db,
        edge=edge,
        read_plate=read_plate,
        here=checkpoints_of(db, edge),
        subjects=subjects,
        vehicles=vehicles,
        templates=templates,
        cases=open_cases(db, subjects.keys() | vehicles.keys()),
        lock_told=_locks_told(db, edge, list(templates.values())),
    )


def _locks_told(db: Session, edge: str, held: Iterable[_Held]) -> dict[str, int]:
    """Number of the newest change that locks, by consent and by template, of those that are locked."""
    consents = {one.row.consent_id for one in held if one.consent_locked}
    templates = {one.row.template_id for one in held if one.template_locked}
    if not consents and not templates:
        return {}
    mine = ListChangeRow.edge_id == edge
    of_consents = select(ListChangeRow.second_ref, func.max(ListChangeRow.number)).where(
        mine, ListChangeRow.op == ChangeOp.LOCK_TEMPLATES.value, ListChangeRow.second_ref.in_(consents)
    )
    of_templates = select(ListChangeRow.ref, func.max(ListChangeRow.number)).where(
        mine, ListChangeRow.op == ChangeOp.LOCK_TEMPLATE.value, ListChangeRow.ref.in_(templates)
    )
    found = [*db.execute(of_consents.group_by(ListChangeRow.second_ref))]
    found += [*db.execute(of_templates.group_by(ListChangeRow.ref))]
    return {ref: number for ref, number in found if ref is not None}


def _render(row: ListChangeRow, tables: _Tables) -> Change:
    change: Change | None
    match ChangeOp(row.op):
        case ChangeOp.PUT_SUBJECT:
            subject = tables.subjects.get(row.ref)
            change = forms.put_subject(subject, tables.here, tables.cases.get(row.ref)) if subject else None
        case ChangeOp.REMOVE_SUBJECT:
            change = RemoveSubject(subject=SubjectKey(row.ref))
        case ChangeOp.PUT_TEMPLATE:
            held = tables.templates.get(row.ref)
            change = forms.put_template(held.row) if held else None
        case ChangeOp.RESEAL_TEMPLATE:
            change = _reseal(row.ref, tables)
        case ChangeOp.PUT_VEHICLE:
            vehicle = tables.vehicles.get(row.ref)
            case = tables.cases.get(row.ref)
            change = forms.put_vehicle(vehicle, tables.here, case, tables.read_plate) if vehicle else None
        case ChangeOp.REMOVE_VEHICLE:
            change = RemoveVehicle(vehicle=VehicleKey(row.ref))
        case ChangeOp.REVOKE_PASS:
            change = RevokePass(pass_id=PassId(row.ref))
        case _:
            change = _render_templates(row, tables)
    return change if change is not None else NoChange()


def _render_templates(row: ListChangeRow, tables: _Tables) -> Change | None:
    """Ends and locks of templates: told whatever the tables say now, except about a single template nobody has."""
    held = tables.templates.get(row.ref)
    match ChangeOp(row.op):
        case ChangeOp.ERASE_TEMPLATE:
            return EraseTemplate(template_id=TemplateId(row.ref))
        case ChangeOp.ERASE_TEMPLATES:
            return EraseTemplates(subject=SubjectKey(row.ref), consent=_consent(row))
        case ChangeOp.LOCK_TEMPLATES:
            return forms.lock(row.ref, _consent(row))
        case ChangeOp.UNLOCK_TEMPLATES:
            return forms.unlock(row.ref, _consent(row))
        case ChangeOp.LOCK_TEMPLATE:
            return forms.lock(held.row.subject, held.row.consent_id, row.ref) if held else None
        case ChangeOp.UNLOCK_TEMPLATE:
            return forms.unlock(held.row.subject, held.row.consent_id, row.ref) if held else None
        case other:
            raise ValueError(f"list change {row.number} of edge {row.edge_id}: '{other}' is not about templates")


def _reseal(template_id: str, tables: _Tables) -> Change | None:
    """Asked of an edge that holds the template in use; None when no other edge lacks it any more."""
    held = tables.templates.get(template_id)
    if held is None or held.consent_locked or held.template_locked:
        return None
    recipients = lacking(tables.db, template_id)
    if not recipients:
        return None
    return ResealTemplate(
        template_id=TemplateId(template_id),
        subject=SubjectKey(held.row.subject),
        consent=ConsentId(held.row.consent_id),
        recipients=tuple(recipients),
    )


def _consent(row: ListChangeRow) -> ConsentId:
    if row.second_ref is None:
        raise ValueError(f"list change {row.number} of edge {row.edge_id} ({row.op}) names no consent")
    return ConsentId(row.second_ref)
