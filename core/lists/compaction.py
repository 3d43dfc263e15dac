"""Forgetting changes that no edge needs any more; an edge that comes back later gets its list whole."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.storage.schema import EdgeRow, ListChangeRow

KEPT_CHANGES = 10_000
"""Newest changes of an edge that are kept although it has them: a restored edge catches up without a snapshot."""
WAIT_FOR_EDGE = timedelta(days=30)
"""An edge that was not heard for longer holds up nothing."""


def do_compact(db: Session, edge_id: str, configured: Collection[str], now: datetime) -> int:
    """Delete changes of one edge that it has acknowledged, but the newest ``KEPT_CHANGES``; how many.

    An edge nobody approved, that left the configuration or that is away for long keeps no more than those either.
    """
    edge = db.get(EdgeRow, edge_id, with_for_update=True, populate_existing=True)
    if edge is None:
        return 0
    waits = edge.id in configured and edge.approved_key_base64 is not None and not _long_gone(edge, now)
    floor = edge.list_head - KEPT_CHANGES
    if waits:
        floor = min(floor, edge.list_acked)
    # Changes at or below the present floor were overtaken by a snapshot: nobody will ever ask for them.
    edge.list_floor = max(edge.list_floor, floor)
    old = delete(ListChangeRow).where(ListChangeRow.edge_id == edge.id, ListChangeRow.number <= edge.list_floor)
    return db.execute(old).rowcount  # type: ignore[attr-defined, no-any-return]


def edges_to_compact(db: Session) -> list[str]:
    return list(db.scalars(select(EdgeRow.id).order_by(EdgeRow.id)))


def _long_gone(edge: EdgeRow, now: datetime) -> bool:
    heard = [one for one in (edge.approved_at, edge.list_acked_at, edge.state_at) if one is not None]
    return not heard or now - max(heard) > WAIT_FOR_EDGE
