"""Which edge decides at which checkpoint, as the configuration says; the database knows a copy."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.storage.schema import PlaceRow

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


def checkpoints_of(db: Session, edge: str) -> frozenset[str]:
    """Checkpoints at which ``edge`` decides."""
    return frozenset(db.scalars(select(PlaceRow.checkpoint).where(PlaceRow.edge_id == edge)))
