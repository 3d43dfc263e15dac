"""The highest number ever sent to each edge, kept beside the database and not in it.

A database that came back from a backup would give out numbers again that edges know with another meaning: an edge
would skip them, and an old receipt would confirm an erasure that never happened. What this file remembers tells.

The same for snapshots: an edge takes the one with the larger id for the newer, and a clock can be set back.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import SnapshotId, id_born_at
from core.errors import CoreError
from core.storage.schema import EdgeRow

FILE = "list-numbers.json"
LOCK_TIMEOUT_S = 5.0
LEAP = 1_000_000_000
"""Without the file, what was sent since the database was backed up is unknown, but it was less than this."""
_SNAPSHOTS = "newest snapshot"
"""Among the edges, whose ids have no spaces: milliseconds in the newest snapshot's id."""
_NUMBERS = TypeAdapter(dict[str, int])

log = structlog.get_logger()


class SentNumbersError(CoreError):
    """The file can't be read or written; the text says what to do."""


class SentNumbers:
    """The file, shared by the core processes of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._known: dict[str, int] = {}

    def read(self) -> dict[str, int] | None:
        """Highest number sent, by edge; None without the file. Raises SentNumbersError."""
        try:
            return _NUMBERS.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise SentNumbersError(
                f"{self._path}: can't be read; remove it and start the core anew: every edge gets its list whole"
            ) from None

    def begin(self) -> None:
        """Make the file where there is none: from now on it is complete. Raises SentNumbersError."""
        if self.read() is None:
            self._change(dict)

    def raise_to(self, numbers: Mapping[str, int]) -> None:
        """Before anything with these numbers is sent: remember them, durably. Raises SentNumbersError."""
        if any(number > self._known.get(edge, 0) for edge, number in numbers.items()):
            self._change(lambda known: {edge: max(number, known.get(edge, 0)) for edge, number in numbers.items()})

    def new_snapshot_id(self, now: datetime) -> SnapshotId:
        """An id larger than that of any snapshot before it, wherever the clock was meanwhile. Raises SentNumbersError.

        A UUIDv7 born ``now``, or a millisecond after the newest one.
        """
        now_ms = int(now.timestamp() * 1000)
        known = self._change(lambda known: {_SNAPSHOTS: max(now_ms, known.get(_SNAPSHOTS, 0) + 1)})
        return SnapshotId(id_born_at(known[_SNAPSHOTS]))

    def _change(self, changed: Callable[[dict[str, int]], dict[str, int]]) -> dict[str, int]:
        """Put what ``changed`` makes of the numbers into the file; all that stands there then."""
        try:
            with self._path.with_suffix(".lock").open("w") as lock:
                _wait_for(lock.fileno())
                there = self.read()
                known = dict(self._known) if there is None else there  # somebody removed it: what it said stands here
                known |= changed(known)
                self._write(known)
        except OSError as error:
            raise SentNumbersError(
                f"{self._path}: can't be written ({error.strerror}); edges only hear whom to hide meanwhile"
            ) from None
        self._known = known
        return known

    def _write(self, numbers: dict[str, int]) -> None:
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(numbers, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _wait_for(lock: int) -> None:
    """Raises BlockingIOError when another process holds the lock for too long."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def do_note_restored(db: Session, sent: Mapping[str, int] | None) -> frozenset[str]:
    """Edges that were sent numbers this database never gave: it is older than they are. They get their list whole.

    sent: see ``SentNumbers.read``. Numbering goes on above everything they were ever sent, or can have been: an old
    receipt proves nothing about what is numbered from now on. Run at every start, before consents are ended again.
    """
    rows = select(EdgeRow).order_by(EdgeRow.id).with_for_update().execution_options(populate_existing=True)
    restored = []
    for row in db.scalars(rows).all():
        highest = row.list_head + LEAP if sent is None else sent.get(row.id, 0)
        if highest > row.list_head:
            row.list_acked = 0
            row.list_head = row.list_floor = highest + 1
            restored.append(row)
    db.flush()
    if restored:
        log.warning("lists.database_is_older_than_edges", edges=[row.id for row in restored])
    return frozenset(row.id for row in restored)
