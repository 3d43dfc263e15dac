"""How many people and vehicles are on which list. There are these lists and no others."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.contract.vocabulary import SubjectKind, VehicleKind
from core.storage.schema import CaseRow, SubjectRow, VehicleRow


def list_sizes(db: Session) -> dict[str, int]:
    """Entries by list, in a fixed order; of those that take a case, only the ones whose case is open."""
    people = dict.fromkeys((f"person/{kind.value}" for kind in SubjectKind), 0)
    vehicles = dict.fromkeys((f"vehicle/{kind.value}" for kind in VehicleKind), 0)
    open_cases = select(CaseRow).where(CaseRow.state == "open").subquery()
    subjects = (
        select(SubjectRow.kind, func.count())
        .where(SubjectRow.removed_at.is_(None))
        .where((SubjectRow.kind != SubjectKind.MISSING.value) | SubjectRow.key.in_(select(open_cases.c.subject)))
        .group_by(SubjectRow.kind)
    )
    people |= {f"person/{kind}": count for kind, count in db.execute(subjects)}
    entered = (
        select(VehicleRow.kind, func.count())
        .where((VehicleRow.kind != VehicleKind.CONTROLLED.value) | VehicleRow.key.in_(select(open_cases.c.vehicle)))
        .group_by(VehicleRow.kind)
    )
    vehicles |= {f"vehicle/{kind}": count for kind, count in db.execute(entered)}
    return people | vehicles
