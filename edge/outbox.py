"""What the edge has to tell: events on disk before anything is published, gone only when the core has them.

One SQLite file (WAL, every commit flushed). Each event gets the next ``sequence`` of this file's ``epoch``, without
gaps: the core acknowledges the highest number up to which it has everything.

At its limits (rows, bytes) the least important goes first, oldest first: pictures and counts, then camera news, then
passages, happenings and templates; an arriving picture never pushes out a passage. A number can't simply vanish from
the middle, or the core would wait for it for ever: the dropped event's place is taken by a small
``anju.outbox.dropped.v1`` under the same id and number (a *mark*; were the original committed already, the core sees a
repetition). Only when there are more marks than ``max_rows`` do the oldest numbers go for good: ``floor``, which
travels with every event, then tells the core not to wait for them, and `report_dropped` says what they were.

A file that can't be read is moved aside (``.damaged``, replacing an older one) and a new one, with a new epoch, begun.
Nothing here is needed for opening a gate: whoever appends must go on when it fails.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from core.contract.base import Message, isoformat
from core.contract.events import EVENT_TYPES, MAX_EVENT_BYTES, OutboxDroppedV1
from core.contract.ids import EventId, new_id

log = structlog.get_logger()

_TYPE_OF = {kind: name for name, kind in EVENT_TYPES.items()}
_DROPPED = _TYPE_OF[OutboxDroppedV1]
_MARK_RANK = 3
_RANKS = {"anju.picture.v1": 0, "anju.counts.v1": 0, "anju.camera.condition.v1": 1, _DROPPED: _MARK_RANK}
_PRECIOUS_RANK = 2
"""Ranks say what is dropped first. Marks and reports are never exchanged for marks."""
_ROW_BYTES = 200
"""What a row costs besides its data, roughly."""
_ENVELOPE_BYTES = 1_000
_BUSY_TIMEOUT_S = 2.0
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_ALL = 2**63 - 1
UNREADABLE = "unreadable"
"""Kind under which the events of a damaged file are reported: how many they were, nobody knows."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS life (
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, last_sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dropped (kind TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, occurred_at TEXT NOT NULL,
  bytes INTEGER NOT NULL, rank INTEGER NOT NULL, boot TEXT NOT NULL, appended_s REAL NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_rank ON events (rank, sequence);
"""


class OutboxError(Exception):
    """The outbox can't be written or read now; the text says why and what to do. Trying again later is right."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event as it waits: ``data`` is the message's JSON."""

    sequence: int
    event_id: EventId
    type: str
    occurred_at: datetime
    data: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the outbox holds. oldest_s: seconds the first of it has been waiting, whatever the wall clock did."""

    rows: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class _Newcomer:
    """An event that wants in; bytes: what it will count as."""

    type: str
    occurred_at: str
    text: str

    @property
    def bytes(self) -> int:
        return len(self.text.encode()) + _ROW_BYTES

    @property
    def rank(self) -> int:
        return _RANKS.get(self.type, _PRECIOUS_RANK)


@dataclass(slots=True)
class _Totals:
    rows: int
    bytes: int
    marks: int


def _boot_id() -> str:
    """Same for every process between two starts of this machine: while it is the same, monotonic times compare."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return secrets.token_hex(16)


class DurableOutbox:
    """The outbox in ``path``; `edge.ports.Outbox`. Safe to use from any thread, by one process at a time.

    The file is opened at the first use, and again after an error: a full disk at start keeps no gate shut.
    """

    def __init__(self, path: Path, *, max_rows: int, max_bytes: int) -> None:
        self._path = path
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._totals = _Totals(0, 0, 0)
        self._boot = _boot_id()
        self._appended = threading.Event()

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, message: Message, occurred_at: datetime) -> None:
        """Keep ``message``: it is on disk when this returns, unless the outbox is full of what matters more.

        Raises OutboxError when it could not be written, ValueError when it is no event or too large ever to be sent.
        """
        kind = _TYPE_OF.get(type(message))
        if kind is None:
            raise ValueError(f"{type(message).__name__} is no event: see core.contract.events.EVENT_TYPES")
        newcomer = _Newcomer(kind, isoformat(occurred_at), message.model_dump_json())
        if newcomer.bytes + _ENVELOPE_BYTES > MAX_EVENT_BYTES:
            raise ValueError(f"a {kind} of {newcomer.bytes} bytes can't be sent: at most {MAX_EVENT_BYTES}")
        try:
            self._keep(newcomer)
        except _DamagedError:
            self._keep(newcomer)  # the damaged file is out of the way: this event is not lost with it
        self._appended.set()

    def report_dropped(self, now: datetime) -> None:
        """Tell the core what was dropped without leaving a mark, if anything was. Raises OutboxError."""
        with self._transaction() as connection:
            kinds = dict(connection.execute("SELECT kind, number FROM dropped"))
            if not kinds:
                return
            connection.execute("DELETE FROM dropped")
            report = OutboxDroppedV1(kinds=kinds).model_dump_json()
            self._insert(connection, _Newcomer(_DROPPED, isoformat(now), report))
        self._appended.set()

    def acknowledge(self, epoch: str, sequence: int) -> None:
        """The core has everything up to ``sequence``: forget it. Another life's acknowledgement means nothing here.

        Raises OutboxError.
        """
        with self._transaction() as connection:
            mine, last = connection.execute("SELECT epoch, last_sequence FROM life").fetchone()
            if epoch == mine and sequence <= last:
                gone = _count(connection, up_to=sequence)
                connection.execute("DELETE FROM events WHERE sequence <= ?", (sequence,))
                self._totals.rows -= gone.rows
                self._totals.bytes -= gone.bytes
                self._totals.marks -= gone.marks

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        """Random name of this file's life. Raises OutboxError."""
        with self._transaction() as connection:
            return str(connection.execute("SELECT epoch FROM life").fetchone()[0])

    def floor(self) -> int:
        """Lowest sequence still held; the next one to come when there is none. Raises OutboxError."""
        with self._transaction() as connection:
            lowest = connection.execute("SELECT min(sequence) FROM events").fetchone()[0]
            last = connection.execute("SELECT last_sequence FROM life").fetchone()[0]
            return int(last + 1 if lowest is None else lowest)

    def unacknowledged(self, after: int, limit: int, max_bytes: int = 4_000_000) -> list[OutboxRow]:
        """Events after ``after``, in order: at most ``limit``, and at most ``max_bytes`` of them, but always one.

        Raises OutboxError.
        """
        rows: list[OutboxRow] = []
        taken = 0
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT sequence, id, type, occurred_at, data, bytes FROM events WHERE sequence > ? "
                "ORDER BY sequence LIMIT ?",
                (after, limit),
            )
            for sequence, event_id, kind, occurred_at, text, size in found:
                taken += size
                if rows and taken > max_bytes:
                    break
                rows.append(OutboxRow(sequence, EventId(event_id), kind, datetime.fromisoformat(occurred_at), text))
        return rows

    def waiting(self) -> Waiting:
        """How much waits, and since when. Raises OutboxError."""
        with self._transaction() as connection:
            oldest = connection.execute(
                "SELECT boot, appended_s, occurred_at FROM events ORDER BY sequence LIMIT 1"
            ).fetchone()
            return Waiting(self._totals.rows + self._totals.marks, 0.0 if oldest is None else self._age_s(*oldest))

    def wait_for_news(self, timeout_s: float) -> bool:
        """Wait until something was appended since the last call, at most ``timeout_s``. For one waiter."""
        appended = self._appended.wait(timeout_s)
        self._appended.clear()
        return appended

    def wake(self) -> None:
        """Let whoever waits for news look up from it."""
        self._appended.set()

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    # -- the file --------------------------------------------------------------------------------------------------

    def _keep(self, newcomer: _Newcomer) -> None:
        with self._transaction() as connection:
            if self._make_room(connection, newcomer):
                self._insert(connection, newcomer)
            else:
                _note_dropped(connection, Counter({newcomer.type: 1}))
            self._trim_marks(connection)

    def _insert(self, connection: sqlite3.Connection, new: _Newcomer) -> None:
        sequence = connection.execute(
            "UPDATE life SET last_sequence = last_sequence + 1 RETURNING last_sequence"
        ).fetchone()[0]
        connection.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sequence,
                new_id(),
                new.type,
                new.occurred_at,
                new.bytes,
                new.rank,
                self._boot,
                time.monotonic(),
                new.text,  # last: what stands before it is read without walking through a picture
            ),
        )
        if new.rank == _MARK_RANK:
            self._totals.marks += 1
        else:
            self._totals.rows += 1
            self._totals.bytes += new.bytes

    def _make_room(self, connection: sqlite3.Connection, new: _Newcomer) -> bool:
        """Exchange the least important events for marks until ``new`` fits. False: all the rest matters more."""
        totals = self._totals
        if new.bytes > self._max_bytes:
            return False
        while totals.rows + 1 > self._max_rows or totals.bytes + new.bytes > self._max_bytes:
            victim = connection.execute(
                "SELECT sequence, type, bytes FROM events WHERE rank <= ? ORDER BY rank, sequence LIMIT 1", (new.rank,)
            ).fetchone()
            if victim is None:
                return False
            sequence, kind, freed = victim
            text = OutboxDroppedV1(kinds={kind: 1}).model_dump_json()
            connection.execute(
                "UPDATE events SET type = ?, data = ?, bytes = ?, rank = ? WHERE sequence = ?",
                (_DROPPED, text, len(text) + _ROW_BYTES, _MARK_RANK, sequence),
            )
            totals.rows -= 1
            totals.bytes -= freed
            totals.marks += 1
        return True

    def _trim_marks(self, connection: sqlite3.Connection) -> None:
        """Let the oldest numbers go, whatever they are, while marks outnumber what the outbox may hold."""
        while self._totals.marks > self._max_rows:
            sequence, kind, text, size, rank = connection.execute(
                "SELECT sequence, type, data, bytes, rank FROM events ORDER BY sequence LIMIT 1"
            ).fetchone()
            connection.execute("DELETE FROM events WHERE sequence = ?", (sequence,))
            if rank == _MARK_RANK:
                self._totals.marks -= 1
                _note_dropped(connection, Counter(OutboxDroppedV1.model_validate_json(text).kinds))
            else:
                self._totals.rows -= 1
                self._totals.bytes -= size
                _note_dropped(connection, Counter({kind: 1}))

    def _age_s(self, boot: str, appended_s: float, occurred_at: str) -> float:
        if boot == self._boot:
            return max(0.0, time.monotonic() - appended_s)
        # From before the machine was started: only the wall clock spans that.
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(occurred_at)).total_seconds())

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction under the lock: committed, or rolled back and the totals with it. Raises OutboxError."""
        with self._lock:
            connection = self._connected()
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._gave_up(connection, error) from error
            except BaseException:
                self._roll_back(connection)
                raise

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._totals = _count(connection)

    def _gave_up(self, connection: sqlite3.Connection, error: sqlite3.Error) -> OutboxError:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in _DAMAGED:
            self._move_aside(error)
            self._connection = self._begin_anew()
            self._totals = _count(self._connection)
            return _DamagedError(f"outbox {self._path} was damaged ({error}); moved aside, a new one begins")
        try:
            self._roll_back(connection)
        except sqlite3.Error:
            self._disconnect()  # opened afresh at the next use
        if code == sqlite3.SQLITE_IOERR:
            self._disconnect()
        return OutboxError(f"outbox {self._path}: {error}; {_advice(code)}")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        try:
            self._connection = _open(self._path)
        except sqlite3.Error as error:
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code not in _DAMAGED:
                raise OutboxError(f"outbox {self._path}: {error}; {_advice(code)}") from error
            self._move_aside(error)
            self._connection = self._begin_anew()
        self._totals = _count(self._connection)
        return self._connection

    def _begin_anew(self) -> sqlite3.Connection:
        try:
            connection = _open(self._path)
            _note_dropped(connection, Counter({UNREADABLE: 1}))
        except sqlite3.Error as error:
            raise OutboxError(f"outbox {self._path} can't be begun anew: {error}") from error
        return connection

    def _move_aside(self, error: sqlite3.Error) -> None:
        self._disconnect()
        aside = self._path.with_name(self._path.name + ".damaged")
        try:
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as cause:
            raise OutboxError(f"damaged outbox {self._path} can't be moved aside: {cause.strerror}") from cause
        log.error(
            "outbox.damaged",
            file=str(self._path),
            problem=str(error),
            moved_to=str(aside),
            advice="events in it were not sent; check the disk, delete the file when you have looked at it",
        )

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # what is committed is on disk, whatever closing says
                self._connection.close()
            self._connection = None


class _DamagedError(OutboxError):
    """The file was damaged, and has been replaced: trying once more is right at once."""


def _open(path: Path) -> sqlite3.Connection:
    """A checked connection to the outbox in ``path``, made if need be. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        # One process only: two writers would give out the same numbers.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _check_intact(connection)
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO life VALUES (1, ?, 0)", (secrets.token_hex(8),))
    except BaseException:
        connection.close()
        raise
    return connection


def _check_intact(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        problem = sqlite3.DatabaseError(verdict)
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise problem


def _count(connection: sqlite3.Connection, up_to: int | None = None) -> _Totals:
    rows, size, marks = connection.execute(
        "SELECT count(*) FILTER (WHERE rank < ?1), coalesce(sum(bytes) FILTER (WHERE rank < ?1), 0), "
        "count(*) FILTER (WHERE rank >= ?1) FROM events WHERE sequence <= ?2",
        (_MARK_RANK, _ALL if up_to is None else up_to),
    ).fetchone()
    return _Totals(rows, size, marks)


def _note_dropped(connection: sqlite3.Connection, kinds: Counter[str]) -> None:
    connection.executemany(
        "INSERT INTO dropped VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET number = number + excluded.number",
        list(kinds.items()),
    )


def _advice(code: int) -> str:
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full: make room; gates go on opening, but what happens now is not recorded"
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another process uses it: is this edge running twice?"
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return "the directory must exist and be writable for this user"
    return "check the disk; what happens now is not recorded until it works again"
