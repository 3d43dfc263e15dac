"""What an edge says it holds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from core.contract.lists import ListReceiptV1
from core.errors import NotFoundError
from core.lists.snapshot import tell_everything
from core.storage.schema import EdgeRow


def do_note_receipt(db: Session, receipt: ListReceiptV1, now: datetime) -> EdgeRow:
    """Keep how far an edge's list is. Lower than before (it lost its mirror): everything above is sent again.

    Higher than anything the core ever numbered (the core came back from a backup): numbering goes on from there, and
    everything the core has is told again. Raises NotFoundError for an edge the core doesn't know.
    """
    edge = db.get(EdgeRow, receipt.edge, with_for_update=True, populate_existing=True)
    if edge is None:
        raise NotFoundError(f"edge '{receipt.edge}' is not in the configuration")
    ahead = receipt.version > edge.list_head
    edge.list_acked = receipt.version
    edge.list_acked_at = now
    edge.list_problem = receipt.problem
    if ahead:
        edge.list_head = receipt.version
        db.flush()
        tell_everything(db, edge.id, now)
    db.flush()
    return edge
