"""What has to be done for lists from time to time, beside sending them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from core.contract.config import EstateConfig
from core.lists.compaction import do_compact, edges_to_compact
from core.lists.reseal import Resealing
from core.people.enrolment import do_forget_tickets
from core.storage.database import Database

COMPACT_EVERY_S = 600.0
RESEAL_EVERY_S = 60.0


class ListUpkeep:
    """Call ``run`` often; it does what is due, each edge in a transaction of its own."""

    def __init__(
        self, database: Database, config: EstateConfig, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._configured = frozenset(one.id for one in config.edges)
        self._monotonic = monotonic
        self._resealing = Resealing(monotonic)
        self._reseal_at_s = self._compact_at_s = float("-inf")

    def run(self, now: datetime) -> None:
        """Raises SQLAlchemyError when the database is locked or away; what was not done comes up again."""
        if self._monotonic() >= self._reseal_at_s:
            with self._database.writing() as db:
                more = self._resealing.do_round(db, now)
            self._reseal_at_s = self._monotonic() + (0.0 if more else RESEAL_EVERY_S)
        if self._monotonic() >= self._compact_at_s:
            with self._database.reading() as db:
                edges = edges_to_compact(db)
            for edge in edges:
                with self._database.writing() as db:
                    do_compact(db, edge, self._configured, now)
            with self._database.writing() as db:
                do_forget_tickets(db, now)
            self._compact_at_s = self._monotonic() + COMPACT_EVERY_S
