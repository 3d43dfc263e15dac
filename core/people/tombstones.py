"""The journal of ends and locks: what a restored backup of the database must not bring back.

A file beside the database, never in a backup of it: one JSON line per end or lock, each with the hash of the one
before, on the disk (fsync) before the database commits. So an end is never lost. If the commit fails after the line was
written, whoever asked is told that it failed, and the consent ends nevertheless when the journal is next replayed
(within a minute, or at the next start): the safe direction. A release is written after the commit, for the same reason:
a line says that it happened.

Without its line no consent ends. A lock, which can be taken back, goes ahead, and so does the end of a case: their
lines follow (``core.people.consent.restored``).

Several processes append (core, API, commands), under a lock of the file. It holds opaque keys, no names, and grows by
about 350 bytes a line: ten thousand people who consent anew every year make 3.5 MB a year.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field, ValidationError
from sqlalchemy import event
from sqlalchemy.orm import Session

from core.contract.base import Instant, Message
from core.contract.ids import UuidText
from core.errors import CoreError

JOURNAL_FILE = Path("tombstones.jsonl")
LOCK_TIMEOUT_S = 10.0
MAX_LINE_BYTES = 1024
_LOCK_POLL_S = 0.01
_FIRST = "0" * 64
_NOTED, _LATE, _FIRST_WRITTEN = "journal", "journal.late", "journal.first"
log = structlog.get_logger()


class JournalError(CoreError):
    """The journal can't be written or read; no consent ends, and nothing starts, without it."""


class JournalDamagedError(JournalError):
    """A line of the journal is not what was written."""


class Does(StrEnum):
    ENDS = "ends"
    LOCKS = "locks"
    RELEASES = "releases"


class Entry(Message):
    """What happened to a consent, a template or a case; to the person altogether (removed) where none is named.

    subject: the person, or the vehicle a case looked for; event: of the consent's or the case's machine, or why a
    template was locked; lock_at: of a release, when that was locked which it releases; active_at: of a consent's lock,
    since when it was active. Lines of an older Anju have neither ``does`` nor what follows it.
    """

    subject: UuidText
    consent: UuidText | None = None
    event: Annotated[str, Field(max_length=32)]
    at: Instant
    does: Does = Does.ENDS
    template: UuidText | None = None
    case: UuidText | None = None
    lock_at: Instant | None = None
    active_at: Instant | None = None

    @property
    def needs_its_line(self) -> bool:
        """Whether it can't be taken back, and takes somebody's face with it: it may not happen without its line."""
        return self.does is Does.ENDS and self.case is None


class _Line(Entry):
    previous: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Read:
    """Entries from somewhere in the journal to its end, and where that is: ``offset`` bytes, hash ``head``."""

    entries: tuple[Entry, ...] = ()
    offset: int = 0
    head: str = _FIRST


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry of this transaction, and what stands in no line: by whom, where, why."""

    entry: Entry
    said: Mapping[str, str] = field(default_factory=dict)


class NotWrittenError(JournalError):
    """Something would have ended, and the journal can't be written. ``noted``: all that was undone with it."""

    def __init__(self, message: str, noted: Sequence[Noted]) -> None:
        super().__init__(message)
        self.noted = tuple(noted)


def note_entry(db: Session, entry: Entry, said: Mapping[str, str] | None = None) -> None:
    """To be in the journal: a release once this transaction has committed, anything else before."""
    db.info.setdefault(_NOTED, []).append(Noted(entry, said or {}))


def noted_entries(db: Session) -> list[Entry]:
    """What this transaction ends, locks and releases."""
    return [one.entry for one in db.info.get(_NOTED, ())]


def lines_will_follow(db: Session) -> bool:
    """Whether what this session committed stands in the database alone so far."""
    return _LATE in db.info


def stands_in_journal(db: Session) -> bool:
    """Whether what this session ends or locks stands there, also where its commit failed: then it follows from it."""
    return _FIRST_WRITTEN in db.info


def forget_noted(db: Session, is_known: Callable[[Entry], bool]) -> None:
    """Don't write what the journal says already."""
    db.info[_NOTED] = [one for one in db.info.get(_NOTED, ()) if not is_known(one.entry)]


