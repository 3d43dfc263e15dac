"""Committing arrivals in tests, and reading back what it left."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.contract.config import EstateConfig
from core.ingest.arrivals import Arrival
from core.ingest.batch import Committed, Rulebook
from core.ingest.committer import Committer
from core.storage.database import Database
from core.storage.schema import AlertRow, EdgeCursorRow, EventRow, PassageRow, PictureRow
from tests.core.estates import NOW


def commit(database: Database, config: EstateConfig, *arrivals: Arrival) -> Committed:
    return Committer(database, Rulebook.of(config), now=lambda: NOW).commit(arrivals)


def tables(database: Database) -> dict[str, Any]:
    """Everything events leave behind, without ids and times of the core's own making."""
    with database.reading() as db:
        return {
            "events": sorted((row.id, row.edge_id, row.sequence, row.type) for row in db.scalars(select(EventRow))),
            "passages": sorted((row.id, row.ring, row.occurred_at) for row in db.scalars(select(PassageRow))),
            "pictures": sorted((row.id, row.passage_id, row.jpeg) for row in db.scalars(select(PictureRow))),
            "alerts": sorted((row.cause, row.occurred_at, row.state) for row in db.scalars(select(AlertRow))),
            "cursors": sorted(
                (row.edge_id, row.epoch, row.contiguous, row.skipped) for row in db.scalars(select(EdgeCursorRow))
            ),
        }
