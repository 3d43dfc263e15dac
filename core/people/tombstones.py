"""The journal of ended consents: what a restored backup of the database must not bring back.

A file beside the database, never in a backup of it: one JSON line per end, each with the hash of the one before,
on the disk (fsync) before the database commits. So an end is never lost. If the commit fails after the line was
written, whoever asked is told that it failed, and the consent ends nevertheless when the journal is next replayed
(within a minute, or at the next start): the safe direction.

Several processes append (core, API, commands), under a lock of the file. It holds opaque keys, no names, and grows by
about 330 bytes an end: ten thousand people who consent anew every year make 3.3 MB a year.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from core.contract.base import Instant, Message
from core.contract.ids import UuidText
from core.errors import CoreError

JOURNAL_FILE = Path("tombstones.jsonl")
LOCK_TIMEOUT_S = 10.0
MAX_LINE_BYTES = 1024
_LOCK_POLL_S = 0.01
_FIRST = "0" * 64
_NOTED = "tombstones"


class JournalError(CoreError):
    """The journal can't be written or read; nothing ends, and nothing starts, without it."""


class JournalDamagedError(JournalError):
    """A line of the journal is not what was written."""


class Tombstone(Message):
    """What ended. ``consent`` None: the person was removed altogether. event: of the consent machine."""

    subject: UuidText
    consent: UuidText | None = None
    event: Annotated[str, Field(max_length=32)]
    at: Instant


class _Line(Tombstone):
    previous: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Read:
    """Tombstones from somewhere in the journal to its end, and where that is: ``offset`` bytes, hash ``head``."""

    tombstones: tuple[Tombstone, ...] = ()
    offset: int = 0
    head: str = _FIRST


def note_tombstone(db: Session, tombstone: Tombstone) -> None:
    """To be in the journal before this transaction commits."""
    db.info.setdefault(_NOTED, []).append(tombstone)


def noted_tombstones(db: Session) -> list[Tombstone]:
    """What this transaction ends."""
    return list(db.info.get(_NOTED, ()))


class TombstoneJournal:
    """The journal in one file. Safe for several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_noted(self, db: Session) -> None:
        """Append what the session noted; to be called right before its commit. Raises JournalError: don't commit."""
        noted: list[Tombstone] = db.info.pop(_NOTED, [])
        if noted:
            self.append(noted)

    def append(self, tombstones: Sequence[Tombstone]) -> None:
        """All of them, durably, or none. Raises JournalError (disk full, no access, locked for too long)."""
        try:
            with self._locked() as handle:
                head = self._mend_tail(handle)
                before = os.fstat(handle).st_size
                try:
                    _write_all(handle, b"".join(_chain(tombstones, head)))
                except OSError:
                    os.ftruncate(handle, before)
                    raise
                if before == 0:
                    _sync_folder(self.path.parent)
        except OSError as error:
            raise JournalError(
                f"{self.path}: can't be written ({error.strerror}), so nothing was ended; make room, or give the user "
                "Anju runs as leave to write there, and do it again"
            ) from error

    def read(self, since: Read | None = None) -> Read:
        """Everything after ``since`` (from the start, if None), every hash checked.

        A last line that was cut off by a crash belongs to something that was never committed: it is taken away.
        Raises JournalDamagedError, JournalError.
        """
        start = since or Read()
        try:
            if not self.path.exists():
                return Read()
            with self._locked() as handle:
                self._mend_tail(handle, check=False)
                size = os.fstat(handle).st_size
                if size < start.offset:
                    raise self._damaged("is shorter than it was")
                content = os.pread(handle, size - start.offset, start.offset)
        except OSError as error:
            raise JournalError(
                f"{self.path}: can't be read ({error.strerror}); it must belong to the user Anju runs as"
            ) from error
        head, found = start.head, []
        for number, text in enumerate(content.splitlines(), 1):
            line = _parse(text)
            if line is None or line.previous != head:
                where = f"line {number}" if since is None else f"line {number} of the newest ones"
                raise self._damaged(f"{where} is not what was written")
            head = line.sha256
            found.append(Tombstone.model_validate(line.model_dump(exclude={"previous", "sha256"})))
        return Read(tuple(found), size, head)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file open for appending, nobody else in it."""
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise JournalError(
                            f"{self.path}: another process has held it for {LOCK_TIMEOUT_S:.0f} s; nothing was ended"
                        ) from None
                    time.sleep(_LOCK_POLL_S)
            yield handle
        finally:
            os.close(handle)

    def _mend_tail(self, handle: int, *, check: bool = True) -> str:
        """Cut off a last line without its end, and give the hash of the last whole one. Raises JournalDamagedError."""
        size = os.fstat(handle).st_size
        tail = os.pread(handle, 2 * MAX_LINE_BYTES, max(0, size - 2 * MAX_LINE_BYTES))
        cut = len(tail) - (tail.rfind(b"\n") + 1)
        if cut >= MAX_LINE_BYTES:
            raise self._damaged("does not end with a line of ours")
        if cut:
            os.ftruncate(handle, size - cut)
            os.fsync(handle)
            tail = tail[:-cut]
        if not tail or not check:
            return _FIRST
        last = _parse(tail[:-1].rpartition(b"\n")[2])
        if last is None:
            raise self._damaged("its last line is not what was written")
        return last.sha256

    def _damaged(self, what: str) -> JournalDamagedError:
        return JournalDamagedError(
            f"{self.path}: {what}. Put back an undamaged copy; if there is none and the database was not restored from "
            "a backup since, move this file away: it is written anew from the database at the next start"
        )


def _chain(tombstones: Sequence[Tombstone], head: str) -> Iterator[bytes]:
    for one in tombstones:
        line = {**one.model_dump(mode="json"), "previous": head}
        head = _hash(line)
        yield json.dumps({**line, "sha256": head}).encode() + b"\n"


def _parse(text: bytes) -> _Line | None:
    """The line, if it is whole and says what its hash says."""
    try:
        line = _Line.model_validate_json(text)
        content = json.loads(text)
    except (ValidationError, ValueError):
        return None
    del content["sha256"]
    return line if _hash(content) == line.sha256 else None


def _hash(line: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()


def _write_all(handle: int, content: bytes) -> None:
    """Raises OSError when not all of it is on the disk."""
    if os.write(handle, content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
