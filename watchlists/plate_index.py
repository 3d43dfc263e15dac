"""Is this plate on a list? Exactly, in one dictionary look-up; or only alike, which is a question for a guard.

No plate is held as text: the index knows keyed digests of the plate and of its OCR-folded form.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.contract.ids import VehicleKey
from core.contract.plates import PROVINCES, normalise
from watchlists.errors import MatchingError

MIN_KEY_BYTES = 32
_EXACT = b"anju/plate/exact/v1\0"
_FOLDED = b"anju/plate/folded/v1\0"

# Characters that plate readers take for one another. 0/D/O/Q, 8/B, 1/I/7, 2/Z and 5/S are the usual ones; M/N and U/J
# were measured on the reader we ship. Q/9 was too, but through Q it would make 9 equal to 0.
_CHARACTER_CLASSES = ("0DOQ", "8B", "1I7", "2Z", "5S", "MN", "UJ")
# First position only, from the closed set of provinces: the mix-ups measured on the reader we ship.
_PROVINCE_CLASSES = ("藏赣京", "渝浙", "青贵", "甘津", "琼皖")
_FOLD = {character: group[0] for group in _CHARACTER_CLASSES for character in group}
_FOLD_PROVINCE = {character: group[0] for group in _PROVINCE_CLASSES for character in group}


def fold(text: str) -> str:
    """``text`` (normalised) with every character replaced by the first of those it is mistaken for, by position."""
    if text[:1] in PROVINCES:
        return _FOLD_PROVINCE.get(text[:1], text[:1]) + "".join(_FOLD.get(one, one) for one in text[1:])
    return "".join(_FOLD.get(one, one) for one in text)


@dataclass(frozen=True, slots=True)
class PlateDigest:
    """HMAC-SHA256 of a plate and of its folded form, 32 bytes each: equal or not is all they tell without the key."""

    exact: bytes
    folded: bytes


class PlateHasher:
    """Makes digests with the site's plate key; digests of two sites can't be compared."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise MatchingError(f"a plate key needs {MIN_KEY_BYTES} bytes, not {len(key)}")
        self._exact = hmac.new(key, _EXACT, hashlib.sha256)
        self._folded = hmac.new(key, _FOLDED, hashlib.sha256)

    def digest(self, plate: str) -> PlateDigest:
        """Digest of ``plate`` as anybody may write it: width, case and separators don't matter."""
        text = normalise(plate)
        exact, folded = self._exact.copy(), self._folded.copy()
        exact.update(text.encode())
        folded.update(fold(text).encode())
        return PlateDigest(exact.digest(), folded.digest())


@dataclass(frozen=True, slots=True)
class ExactPlate:
    """The very plate is listed: these vehicles bear it (more than one only while a registration is being replaced)."""

    vehicles: tuple[VehicleKey, ...]


@dataclass(frozen=True, slots=True)
class LooksLike:
    """Not listed, but a reader could have misread one of these. For a guard's eyes; it never opens anything."""

    vehicles: tuple[VehicleKey, ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    digests: Mapping[VehicleKey, PlateDigest]
    exact: Mapping[bytes, tuple[VehicleKey, ...]]
    folded: Mapping[bytes, tuple[VehicleKey, ...]]


class PlateIndex:
    """Listed plates. Thread-safe; readers never wait for writers (a change swaps in new tables)."""

    def __init__(self) -> None:
        self._writer = threading.Lock()
        self._tables = _Tables({}, {}, {})

    def __len__(self) -> int:
        return len(self._tables.digests)

    def update(self, remove: Collection[VehicleKey] = (), put: Mapping[VehicleKey, PlateDigest] | None = None) -> None:
        """Remove vehicles, then put others, as one change. A vehicle has one plate: putting it again replaces it."""
        with self._writer:
            digests = {key: digest for key, digest in self._tables.digests.items() if key not in remove}
            digests.update(put or {})
            exact: dict[bytes, tuple[VehicleKey, ...]] = {}
            folded: dict[bytes, tuple[VehicleKey, ...]] = {}
            for vehicle, digest in digests.items():
                exact[digest.exact] = (*exact.get(digest.exact, ()), vehicle)
                folded[digest.folded] = (*folded.get(digest.folded, ()), vehicle)
            self._tables = _Tables(digests, exact, folded)

    def find(self, digest: PlateDigest) -> ExactPlate | LooksLike | None:
        """Whose plate it is, else whose it resembles, else None. Two types, so that nobody takes one for the other."""
        tables = self._tables
        if vehicles := tables.exact.get(digest.exact):
            return ExactPlate(vehicles)
        if vehicles := tables.folded.get(digest.folded):
            return LooksLike(vehicles)
        return None
