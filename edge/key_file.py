"""Keys in files: 32 bytes in base64 that only their owner can read, written whole or not at all."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
import tempfile
from pathlib import Path

KEY_BYTES = 32


class KeyFileError(RuntimeError):
    """A key can't be used; the text says which, why, and what to do."""


def read_key(path: Path) -> bytes:
    """The 32 bytes in ``path``. Raises KeyFileError, OSError."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others may read or change it (mode {mode:04o}); run: chmod 600 {path}")
    key = decode_key(path.read_bytes())
    if key is None:
        raise KeyFileError(
            f"{path}: not a key of {KEY_BYTES} bytes in base64; put it back from a backup, or remove it to start anew "
            "(new edge keys must be approved in the core; a new site.key needs the lists sent again)"
        )
    return key


def decode_key(text: bytes) -> bytes | None:
    """The 32 bytes that ``text`` spells in base64, or None."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None


def encode_key(key: bytes) -> str:
    return base64.b64encode(key).decode()


def write_once(path: Path, content: bytes) -> None:
    """Write ``path`` whole and durably, or not at all; another process's file of the same name wins. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
