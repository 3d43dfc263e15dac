"""Sealing to an edge's key: HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.

The core handles sealed templates and can open none of them.
"""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
TEMPLATE_INFO = b"anju/template/v1"
LIST_INFO = b"anju/list/v1"
FINGERPRINT_DIGITS = 32
_GROUP = 4
FINGERPRINT_PATTERN = r"^[0-9a-f]{4}(-[0-9a-f]{4}){7}$"


class SealError(ValueError):
    """A sealed message was made for another key or purpose, or was changed on the way."""


def seal(plaintext: bytes, recipient: X25519PublicKey, info: bytes) -> bytes:
    """Ciphertext that only the holder of ``recipient``'s private key can open, for the purpose ``info`` alone."""
    return _SUITE.encrypt(plaintext, recipient, info)


def unseal(sealed: bytes, key: X25519PrivateKey, info: bytes) -> bytes:
    """What was sealed. Raises SealError when it is not for this key and purpose, or not intact."""
    try:
        return _SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise SealError("sealed for another key or purpose, or damaged on the way") from error


def public_bytes(key: X25519PublicKey) -> bytes:
    """The 32 raw bytes of a public key."""
    return key.public_bytes_raw()


def parse_public_key(text: str) -> X25519PublicKey:
    """The public key in base64 ``text``. Raises ValueError when it is not 32 bytes of base64."""
    raw = base64.b64decode(text, validate=True)
    return X25519PublicKey.from_public_bytes(raw)


def fingerprint(key: X25519PublicKey) -> str:
    """16 hex digits that name a key to seal to, in messages and records. Nobody trusts a key for its name."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def edge_fingerprint(key: X25519PublicKey, signing_key: Ed25519PublicKey | None) -> str:
    """128 bits of a digest of both keys of an edge, for an administrator to compare on two screens.

    In the form of ``FINGERPRINT_PATTERN``: nobody finds other keys that show the same. An edge without a signing key
    (an older one) shows that of the key it has.
    """
    shown = key.public_bytes_raw()
    if signing_key is not None:
        shown = b"anju/edge-keys/v1\0" + shown + signing_key.public_bytes_raw()
    return _grouped(hashlib.sha256(shown).hexdigest()[:FINGERPRINT_DIGITS])


def parse_fingerprint(text: str) -> str:
    """What somebody typed of an ``edge_fingerprint``, however they grouped it, in its own form.

    Raises ValueError for anything but its 32 hex digits: with fewer of them nobody has compared it.
    """
    digits = re.sub(r"[\s:-]", "", text).lower()
    if not re.fullmatch(rf"[0-9a-f]{{{FINGERPRINT_DIGITS}}}", digits):
        raise ValueError(f"a fingerprint has {FINGERPRINT_DIGITS} hex digits, in groups of {_GROUP}")
    return _grouped(digits)


def _grouped(digits: str) -> str:
    return "-".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
