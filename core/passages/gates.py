"""Last known state of every gate."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.base import isoformat
from core.contract.events import CheckpointStateV1
from core.live import LiveKind, append
from core.storage.schema import CheckpointRow


def list_gates(db: Session) -> list[CheckpointRow]:
    """Every gate that ever said how it is, by id."""
    return list(db.scalars(select(CheckpointRow).order_by(CheckpointRow.id)))


def do_note_gate(db: Session, state: CheckpointStateV1) -> bool:
    """Keep a gate's state and tell pages; False when it was known already.

    The last one received counts, whatever its ``since`` says: an edge's clock may jump.
    """
    row = db.get(CheckpointRow, state.checkpoint, with_for_update=True, populate_existing=True)
    if row is not None and (row.gate, row.held_open, row.since) == (state.gate.value, state.held_open, state.since):
        return False
    if row is None:
        row = CheckpointRow(id=state.checkpoint)
        db.add(row)
    row.gate, row.held_open, row.since = state.gate.value, state.held_open, state.since
    db.flush()
    append(
        db,
        LiveKind.CHECKPOINT,
        {"id": row.id, "gate": row.gate, "held_open": row.held_open, "since": isoformat(row.since)},
    )
    return True
