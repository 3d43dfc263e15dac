"""The cryptography of templates at rest: AES-256-GCM, a data key per subject and consent, keys wrapped by the page.

Templates that one subject has under one consent are encrypted together, a sheet for each model: opening a million is
mostly setting up keys, and so there is one to set up for all shots of a person. What is encrypted is bound to where it
belongs (GCM's associated data): a sheet to the ids of its templates in their order, its subject, its consent, its model
and this place; a page of keys to its number and this place. Moved elsewhere, nothing opens.

Python can't wipe a ``bytes`` object: keys and vectors stay in this process's memory until it is reused. Keep core dumps
and swap off on machines that hold templates.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.contract.ids import ModelId
from watchlists.store.errors import SealBrokenError
from watchlists.store.ids import ID_BYTES

KEY_BYTES = 32
NONCE_BYTES = 12
SEAL_BYTES = NONCE_BYTES + 16
"""What encryption adds: a random nonce before, GCM's tag behind. Random nonces are safe for 2^32 rewrites of pages
(NIST SP 800-38D, 8.3): a century of a change each second."""
PAGE_KEYS = 120
"""Data keys in a page, encrypted as one: four fit a page of the database; 1 M keys open in some 30 ms."""
_CHECK = b"anju/templates/check/v1"


class Vault:
    """Wraps pages of data keys under one key, and encrypts sheets of templates under their data key."""

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

    def seal_sheet(self, key: bytes, template_ids: bytes, owner: bytes, model: ModelId, vectors: bytes) -> bytes:
        """Vectors one after another, little-endian float32, all of one length, encrypted under their data key.

        Bound to the templates' ids in the same order (16 bytes each), the owner's (32 bytes), model and place.
        """
        return _encrypt(AESGCM(key), vectors, template_ids + owner + self._sheet_binding(model))

    def open_sheets(
        self,
        model: ModelId,
        vector_bytes: int | None,
        *,
        keys: Iterable[bytes | None],
        template_ids: Iterable[bytes],
        owners: Iterable[bytes],
        sealed: Iterable[bytes],
    ) -> list[bytes]:
        """What ``seal_sheet`` was given as ``vectors``, of each of the sheets given as four columns.

        Empty for one that was changed, moved, has no key, or holds vectors of another length than ``vector_bytes``,
        where that is not None.
        """
        context = self._sheet_binding(model)
        opened: list[bytes] = []
        for key, ids, owner, one in zip(keys, template_ids, owners, sealed, strict=True):
            size = len(one) - SEAL_BYTES
            if key is None or size <= 0 or (vector_bytes and size * ID_BYTES != vector_bytes * len(ids)):
                opened.append(b"")
                continue
            try:
                opened.append(AESGCM(key).decrypt(one[:NONCE_BYTES], one[NONCE_BYTES:], ids + owner + context))
            except InvalidTag:
                opened.append(b"")
        return opened

    def open_sheet(
        self, model: ModelId, *, key: bytes | None, template_ids: bytes, owner: bytes, sealed: bytes
    ) -> bytes | None:
        """One sheet, of vectors of any length, as in ``open_sheets``; None for one that doesn't open."""
        (opened,) = self.open_sheets(
            model, None, keys=(key,), template_ids=(template_ids,), owners=(owner,), sealed=(sealed,)
        )
        return opened or None

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

    def _sheet_binding(self, model: ModelId) -> bytes:
        return f"anju/templates/v2|{self._place}|{model}".encode()


def new_data_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _encrypt(key: AESGCM, plaintext: bytes, binding: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plaintext, binding)


def _decrypt(key: AESGCM, sealed: bytes, binding: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], binding)
    except (InvalidTag, ValueError):
        raise SealBrokenError("made with another key, for another place, or damaged") from None
