"""An edge's own secrets: made on it at first start, never leaving it, in files that only their owner can read.

``edge.key``: X25519 private key; lists and templates are sealed to its public half.
``edge-signing.key``: Ed25519 private key; receipts signed with it prove what was erased here.
``site.key``: the key that protects templates at rest, unless it is kept elsewhere (``edge.site_key``). Lose it and the
templates are gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.contract.ids import EdgeId
from core.contract.sealing import edge_fingerprint
from edge.key_file import KEY_BYTES, KeyFileError, encode_key, read_key, write_once
from edge.site_key import SiteKeySource, load_or_create_site_key

__all__ = ["EdgeKeys", "KeyFileError", "edge_dir", "load_or_create"]

_EDGE_KEY = "edge.key"
_SIGNING_KEY = "edge-signing.key"


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


def load_or_create(state_dir: Path, edge: EdgeId, site_key_source: SiteKeySource = "file") -> EdgeKeys:
    """The keys of ``edge``, made if this is its first start; the site key where the edge's configuration says.

    Raises KeyFileError when a file is readable by others, is damaged, or can't be read or written, when the keystore
    does not answer, or when the site key is known to lie elsewhere.
    """
    directory = edge_dir(state_dir, edge)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = _secret(directory / _EDGE_KEY, lambda: X25519PrivateKey.generate().private_bytes_raw())
        signing = _secret(directory / _SIGNING_KEY, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
        site_key = load_or_create_site_key(directory, edge, site_key_source)
    except OSError as error:
        raise KeyFileError(f"{directory}: {error.strerror}; the user that runs the edge must own this folder") from None
    return EdgeKeys(
        X25519PrivateKey.from_private_bytes(private), site_key, Ed25519PrivateKey.from_private_bytes(signing)
    )


def _secret(path: Path, generate: Callable[[], bytes]) -> bytes:
    if not path.exists():
        write_once(path, encode_key(generate()).encode() + b"\n")
    return read_key(path)
