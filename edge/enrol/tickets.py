"""Which enrolment tickets were used: remembered on disk until long after they expired, so that none works twice."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path

REMEMBERED_FOR = timedelta(days=1)
"""After expiry: a clock set back by less than this can't revive a used ticket."""
_SCHEMA = "CREATE TABLE IF NOT EXISTS used (ticket_id TEXT PRIMARY KEY, expires_s REAL NOT NULL) WITHOUT ROWID"


class TicketBookError(RuntimeError):
    """The book of used tickets can't be opened or written; the text says what to do."""


class TicketBook:
    """Used tickets. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, or make it. Raises TicketBookError."""
        self._path = path
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._unusable(error) from None
        try:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _SCHEMA):
                self._db.execute(statement).fetchall()
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from None
        path.chmod(0o600)

    def is_used(self, ticket_id: str) -> bool:
        """True when it was. Raises TicketBookError."""
        with self._lock:
            try:
                found = self._db.execute("SELECT 1 FROM used WHERE ticket_id = ?", (ticket_id,)).fetchone()
            except sqlite3.Error as error:
                raise self._unusable(error) from None
            return found is not None

    def use(self, ticket_id: str, expires_at: datetime, now: datetime) -> bool:
        """Mark the ticket used, durably; False when it already was. Raises TicketBookError."""
        with self._lock:
            try:
                self._db.execute("DELETE FROM used WHERE expires_s < ?", ((now - REMEMBERED_FOR).timestamp(),))
                written = self._db.execute(
                    "INSERT OR IGNORE INTO used VALUES (?, ?)", (ticket_id, expires_at.timestamp())
                )
            except sqlite3.Error as error:
                raise self._unusable(error) from None
            return written.rowcount == 1

    def release(self, ticket_id: str) -> None:
        """The enrolment could not be stored: the ticket may be used again. Raises TicketBookError."""
        with self._lock:
            try:
                self._db.execute("DELETE FROM used WHERE ticket_id = ?", (ticket_id,))
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _unusable(self, error: sqlite3.Error) -> TicketBookError:
        code = getattr(error, "sqlite_errorname", None) or type(error).__name__
        return TicketBookError(
            f"{self._path}: {code}; check the disk's free space, or move a damaged file away (tickets live for minutes)"
        )
