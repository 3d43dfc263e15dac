"""Which edges have not proved yet that they erased: "edge X has not confirmed"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.storage.schema import ErasureRow


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
