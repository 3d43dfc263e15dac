"""What the core does for the ledger while it runs: every minute what is due, every hour whether all is in order.

While the journal can't be written nothing ends here, and the relay signs no rolls (``journal_problem``): edges stop
recognising within a day.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from core.people.consent.asked import ENDED_LATER, do_what_waits
from core.people.consent.due import do_due_transitions
from core.people.consent.endings import MAX_AT_ONCE
from core.people.consent.invariants import check_invariants, do_erase_violations
from core.people.consent.journaled import Journaled
from core.people.consent.restored import catch_up, complete
from core.people.tombstones import JournalError, Read, TombstoneJournal
from core.storage.database import Database

DUE_EVERY_S = 60.0
CHECK_EVERY_S = 3600.0
MAX_ROUNDS = 400
"""Transactions of one run: 400 times 25 consents a kind."""
LET_OTHERS_S = 0.1
"""Between two of them, for who waits to write: SQLite wakes nobody, they look again every 0.1 s."""
COMPARE_BACK = timedelta(hours=1)
"""What other cores recorded is looked for this far back each minute (two machines, two clocks), hourly all of it."""
log = structlog.get_logger()


class ConsentUpkeep:
    """Remembers when it did what.

    counts: every event, ``invariants_broken``, ``journal_unwritable`` (minutes) and ``ended_later``, since the start.
    journal_problem: why no consent can end now, as it was found a minute ago at most; None when all is well.
    """

    def __init__(
        self, database: Database, journal: TombstoneJournal, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._journal = journal
        self._monotonic = monotonic
        self._due_s = self._checked_s = float("-inf")
        self._read = Read()
        self._journaled = Journaled()
        self._compared_at: datetime | None = None
        self.counts: Counter[str] = Counter()
        self.journal_problem: str | None = None

    def run(self, now: datetime) -> None:
        """Do what is to be done by now, if anything. Blocks; raises SQLAlchemyError: try again later."""
        if self._monotonic() - self._due_s >= DUE_EVERY_S:
            self._do_what_needs_the_journal(now)
            self._due_s = self._monotonic()
        if self._monotonic() - self._checked_s >= CHECK_EVERY_S:
            with self._database.writing() as db:
                self.counts["invariants_broken"] += do_erase_violations(db, check_invariants(db), now)
            self._checked_s, self._compared_at = self._monotonic(), None

    def _do_what_needs_the_journal(self, now: datetime) -> None:
        """All is well only once all of it is done: room for a line may be less than the lines of many ends need."""
        try:
            self._bring_in_step(now)
            self._do_what_waits(now)
            self._do_due(now)
        except JournalError as error:
            self.counts["journal_unwritable"] += 1
            self.journal_problem = str(error)
            log.warning("journal.unwritable", problem=str(error), consequence="nothing ends, and no roll is signed")
            return
        if self.journal_problem is not None:
            log.info("journal.writable_again")
        self.journal_problem = None

    def _bring_in_step(self, now: datetime) -> None:
        """Journal and database with each other. Raises JournalError: it can't be read or written."""
        read = catch_up(self._database, self._journal, self._read, now)
        if read.offset < self._read.offset:  # the file was moved away: the next one gets everything
            self._journaled, self._compared_at = Journaled(), None
        self._read = read
        self._journaled.hear(read.entries)
        self._journal.check_writable()
        since = None if self._compared_at is None else self._compared_at - COMPARE_BACK
        complete(self._database, self._journal, self._journaled, since)
        self._compared_at = now

    def _do_what_waits(self, now: datetime) -> None:
        for _ in range(MAX_ROUNDS):
            with self._database.writing() as db:
                ended = do_what_waits(db, now)
            self.counts[ENDED_LATER] += ended
            if ended < MAX_AT_ONCE:
                return
            time.sleep(LET_OTHERS_S)

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
