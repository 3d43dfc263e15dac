"""How a plate is kept where it may be compared but not read: keyed digests, and a ciphertext for those who may read it.

Digests answer "is it this plate" (exact) and "could a reader take one for the other" (folded), and nothing else without
the key; with another site's key the same plate has other digests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from core.contract.ids import VehicleKey
from core.contract.plates import PROVINCES, normalise

MIN_KEY_BYTES = 32
_EXACT = b"anju/plate/exact/v1\0"
_FOLDED = b"anju/plate/folded/v1\0"
_TEXT = b"anju/plate/text/v1\0"
_NONCE_BYTES = 12
_TAG_BYTES = 16
# Plates have up to 15 bytes: padded to one block of 32, all ciphertexts are equally long and don't tell the form.
_PADDING = PKCS7(256)

# Characters that plate readers take for one another. 0/D/O/Q, 8/B, 1/I/7, 2/Z and 5/S are the usual ones; M/N and U/J
# were measured on the reader we ship. Q/9 was too, but through Q it would make 9 equal to 0.
_CHARACTER_CLASSES = ("0DOQ", "8B", "1I7", "2Z", "5S", "MN", "UJ")
# First position only, from the closed set of provinces: the mix-ups measured on the reader we ship.
_PROVINCE_CLASSES = ("藏赣京", "渝浙", "青贵", "甘津", "琼皖")
_FOLD = str.maketrans({character: group[0] for group in _CHARACTER_CLASSES for character in group})
_FOLD_PROVINCE = {character: group[0] for group in _PROVINCE_CLASSES for character in group}
_NEVER_ISSUED = "IO"


def _others(groups: tuple[str, ...]) -> dict[str, str]:
    return {
        character: "".join(one for one in group if one != character and one not in _NEVER_ISSUED)
        for group in groups
        for character in group
    }


_MISREADS = _others(_CHARACTER_CLASSES)
_PROVINCE_MISREADS = _others(_PROVINCE_CLASSES)


class PlateKeyError(ValueError):
    """A key is too short to protect plates; the text says how long it must be."""


class PlateCipherError(ValueError):
    """A plate's ciphertext can't be opened: made under another key, for another vehicle, or damaged."""


def fold(text: str) -> str:
    """``text`` (normalised) with every character replaced by the first of those it is mistaken for, by position."""
    if text[:1] in PROVINCES:
        return _FOLD_PROVINCE.get(text[:1], text[:1]) + text[1:].translate(_FOLD)
    return text.translate(_FOLD)


def misreads(text: str) -> Iterator[tuple[int, str]]:
    """Position, and the characters that a reader may have taken for the one there, where there are any.

    Those of ``text`` (normalised) with the same `fold`, I and O left out, which no plate has.
    """
    for position, character in enumerate(text):
        of_province = position == 0 and character in PROVINCES
        others = (_PROVINCE_MISREADS if of_province else _MISREADS).get(character)
        if others:
            yield position, others


@dataclass(frozen=True, slots=True)
class PlateDigest:
    """HMAC-SHA256 of a plate and of its folded form, 32 bytes each: equal or not is all they tell without the key."""

    exact: bytes
    folded: bytes


class PlateHasher:
    """Makes digests with the site's plate key; digests of two sites can't be compared. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        """key: at least 32 bytes. Raises PlateKeyError."""
        self._exact = HMAC(_checked(key), SHA256())
        self._exact.update(_EXACT)
        self._folded = HMAC(key, SHA256())
        self._folded.update(_FOLDED)

    def digest(self, plate: str) -> PlateDigest:
        """Digest of ``plate`` as anybody may write it: width, case and separators don't matter.

        Raises PlateTooLongError.
        """
        text = normalise(plate)
        return PlateDigest(self.exact(text), self.folded(text))

    def exact(self, text: str) -> bytes:
        """The exact half of the digest of ``text``, which is normalised."""
        mac = self._exact.copy()
        mac.update(_bytes(text))
        return mac.finalize()

    def folded(self, text: str) -> bytes:
        """The folded half of the digest of ``text``, which is normalised."""
        mac = self._folded.copy()
        mac.update(_bytes(fold(text)))
        return mac.finalize()


class PlateCipher:
    """Keeps the text of plates readable for those who hold the key, each bound to its vehicle. Thread-safe.

    AES-256-GCM under a key of its own (HKDF-SHA256), so the key may be the one of `PlateHasher`.
    """

    def __init__(self, key: bytes) -> None:
        """key: at least 32 bytes. Raises PlateKeyError."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_TEXT).derive(_checked(key))
        self._aead = AESGCM(derived)

    def seal(self, vehicle: VehicleKey, text: str) -> bytes:
        """Nonce, ciphertext and tag of ``text``, normalised: 60 bytes for any plate. Raises PlateTooLongError."""
        padder = _PADDING.padder()
        padded = padder.update(_bytes(normalise(text))) + padder.finalize()
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, padded, _bound_to(vehicle))

    def open(self, vehicle: VehicleKey, sealed: bytes) -> str:
        """The normalised plate of ``vehicle``. Raises PlateCipherError."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        if len(ciphertext) < _TAG_BYTES:
            raise PlateCipherError(f"{len(sealed)} bytes are no sealed plate: it was cut off; enter the plate again")
        try:
            padded = self._aead.decrypt(nonce, ciphertext, _bound_to(vehicle))
        except InvalidTag:
            raise PlateCipherError(
                "the plate was sealed under another key or for another vehicle, or is damaged: "
                "put the key it was sealed with back, or enter the plate again"
            ) from None
        unpadder = _PADDING.unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode(errors="surrogatepass")


def _checked(key: bytes) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise PlateKeyError(f"a plate key needs {MIN_KEY_BYTES} bytes, not {len(key)}")
    return key


def _bytes(text: str) -> bytes:
    # A text from outside may hold half a surrogate pair: that is no plate, and no reason to fail either.
    return text.encode("utf-8", "surrogatepass")


def _bound_to(vehicle: VehicleKey) -> bytes:
    return _TEXT + vehicle.encode()