class TombstoneJournal:
    """The journal in one file. Safe for several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_noted(self, db: Session) -> None:
        """Append what the session noted; to be called right before its commit. Raises NotWrittenError: don't commit."""
        noted: list[Noted] = db.info.pop(_NOTED, [])
        first = [one.entry for one in noted if one.entry.does is not Does.RELEASES]
        released = [one.entry for one in noted if one.entry.does is Does.RELEASES]
        try:
            if first:
                self.append(first)
                db.info[_FIRST_WRITTEN] = True
        except JournalError as error:
            if any(one.needs_its_line for one in first):
                raise NotWrittenError(str(error), noted) from error
            log.warning("journal.lines_will_follow", lines=len(first), problem=str(error))
            db.info[_LATE] = True
        if released:
            event.listen(db, "after_commit", lambda _: self._write_released(released), once=True)

    def _write_released(self, released: Sequence[Entry]) -> None:
        try:
            self.append(released)
        except JournalError as error:
            log.warning("journal.lines_will_follow", lines=len(released), problem=str(error))

    def append(self, entries: Sequence[Entry]) -> None:
        """All of them, durably, or none. Raises JournalError (disk full, no access, locked for too long)."""
        self._write(lambda head: b"".join(_chain(entries, head)), keep=True)

    def check_writable(self) -> None:
        """Try it, with blanks that are taken away again. Raises JournalError: no consent could end now."""
        self._write(lambda _: b" " * (MAX_LINE_BYTES - 1), keep=False)

    def _write(self, content: Callable[[str], bytes], *, keep: bool) -> None:
        """content: made from the hash of the last line. Raises JournalError."""
        try:
            with self._locked() as handle:
                head = self._mend_tail(handle)
                before = os.fstat(handle).st_size
                try:
                    _write_all(handle, content(head))
                except OSError:
                    os.ftruncate(handle, before)
                    raise
                if not keep:
                    os.ftruncate(handle, before)
                elif before == 0:
                    _sync_folder(self.path.parent)
        except OSError as error:
            raise JournalError(
                f"{self.path}: can't be written ({error.strerror}), and no consent ends without it; make room, or give "
                "the user Anju runs as leave to write there"
            ) from error

    def read(self, since: Read | None = None) -> Read:
        """Everything after ``since`` (from the start, if None), every hash checked.

        A last line that was cut off by a crash belongs to something that was never committed: it doesn't count.
        Raises JournalDamagedError, JournalError.
        """
        start = since or Read()
        try:
            if not self.path.exists():
                return Read()
            with self._locked(reading=True) as handle:
                size = self._whole_lines(handle)
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
            found.append(Entry.model_validate(line.model_dump(exclude={"previous", "sha256"})))
        return Read(tuple(found), size, head)

    @contextmanager
    def _locked(self, *, reading: bool = False) -> Iterator[int]:
        """The file open for appending, or for reading alone, nobody else in it."""
        how = os.O_RDONLY if reading else os.O_RDWR | os.O_APPEND | os.O_CREAT
        handle = os.open(self.path, how | os.O_CLOEXEC, 0o600)
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

    def _mend_tail(self, handle: int) -> str:
        """Cut off a last line without its end, and give the hash of the last whole one. Raises JournalDamagedError."""
        size = self._whole_lines(handle)
        if size < os.fstat(handle).st_size:
            os.ftruncate(handle, size)
            os.fsync(handle)
        if size == 0:
            return _FIRST
        tail = os.pread(handle, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
        last = _parse(tail[:-1].rpartition(b"\n")[2])
        if last is None:
            raise self._damaged("its last line is not what was written")
        return last.sha256

    def _whole_lines(self, handle: int) -> int:
        """Bytes up to the end of the last whole line. Raises JournalDamagedError."""
        size = os.fstat(handle).st_size
        tail = os.pread(handle, MAX_LINE_BYTES, max(0, size - MAX_LINE_BYTES))
        cut = len(tail) - (tail.rfind(b"\n") + 1)
        if cut >= MAX_LINE_BYTES:
            raise self._damaged("does not end with a line of ours")
        return size - cut

    def _damaged(self, what: str) -> JournalDamagedError:
        return JournalDamagedError(
            f"{self.path}: {what}. Put back an undamaged copy; if there is none and the database was not restored from "
            "a backup since, move this file away: it is written anew from the database at the next start"
        )


def _chain(entries: Sequence[Entry], head: str) -> Iterator[bytes]:
    for one in entries:
        line = {**one.model_dump(mode="json", exclude_none=True), "previous": head}
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
