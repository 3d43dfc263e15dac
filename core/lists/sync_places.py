"""The database's copy of which edge decides where, brought in step with the configuration."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.lists.changes import do_ask_for_snapshot
from core.lists.recipients import do_sync_site_servers, forget_who_may_not_be_held
from core.storage.schema import EdgeRow, PlaceRow, SubjectRow, VehicleRow

_LOCK = 0x616E6A70  # any number nobody else uses; "anjp"


def do_sync_places(db: Session, config: EstateConfig) -> frozenset[str]:
    """Bring edges and places in step with ``config``; edges whose checkpoints or kind changed get their list whole.

    Templates of people whom such an edge may not hold any more are deleted. Run at every start of the core (and by the
    commands that work on the database directly); costs a few reads when nothing changed; of two processes that start
    together the second waits. Edges that left the configuration keep their row and their records, and get no more
    changes. The edges that changed.
    """
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    known_edges = set(db.scalars(select(EdgeRow.id)))
    for edge in config.edges:
        if edge.id not in known_edges:
            db.add(EdgeRow(id=edge.id))
    before = {row.checkpoint: row for row in db.scalars(select(PlaceRow))}
    after: dict[str, tuple[str, str, str]] = {
        one.id: (config.edge_of(one.id), one.kind, one.ring.value) for one in config.checkpoints
    }
    changed = do_sync_site_servers(db, config) & known_edges
    for name, (edge_id, kind, ring) in after.items():
        row = before.get(name)
        if row is None:
            db.add(PlaceRow(checkpoint=name, edge_id=edge_id, kind=kind, ring=ring))
            changed.add(edge_id)
        elif (row.edge_id, row.kind, row.ring) != (edge_id, kind, ring):
            changed |= {row.edge_id, edge_id}
            row.edge_id, row.kind, row.ring = edge_id, kind, ring
    for name in before.keys() - after.keys():
        changed.add(before[name].edge_id)
        db.delete(before[name])
    db.flush()
    rows = select(EdgeRow).where(EdgeRow.id.in_(changed)).order_by(EdgeRow.id)
    for edge_row in db.scalars(rows.with_for_update().execution_options(populate_existing=True)).all():
        forget_who_may_not_be_held(db, edge_row.id)
        if edge_row.list_head > 0 or _somebody_is_listed(db):
            do_ask_for_snapshot(edge_row)
    db.flush()
    return frozenset(changed)


def _somebody_is_listed(db: Session) -> bool:
    return any(db.scalar(select(key).limit(1)) is not None for key in (SubjectRow.key, VehicleRow.key))
