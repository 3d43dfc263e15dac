"""Clips on the edge's disk: encrypted under its site key, bounded in bytes and days, the oldest gone first.

A clip shows people as the camera saw them. It never leaves the site as a file: signed-in people watch it with a reason.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict

from core.contract.ids import CameraId, ClipId

log = structlog.get_logger()

_MAGIC = b"AJC1"
_NONCE_BYTES = 12
_SUFFIX = ".clip"
MAX_CLIP_BYTES = 200_000_000
_AHEAD = timedelta(days=1)
"""A clip of so much later than now is one of a clock that was wrong."""
LEAVE_FREE_BYTES = 500_000_000
"""What clips leave of the disk: events and lists need it more."""


class ClipError(Exception):
    """A clip can't be kept or shown; the text says why and names nobody."""


class NoSuchClipError(ClipError):
    """There is no such clip, or its time is over."""


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    camera: CameraId
    mime: str


@dataclass(frozen=True, slots=True)
class Clip:
    """mp4: the whole file; mime: with its codecs, for the player."""

    camera: CameraId
    mime: str
    mp4: bytes


class ClipStore:
    """The clips of one edge. Thread-safe."""

    def __init__(self, folder: Path, key: bytes, *, max_bytes: int, keep: timedelta) -> None:
        """key: 32 bytes. Nothing is touched yet: a folder that can't be used costs clips, and nothing else."""
        self._folder = folder
        self._cipher = AESGCM(key)
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = threading.Lock()

    def put(self, clip: ClipId, shown: Clip) -> None:
        """Keep ``shown`` whole or not at all; makes room by forgetting the oldest.

        Raises ClipError, also where there is one of that id: what was kept is never written over.
        """
        if len(shown.mp4) > min(MAX_CLIP_BYTES, self._max_bytes):
            raise ClipError(f"the clip has {len(shown.mp4)} bytes, more than is kept of one")
        head = _Head(camera=shown.camera, mime=shown.mime).model_dump_json().encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, shown.mp4, _bound(clip, head))
        content = (_MAGIC, len(head).to_bytes(2), head, nonce, sealed)
        with self._lock:
            self._make_folder()
            if self._path(clip).exists():
                raise ClipError("there is a clip of that id: it is not written over")
            try:
                self._make_room(sum(map(len, content)))
                self._write(self._path(clip), content)
            except OSError as error:
                raise ClipError(f"{self._folder}: {error.strerror}; the clip is not kept") from None

    def get(self, clip: ClipId, now: datetime) -> Clip:
        """Raises NoSuchClipError, ClipError for one that is damaged or of another site key."""
        path = self._path(clip)
        try:
            if _taken_at(path) is None or self._over(path, now):
                raise NoSuchClipError("there is no such clip here, or its time is over")
            content = path.read_bytes()
        except FileNotFoundError:
            raise NoSuchClipError("there is no such clip here, or its time is over") from None
        except OSError as error:
            raise ClipError(f"{self._folder}: {error.strerror}") from None
        start = len(_MAGIC) + 2 + int.from_bytes(content[len(_MAGIC) : len(_MAGIC) + 2])
        head, sealed = content[len(_MAGIC) + 2 : start], content[start + _NONCE_BYTES :]
        try:
            mp4 = self._cipher.decrypt(content[start : start + _NONCE_BYTES], sealed, _bound(clip, head))
            told = _Head.model_validate_json(head)
        except (ValueError, InvalidTag):
            raise ClipError(
                f"{self._path(clip).name} is damaged or was made under another site key: it can't be shown"
            ) from None
        return Clip(told.camera, told.mime, mp4)

    def tidy(self, now: datetime) -> int:
        """Remove what was kept for long enough, and what a power failure left half written; how many clips were.

        Raises ClipError, also where clips are to be kept and could not be.
        """
        with self._lock:
            if self._keep:
                self._make_folder()
            try:
                for leftover in self._folder.glob("*.part"):
                    leftover.unlink()
                self._tell_of_strange_files()
                for path in self._all():
                    if _born(path, now) is None:
                        os.utime(path, (now.timestamp(), now.timestamp()))
                over = [path for path in self._all() if self._over(path, now)]
                for path in over:
                    path.unlink()
            except OSError as error:
                raise ClipError(f"{self._folder}: {error.strerror}; clips can't be removed") from None
        return len(over)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ClipError(f"{self._folder}: {error.strerror}; the user that runs the edge must own it") from None
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise ClipError(f"{self._folder}: can't be written to; the user that runs the edge must own it")

    def _path(self, clip: ClipId) -> Path:
        return self._folder / f"{uuid.UUID(clip)}{_SUFFIX}"

    def _all(self) -> list[Path]:
        """Oldest first."""
        return sorted((path for path in self._folder.glob(f"*{_SUFFIX}") if _is_clip(path)), key=_age_order)

    def _over(self, path: Path, now: datetime) -> bool:
        return now - (_born(path, now) or now) >= self._keep

    def _tell_of_strange_files(self) -> None:
        strange = sum(not _is_clip(path) for path in self._folder.glob(f"*{_SUFFIX}"))
        if strange:
            advice = "no clips by their names: they are left alone, and nothing removes them but you"
            log.warning("clips.strange_files", files=strange, folder=str(self._folder), advice=advice)

    def _make_room(self, wanted: int) -> None:
        kept = self._all()
        sizes = {path: path.stat().st_size for path in kept}
        over = sum(sizes.values()) + wanted - self._max_bytes
        short = wanted + LEAVE_FREE_BYTES - shutil.disk_usage(self._folder).free
        for path in kept:
            if max(over, short) <= 0:
                return
            path.unlink()
            over, short = over - sizes[path], short - sizes[path]
        if short > 0:
            raise ClipError(f"{self._folder}: the disk is nearly full; clips are kept again when there is room")

    def _write(self, path: Path, content: Sequence[bytes]) -> None:
        part = path.with_suffix(".part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.writelines(content)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _bound(clip: ClipId, head: bytes) -> bytes:
    """What a clip is authenticated with: no file can stand for another."""
    return _MAGIC + clip.encode() + b"\0" + head


def _taken_at(path: Path) -> datetime | None:
    """What its id says: one of UUIDv7 begins with its time. None where it says none."""
    try:
        return datetime.fromtimestamp((uuid.UUID(path.stem).int >> 80) / 1000, UTC)
    except (ValueError, OverflowError):
        return None


def _is_clip(path: Path) -> bool:
    return _taken_at(path) is not None and path.is_file()


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _born(path: Path, now: datetime) -> datetime | None:
    """Since when ``path`` is kept; None where every time it bears is yet to come: a clock ran ahead when it was made.

    Such a clip is given the time at which that is noticed (`ClipStore.tidy`). It is not removed at once: it may be this
    clock that is behind, as after a start without network. Then the time in its id counts again once the clock is set.
    """
    bounds = (_taken_at(path), _written_at(path))
    return next((at for at in bounds if at is not None and at <= now + _AHEAD), None)


def _age_order(path: Path) -> tuple[datetime, str]:
    written = _written_at(path)
    return min(written, _taken_at(path) or written), path.name
