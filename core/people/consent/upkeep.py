"""What the core does for the ledger while it runs: every minute what is due, every hour whether all is in order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import structlog

from core.people.consent.due import do_due_transitions
from core.people.consent.endings import MAX_AT_ONCE
from core.people.consent.invariants import check_invariants, do_erase_violations
from core.people.consent.restored import catch_up
from core.people.tombstones import Read, TombstoneJournal
from core.storage.database import Database

DUE_EVERY_S = 60.0
CHECK_EVERY_S = 3600.0
MAX_ROUNDS = 400
"""Transactions of one run: 400 times 25 consents a kind."""
LET_OTHERS_S = 0.1
"""Between two of them, for who waits to write: SQLite wakes nobody, they look again every 0.1 s."""
log = structlog.get_logger()


class ConsentUpkeep:
    """Remembers when it did what; ``counts`` has every event, and ``invariants_broken``, since the start."""

    def __init__(
        self, database: Database, journal: TombstoneJournal, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._journal = journal
        self._monotonic = monotonic
        self._due_s = self._checked_s = float("-inf")
        self._read: Read | None = None
        self.counts: Counter[str] = Counter()

    def run(self, now: datetime) -> None:
        """Do what is to be done by now, if anything. Blocks; raises SQLAlchemyError, JournalError: try again later."""
        if self._monotonic() - self._due_s >= DUE_EVERY_S:
            self._read = catch_up(self._database, self._journal, self._read or Read(), now)
            self._do_due(now)
            self._due_s = self._monotonic()
        if self._monotonic() - self._checked_s >= CHECK_EVERY_S:
            with self._database.writing() as db:
                self.counts["invariants_broken"] += do_erase_violations(db, check_invariants(db), now)
            self._checked_s = self._monotonic()

    def _do_due(self, now: datetime) -> None:
        for _ in range(MAX_ROUNDS):
            with self._database.writing() as db:
                done = do_due_transitions(db, now)
            self.counts.update(done)
            if done:
                log.info("consent.due", **done)
            if max(done.values(), default=0) < MAX_AT_ONCE:
                return
            time.sleep(LET_OTHERS_S)
