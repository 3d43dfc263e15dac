"""Which edges have not proved yet that they erased: "edge X has not confirmed"; and those that never will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.errors import ConflictError, InvalidError
from core.people.consent.endings import do_purge_confirmed
from core.people.edges import edge as find_edge
from core.people.edges import is_trusted
from core.storage.schema import EdgeRow, ErasureRow, SealedTemplateRow


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Erasures one edge was asked for without a signed receipt so far. since: when the oldest was asked for."""

    edge: str
    count: int
    since: datetime


def unconfirmed(db: Session) -> list[Unconfirmed]:
    """Every edge with unconfirmed erasures, the one that has owed longest first."""
    oldest = func.min(ErasureRow.asked_at)
    rows = db.execute(
        select(ErasureRow.edge_id, func.count(), oldest)
        .where(ErasureRow.confirmed_at.is_(None))
        .group_by(ErasureRow.edge_id)
        .order_by(oldest, ErasureRow.edge_id)
    )
    return [Unconfirmed(edge, count, since) for edge, count, since in rows]


def check_write_off(db: Session, edge_id: str, reason: str) -> EdgeRow:
    """The edge, locked, if it can be written off. Raises EdgeNotFoundError, InvalidError, ConflictError (connected)."""
    if not 1 <= len(reason.strip()) <= 300:
        raise InvalidError("say what became of its storage, in 1 to 300 characters")
    row = find_edge(db, edge_id, lock=True)
    if row.online and is_trusted(row) and not owed_by_an_earlier_box(db, row):
        raise ConflictError(f"edge '{edge_id}' is connected: it proves by itself what it has erased; wait for it")
    return row


def do_write_off_edge(db: Session, edge: EdgeRow, *, by: str, reason: str, now: datetime) -> int:
    """Somebody says that an edge's storage is destroyed: what it owes is settled on their word, and kept as such.

    When another box, with other keys, has been approved under the same id, only what the earlier one owes. Else the
    edge's approval ends: it is asked nothing more, is sent nothing more, and a new box has to be approved. How many
    erasures were owed. The caller holds the row lock (``check_write_off``).
    """
    owed = owed_by_an_earlier_box(db, edge)
    if not owed:
        owed = _owed(db, edge)
        edge.approved_key_base64 = edge.approved_signing_key_base64 = edge.approved_at = None
        db.flush()
        db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.edge_id == edge.id))
    for row in owed:
        row.confirmed_at, row.written_off_by, row.written_off_reason = now, by, reason.strip()
    db.flush()
    do_purge_confirmed(db, edge.id, now)
    return len(owed)


def _owed(db: Session, edge: EdgeRow) -> list[ErasureRow]:
    return list(db.scalars(select(ErasureRow).where(ErasureRow.edge_id == edge.id, ErasureRow.confirmed_at.is_(None))))


def owed_by_an_earlier_box(db: Session, edge: EdgeRow) -> list[ErasureRow]:
    """What was asked of keys this edge no longer has: whoever holds its keys now can't prove it."""
    if edge.approved_signing_key_base64 is None:
        return []
    return [row for row in _owed(db, edge) if row.signing_key_base64 not in {None, edge.approved_signing_key_base64}]
