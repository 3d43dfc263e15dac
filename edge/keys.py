"""An edge's own secrets: made on it at first start, never leaving it, in files that only their owner can read.

``edge.key``: X25519 private key; lists and templates are sealed to its public half.
``edge-signing.key``: Ed25519 private key; receipts signed with it prove what was erased here.
``site.key``: AES-256 key under which the edge keeps templates at rest. Lose it and the templates are gone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.contract.ids import EdgeId
from core.contract.sealing import edge_fingerprint

KEY_BYTES = 32
_EDGE_KEY = "edge.key"
_SIGNING_KEY = "edge-signing.key"
_SITE_KEY = "site.key"


class KeyFileError(RuntimeError):
    """A key file can't be used; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class EdgeKeys:
    """private: opens what was sealed to this edge; signing: signs what it says it holds.

    site_key: 32 bytes, the root of what protects lists at rest.
    """

    private: X25519PrivateKey = field(repr=False)
    site_key: bytes = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)

    def derive(self, purpose: bytes) -> bytes:
        """A 32-byte key for ``purpose`` alone (HKDF-SHA256 of the site key)."""
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(self.site_key)

    @property
    def fingerprint(self) -> str:
        """What the administrator compares before approving this edge: of both public keys."""
        return edge_fingerprint(self.private.public_key(), self.signing.public_key())


def edge_dir(state_dir: Path, edge: EdgeId) -> Path:
    """Where this edge keeps its keys and databases."""
    return state_dir / f"edge-{edge}"


def load_or_create(state_dir: Path, edge: EdgeId) -> EdgeKeys:
    """The keys of ``edge``, made if this is its first start.

    Raises KeyFileError when a file is readable by others, is damaged, or can't be read or written.
    """
    directory = edge_dir(state_dir, edge)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = _secret(directory / _EDGE_KEY, lambda: X25519PrivateKey.generate().private_bytes_raw())
        signing = _secret(directory / _SIGNING_KEY, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
        site_key = _secret(directory / _SITE_KEY, lambda: secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}; the user that runs the edge must own this folder") from None
    return EdgeKeys(
        X25519PrivateKey.from_private_bytes(private), site_key, Ed25519PrivateKey.from_private_bytes(signing)
    )


def _secret(path: Path, generate: Callable[[], bytes]) -> bytes:
    if not path.exists():
        _write_once(path, base64.b64encode(generate()) + b"\n")
    return _read(path)


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others may read or change it (mode {mode:04o}); run: chmod 600 {path}")
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(
            f"{path}: not a key of {KEY_BYTES} bytes in base64; put it back from a backup, or remove it to start anew "
            "(new edge keys must be approved in the core; a new site.key needs the lists sent again)"
        )
    return key


def _write_once(path: Path, content: bytes) -> None:
    """Write ``path`` whole and durably, or not at all; another process's file of the same name wins."""
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
