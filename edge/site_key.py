"""Where an edge's site key comes from: a file, the system's keystore, or a credential that systemd hands over.

A key is made in a file or the keystore at the first start. Where a key is known to lie elsewhere, none is ever made:
templates encrypted under the other would be lost without a word.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keyring
import structlog
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringError

from core.contract.ids import EdgeId
from edge.key_file import KEY_BYTES, KeyFileError, decode_key, encode_key, read_key, write_once

log = structlog.get_logger()

SiteKeySource = Literal["file", "keystore", "credential"]
SERVICE = "anju"
"""The keystore's entry has this service and the edge's id as its user."""
CREDENTIAL = "anju-site-key"
KEYSTORE_TIMEOUT_S = 30.0
_FILE = "site.key"
_ELSEWHERE = "site.key.is-in"
"""Says that the key lies elsewhere, and where; holds no secret."""
_ANEW = f"; or, to start anew and have the lists sent again, remove {_ELSEWHERE} and lists.db"


def load_or_create_site_key(directory: Path, edge: EdgeId, source: SiteKeySource) -> bytes:
    """The site key of ``edge``, 32 bytes. Raises KeyFileError, OSError."""
    match source:
        case "file":
            return _from_file(directory)
        case "keystore":
            key = _from_keystore(directory, edge)
        case "credential":
            key = _from_credential()
    _compare_with_file(directory / _FILE, key, source)
    _remember(directory / _ELSEWHERE, source)
    return key


def _from_file(directory: Path) -> bytes:
    path, elsewhere = directory / _FILE, directory / _ELSEWHERE
    if not path.exists():
        if elsewhere.exists():
            where = elsewhere.read_text(encoding="ascii", errors="replace").strip()
            raise KeyFileError(
                f"{path} is not there: this edge's site key is in the {where}; set the edge's site_key to '{where}' "
                f"again, or write that key into this file (chmod 600){_ANEW}"
            )
        write_once(path, encode_key(secrets.token_bytes(KEY_BYTES)).encode() + b"\n")
    key = read_key(path)
    elsewhere.unlink(missing_ok=True)
    return key


def _from_keystore(directory: Path, edge: EdgeId) -> bytes:
    backend = _keystore()
    text = _ask(lambda: backend.get_password(SERVICE, edge))
    if text is None:
        if (directory / _FILE).exists():
            raise KeyFileError(
                f"the keystore holds no site key for {edge}, and {directory / _FILE} exists: give the keystore the "
                f"line in that file (keyring set {SERVICE} {edge}), then remove the file; or set the edge's site_key "
                "to 'file'"
            )
        if (directory / _ELSEWHERE).exists():
            raise KeyFileError(
                f"the keystore holds no site key for {edge} any more: put it back (keyring set {SERVICE} {edge}){_ANEW}"
            )
        made = encode_key(secrets.token_bytes(KEY_BYTES))
        _ask(lambda: backend.set_password(SERVICE, edge, made))
        text = _ask(lambda: backend.get_password(SERVICE, edge))
    key = decode_key((text or "").encode())
    if key is None:
        raise KeyFileError(
            f"what the keystore holds for {edge} is not a key of {KEY_BYTES} bytes in base64: put the right one there "
            f"(keyring set {SERVICE} {edge}){_ANEW}"
        )
    return key


def _from_credential() -> bytes:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise KeyFileError(
            f"no credentials were handed over: start the edge by systemd with LoadCredentialEncrypted={CREDENTIAL}"
        )
    path = Path(folder) / CREDENTIAL
    if not path.exists():
        raise KeyFileError(f"{path}: not there; add LoadCredentialEncrypted={CREDENTIAL} to the edge's unit")
    try:
        key = decode_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the unit's user must be able to read it") from None
    if key is None:
        raise KeyFileError(
            f"{path}: not a key of {KEY_BYTES} bytes in base64; encrypt the right one with systemd-creds"
        )
    return key


def _compare_with_file(path: Path, key: bytes, source: SiteKeySource) -> None:
    if not path.exists():
        return
    if not secrets.compare_digest(read_key(path), key):
        raise KeyFileError(
            f"{path} holds another key than the {source}: keep the one that lists.db was encrypted under, and remove "
            "the other"
        )
    log.warning("keys.site_key_also_in_file", path=str(path), hint="remove the file")


def _remember(elsewhere: Path, source: SiteKeySource) -> None:
    if elsewhere.exists() and elsewhere.read_bytes().strip() == source.encode():
        return
    elsewhere.unlink(missing_ok=True)
    write_once(elsewhere, source.encode() + b"\n")


def _keystore() -> KeyringBackend:
    """The system's keystore, if there is one that keeps secrets secret. Raises KeyFileError."""
    backend = keyring.get_keyring()
    parts = type(backend).backends if isinstance(backend, ChainerBackend) else [backend]
    for part in parts:
        if part.priority < 1:  # keyring's own mark for backends that keep nothing, or keep it readable
            kind = f"{type(part).__module__}.{type(part).__qualname__}"
            raise KeyFileError(
                f"this system has no keystore to keep a site key in ({kind} is none): install one, or set the edge's "
                "site_key to 'file' or 'credential'"
            )
    return backend


def _ask(question: Callable[[], str | None]) -> str | None:
    """The keystore's answer, not waited for longer than a start may take. Raises KeyFileError."""
    answers: list[str | None] = []
    failures: list[KeyringError] = []

    def ask() -> None:
        try:
            answers.append(question())
        except KeyringError as error:
            failures.append(error)

    asking = threading.Thread(target=ask, name="keystore", daemon=True)
    asking.start()
    asking.join(KEYSTORE_TIMEOUT_S)
    if answers:
        return answers[0]
    waited = f"waited {KEYSTORE_TIMEOUT_S:.0f} s" if asking.is_alive() else "it failed"
    why = type(failures[0]).__name__ if failures else waited
    raise KeyFileError(
        f"the keystore does not answer ({why}): unlock it for the user that runs the edge, or set the edge's site_key "
        "to 'file' or 'credential'"
    )
