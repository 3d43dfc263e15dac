"""The SQLite file that holds templates: one process opens it, one connection writes, any number read beside it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from watchlists.store.errors import (
    LogNotFoldedError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreInUseError,
)

BUSY_TIMEOUT_S = 5.0
CHECKED_WHOLE_BYTES = 256 * 2**20
"""Files up to this size, some 400,000 templates, are looked through before they are used (a second). In larger ones a
missing end is found at once, other damage where it is read: each row is authenticated when it is decrypted."""
_PRAGMAS = (
    "page_size=16384",  # for a new file: fourteen people with two templates of 128-d, or three of 512-d, to a page
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
    "temp_store=MEMORY",
)


class StoreFile:
    """An open file: ``db`` is the connection that writes (autocommit, for one thread at a time)."""

    def __init__(self, path: Path) -> None:
        """Open ``path``, or make it, for its owner alone.

        Raises StoreInUseError, StoreDamagedError, StoreError; a file that can't be used is left as it is.
        """
        self.path = path
        self._lock = _only_process(path)
        try:
            with telling(path):
                _check_structure(path)
                self.db = _connect(path)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close the writing connection and let other processes open the file; close readers first."""
        self.db.close()
        os.close(self._lock)

    def reader(self) -> sqlite3.Connection:
        """Another connection, read-only, for any one thread at a time; whoever asked closes it. Raises StoreError."""
        with telling(self.path):
            return _read_only(self.path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside, durably, or nothing of it. Raises StoreFullError, StoreDamagedError, StoreError."""
        with telling(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def fold_log(self) -> None:
        """Fold SQLite's log back into the file and empty it: no copy of what was erased is left in the three files.

        Raises LogNotFoldedError when a reader was in the way for ``BUSY_TIMEOUT_S``, StoreError.
        """
        with telling(self.path):
            busy, _, _ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LogNotFoldedError(f"{self.path}: the log could not be folded, something was reading; try again")


def path_of(db: sqlite3.Connection) -> Path:
    """The file behind a connection."""
    return Path(db.execute("PRAGMA database_list").fetchone()[2])


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file, not those about a statement, into ones that say what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, (sqlite3.ProgrammingError, sqlite3.IntegrityError)) or _code(error) == "SQLITE_ERROR":
            raise
        raise _told(path, error) from None


def _code(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "SQLITE_ERROR")


def _told(path: Path, error: sqlite3.Error) -> StoreError:
    code = _code(error)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreInUseError(f"{path}: another process has it open; is this edge already running?")
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return _damaged(path, code)
    if code == "SQLITE_FULL":
        return StoreFullError(f"{path}: the disk is full; nothing was changed, make room and try again")
    return StoreError(f"{path}: {code}; check the disk's free space and health, and who owns the folder")


def _damaged(path: Path, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"{path}: damaged ({why}); it was left as it is: move it away and start again, the core then sends the lists "
        "anew"
    )


def _only_process(path: Path) -> int:
    """An OS lock on a file beside ``path``, held until it is closed or the process ends, however it ends."""
    beside = path.with_name(f"{path.name}.lock")
    try:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{beside}: {error.strerror}; the user that runs the edge must own this folder") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreInUseError(f"{path}: another process has it open; is this edge already running?") from None
    return handle


def _check_structure(path: Path) -> None:
    """Look at an existing file through a connection that can't change it, before any that could."""
    if not path.exists():
        return
    log = path.with_name(f"{path.name}-wal")
    logged = log.exists() and log.stat().st_size > 0
    if path.stat().st_size == 0:
        if logged:
            raise _damaged(path, "empty, while its log is not")
        return
    with closing(_read_only(path)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
        if path.stat().st_size % page_bytes and not logged:  # with a log, a page was being copied when the power went
            raise _damaged(path, "its end is missing")
        if path.stat().st_size > CHECKED_WHOLE_BYTES:
            return
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damaged(path, "its structure is broken")


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}").fetchall()
        _check_log(path, db)
    except BaseException:
        db.close()
        raise
    path.chmod(0o600)
    return db


def _check_log(path: Path, db: sqlite3.Connection) -> None:
    """SQLite does not say when it can't keep a log: erased keys would then stand in journals that are only unlinked."""
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StoreError(f"{path}: this file system can't keep SQLite's log; put state_dir on a local disk")


def _read_only(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only=ON")
    return db
