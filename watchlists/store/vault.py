"""The cryptography of templates at rest: AES-256-GCM, a data key per subject and consent, keys wrapped by the page.

What is encrypted is bound to where it belongs (GCM's associated data): a template to its own id, its subject, its
consent, its model and this place; a page of keys to its number and this place. Moved elsewhere, nothing opens.

Python can't wipe a ``bytes`` object: keys and vectors stay in this process's memory until it is reused. Keep core dumps
and swap off on machines that hold templates.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.contract.ids import ModelId
from watchlists.faces.template import Float
from watchlists.store.errors import SealBrokenError

KEY_BYTES = 32
NONCE_BYTES = 12
SEAL_BYTES = NONCE_BYTES + 16
"""What encryption adds: a random nonce before, GCM's tag behind. Random nonces are safe for 2^32 rewrites of pages
(NIST SP 800-38D, 8.3): a century of a change each second."""
PAGE_KEYS = 120
"""Data keys in a page, encrypted as one: two pages fit one 8 KiB page of the database; 1 M keys open in some 30 ms."""
_CHECK = b"anju/templates/check/v1"


class Vault:
    """Wraps pages of data keys under one key, and encrypts templates under their data key."""

    def __init__(self, wrapping_key: bytes, place: str) -> None:
        """wrapping_key: 32 bytes, derived from the site key for this purpose alone; place: whose store it is, an id.

        Raises ValueError for a key of another length.
        """
        if len(wrapping_key) != KEY_BYTES:
            raise ValueError(f"a wrapping key has {KEY_BYTES} bytes")
        self._wrapping = AESGCM(wrapping_key)
        self._place = place

    def __repr__(self) -> str:
        return f"Vault(place={self._place!r})"

    def seal_page(self, page: int, keys: bytes) -> bytes:
        """A page of ``PAGE_KEYS`` data keys, encrypted under a fresh nonce."""
        return _encrypt(self._wrapping, keys, self._page_binding(page))

    def open_page(self, page: int, sealed: bytes) -> bytes:
        """The data keys of a page, one after another. Raises SealBrokenError."""
        keys = _decrypt(self._wrapping, sealed, self._page_binding(page))
        if len(keys) != PAGE_KEYS * KEY_BYTES:
            raise SealBrokenError("a page of keys of another format")
        return keys

    def seal_template(self, key: bytes, template_id: bytes, owner: bytes, model: ModelId, vector: Float) -> bytes:
        """float32 (d,) encrypted under its data key, bound to its ids (16 and 32 bytes), model and place."""
        binding = template_id + owner + self._template_binding(model)
        return _encrypt(AESGCM(key), vector.astype("<f4").tobytes(), binding)

    def open_templates(
        self,
        model: ModelId,
        dimension: int,
        *,
        keys: Iterable[bytes | None],
        template_ids: Iterable[bytes],
        owners: Iterable[bytes],
        sealed: Iterable[bytes],
    ) -> list[bytes | None]:
        """Decrypt rows given as four columns; rows of one data key should be neighbours.

        Returns each row's float32 (dimension,) as bytes, or None for one that was changed, moved, has no key, or is of
        another dimension.
        """
        context = self._template_binding(model)
        size = 4 * dimension
        opened: list[bytes | None] = []
        last: bytes | None = None
        for key, template_id, owner, one in zip(keys, template_ids, owners, sealed, strict=True):
            if key is None:
                opened.append(None)
                continue
            if key is not last:
                decrypt = AESGCM(key).decrypt
                last = key
            try:
                plain = decrypt(one[:NONCE_BYTES], one[NONCE_BYTES:], template_id + owner + context)
            except (InvalidTag, ValueError):
                opened.append(None)
                continue
            opened.append(plain if len(plain) == size else None)
        return opened

    def open_template(
        self, model: ModelId, dimension: int, *, key: bytes | None, template_id: bytes, owner: bytes, sealed: bytes
    ) -> Float | None:
        """One row as float32 (dimension,), or None as in ``open_templates``."""
        (opened,) = self.open_templates(
            model, dimension, keys=(key,), template_ids=(template_id,), owners=(owner,), sealed=(sealed,)
        )
        return None if opened is None else vectors_of([opened], dimension)[0]

    def check_value(self) -> bytes:
        """Something only this wrapping key can open, to recognise the key by at the next start."""
        return _encrypt(self._wrapping, _CHECK, self._place.encode())

    def recognises(self, check_value: bytes) -> bool:
        try:
            return _decrypt(self._wrapping, check_value, self._place.encode()) == _CHECK
        except SealBrokenError:
            return False

    def _page_binding(self, page: int) -> bytes:
        return f"anju/keys/v1|{page}|{self._place}".encode()

    def _template_binding(self, model: ModelId) -> bytes:
        return f"anju/template/v1|{self._place}|{model}".encode()


def new_data_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def vectors_of(opened: Sequence[bytes], dimension: int) -> Float:
    """float32 (n, dimension) of what ``Vault.open_templates`` gave."""
    return np.frombuffer(b"".join(opened), "<f4").astype(np.float32, copy=False).reshape(len(opened), dimension)


def _encrypt(key: AESGCM, plaintext: bytes, binding: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, binding)


def _decrypt(key: AESGCM, sealed: bytes, binding: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], binding)
    except (InvalidTag, ValueError):
        raise SealBrokenError("made with another key, for another place, or damaged") from None
