"""The core's keys, in files only their owner can read: the one it signs with, and the one it keeps plates under."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

PLATE_KEY_BYTES = 32
_OTHERS = 0o077


class KeyFileError(Exception):
    """A key file is missing, damaged or open to others; the text says which and what to do."""


def public_key_path(path: Path) -> Path:
    """Where the public half of the key in ``path`` lies."""
    return path.with_name(path.name + ".pub")


def load_or_create_signing_key(path: Path) -> Ed25519PrivateKey:
    """The estate's Ed25519 key in ``path``; made there (mode 0600) when there is none. Writes the public half too.

    Two processes that start together end with the same key: the file appears complete or not at all.
    """
    if not path.exists():
        _create(path, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_signing_key(path)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    beside = public_key_path(path)
    if not beside.exists() or beside.read_bytes() != public:
        draft = beside.with_name(f".{beside.name}.{os.getpid()}")
        _write(draft, public, 0o644)
        draft.replace(beside)
    return key


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """The key in ``path``. Raises KeyFileError."""
    try:
        pem = _read(path, "signing key")
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no signing key; run 'anju core init' first") from None
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path}: not an unencrypted PEM private key; restore it from your backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; restore it from your backup")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in ``path``. Raises KeyFileError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no public key; copy the core's '.pub' file here") from None
    except (OSError, ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path}: not a PEM public key; copy the core's '.pub' file again") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; copy the core's '.pub' file again")
    return key


def load_or_create_plate_key(path: Path) -> bytes:
    """The 32 bytes that listed plates are sealed and found under; made in ``path`` (mode 0600) when there is none.

    For where no plate lies under one yet: see ``core.people.plate_key``. Raises KeyFileError.
    """
    if not path.exists():
        _create(path, base64.b64encode(secrets.token_bytes(PLATE_KEY_BYTES)) + b"\n")
    return _plate_key(path)


def load_plate_key(path: Path) -> bytes | None:
    """The plate key in ``path``; None when there is none. Raises KeyFileError."""
    try:
        return _plate_key(path)
    except FileNotFoundError:
        return None


def _plate_key(path: Path) -> bytes:
    text = _read(path, "plate key")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != PLATE_KEY_BYTES:
        raise KeyFileError(
            f"{path}: not a key of {PLATE_KEY_BYTES} bytes in base64; restore it from your backup. Without one, move "
            "this file away and run 'anju people vehicle forget-plates': every listed plate has to be entered again"
        )
    return key


def _read(path: Path, what: str) -> bytes:
    """What is in ``path``, which its owner alone can read. Raises FileNotFoundError, KeyFileError."""
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(
            f"{path}: can't be read ({error.strerror}); it must belong to the user Anju runs as"
        ) from None
    if mode & _OTHERS:
        raise KeyFileError(f"{path}: others can read the {what}; run 'chmod 600' on it and consider a new key")
    return content


def _create(path: Path, content: bytes) -> None:
    """Make ``path``, mode 0600, whole or not at all; a process that was faster keeps its file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _write(draft, content, 0o600)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # a key that others were told of, or that plates lie under, must not go with the power
    finally:
        os.close(folder)


def _write(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(handle, mode)
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
