"""Templates at rest: AES-256-GCM, one data key per subject and consent, wrapped by a key derived from the site key.

Destroying the wrapped data key destroys every copy of what it encrypted, backups of the rows included.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.contract.ids import ConsentId, EdgeId, SubjectKey
from edge.lists.plain_template import TemplateFormatError, pack, unpack
from watchlists.face_index import Template

WRAPPING_PURPOSE = b"anju/edge/wrap/v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_CHECK = b"anju/edge/vault/check/v1"


class VaultError(ValueError):
    """Something at rest can't be opened: other key, other place, or damaged."""


class Vault:
    """Wraps data keys, and encrypts templates with them. Every ciphertext is bound to the ids it is stored under."""

    def __init__(self, wrapping_key: bytes, edge: EdgeId) -> None:
        self._wrapping = AESGCM(wrapping_key)
        self._edge = edge

    def new_data_key(self, subject: SubjectKey, consent: ConsentId) -> bytes:
        """A fresh data key, wrapped."""
        return _encrypt(self._wrapping, secrets.token_bytes(_KEY_BYTES), self._key_binding(subject, consent))

    def lock(self, template: Template, wrapped_key: bytes) -> bytes:
        """``template`` encrypted under its subject's and consent's data key."""
        key = self._unwrap(wrapped_key, template.subject, template.consent)
        return _encrypt(key, pack(template), self._template_binding(template.subject, template.consent))

    def open(self, locked: bytes, wrapped_key: bytes, subject: SubjectKey, consent: ConsentId) -> Template:
        """The template stored under ``subject`` and ``consent``. Raises VaultError."""
        key = self._unwrap(wrapped_key, subject, consent)
        try:
            template = unpack(_decrypt(key, locked, self._template_binding(subject, consent)))
        except TemplateFormatError as error:
            raise VaultError(str(error)) from None
        if (template.subject, template.consent) != (subject, consent):
            raise VaultError("a template lies under another person's ids")
        return template

    def check_value(self) -> bytes:
        """Something only this wrapping key can open, to recognise the key by at the next start."""
        return _encrypt(self._wrapping, _CHECK, self._edge.encode())

    def recognises(self, check_value: bytes) -> bool:
        try:
            return _decrypt(self._wrapping, check_value, self._edge.encode()) == _CHECK
        except VaultError:
            return False

    def _unwrap(self, wrapped_key: bytes, subject: SubjectKey, consent: ConsentId) -> AESGCM:
        return AESGCM(_decrypt(self._wrapping, wrapped_key, self._key_binding(subject, consent)))

    def _key_binding(self, subject: SubjectKey, consent: ConsentId) -> bytes:
        return f"key|{self._edge}|{subject}|{consent}".encode()

    def _template_binding(self, subject: SubjectKey, consent: ConsentId) -> bytes:
        return f"template|{self._edge}|{subject}|{consent}".encode()


def _encrypt(key: AESGCM, plaintext: bytes, binding: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, binding)


def _decrypt(key: AESGCM, blob: bytes, binding: bytes) -> bytes:
    try:
        return key.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], binding)
    except (InvalidTag, ValueError):
        raise VaultError("made with another key, for another place, or damaged") from None
