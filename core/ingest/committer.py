"""From arrivals to a commit, whatever the arrivals are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.ingest.arrivals import Arrival, Read, read
from core.ingest.batch import Committed, Rulebook, commit_batch
from core.storage.database import Database

_Refused = (SQLAlchemyError, ValueError, OverflowError)
"""How a database refuses a value: a NUL character in PostgreSQL, a year before 1, a number beyond 64 bits."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Committer:
    """Commits arrivals; one that the database refuses costs itself, not the others."""

    def __init__(self, database: Database, rulebook: Rulebook, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._rulebook = rulebook
        self._now = now

    def commit(self, arrivals: Sequence[Arrival]) -> Committed:
        """Store all of ``arrivals`` in one transaction, or, if one of them is refused, each in its own.

        Raises OperationalError when the database is locked, full or away: nothing was stored, try again.
        """
        reads = [read(arrival, self._rulebook.estate) for arrival in arrivals]
        try:
            return self._commit(reads)
        except OperationalError:
            raise
        except _Refused:
            return _joined([self._commit_one(one) for one in reads])

    def _commit_one(self, one: Read) -> Committed:
        try:
            return self._commit([one])
        except OperationalError:
            raise
        except _Refused as error:
            problem = f"the database refuses it: {type(error).__name__}"
        try:
            return self._commit([replace(one, message=None, problem=problem)])
        except OperationalError:
            raise
        except _Refused:  # its envelope is what is refused: there is no position to acknowledge
            return self._commit([replace(one, envelope=None, message=None, problem=problem)])

    def _commit(self, reads: Sequence[Read]) -> Committed:
        with self._database.writing() as db:
            return commit_batch(db, reads, self._rulebook, self._now())


def _joined(parts: Sequence[Committed]) -> Committed:
    latest = {(ack.edge, ack.epoch): ack for part in parts for ack in part.acks}
    counts: Counter[str] = sum((part.counts for part in parts), Counter())
    return Committed(tuple(latest.values()), tuple(alert for part in parts for alert in part.alerts), counts)
