"""Which edge decides at which checkpoint, as the configuration says; the database knows a copy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.lists.snapshot import tell_everything
from core.storage.schema import EdgeRow, PlaceRow

_LOCK = 0x616E6A70  # any number nobody else uses; "anjp"
FACE_KINDS = frozenset({"face_gate", "door"})
"""Kinds of checkpoints that compare faces."""


def edges_at(db: Session, checkpoints: Iterable[str]) -> set[str]:
    """Edges that decide at any of these checkpoints."""
    wanted = list(checkpoints)
    return set(db.scalars(select(PlaceRow.edge_id).where(PlaceRow.checkpoint.in_(wanted)))) if wanted else set()


def face_edges_at(db: Session, checkpoints: Iterable[str]) -> set[str]:
    """Edges that compare faces at any of these checkpoints."""
    wanted = list(checkpoints)
    found = select(PlaceRow.edge_id).where(PlaceRow.checkpoint.in_(wanted), PlaceRow.kind.in_(FACE_KINDS))
    return set(db.scalars(found)) if wanted else set()


def kinds_of(db: Session, checkpoints: Iterable[str]) -> dict[str, str]:
    """Kind of each of these checkpoints that the configuration has."""
    rows = db.execute(select(PlaceRow.checkpoint, PlaceRow.kind).where(PlaceRow.checkpoint.in_(list(checkpoints))))
    return {row.checkpoint: row.kind for row in rows}


def unknown_checkpoints(db: Session, checkpoints: Iterable[str]) -> list[str]:
    """Those of ``checkpoints`` that the configuration does not have, sorted."""
    wanted = set(checkpoints)
    known = set(db.scalars(select(PlaceRow.checkpoint).where(PlaceRow.checkpoint.in_(wanted))))
    return sorted(wanted - known)


def do_sync_places(db: Session, config: EstateConfig, now: datetime) -> frozenset[str]:
    """Bring edges and places in step with ``config``; edges whose checkpoints changed are told anew whom they admit.

    Run at every start of the core (and by the commands that work on the database directly); costs two reads when
    nothing changed; of two processes that start together the second waits. Edges that left the configuration keep
    their row and their records, and get no more changes. The edges whose checkpoints changed.
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
    changed: set[str] = set()
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
    for edge_id in sorted(changed):
        tell_everything(db, edge_id, now)
    return frozenset(changed)
