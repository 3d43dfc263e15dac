"""Plates of listed vehicles: found by keyed digest, read only with the estate's plate key."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.ids import VehicleKey
from core.contract.plate_digest import PlateCipher, PlateHasher
from core.errors import CoreError
from core.storage.schema import VehicleRow

_SEALED_AT_ONCE = 500


class PlateUnreadableError(CoreError):
    """A vehicle's plate can't be read; the text says what to do."""


class PlateKeeper:
    """Seals plates into rows and reads them out again. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        """key: 32 bytes; ``core.people.plate_key.open_plates`` finds the right one."""
        self._hasher = PlateHasher(key)
        self._cipher = PlateCipher(key)

    def exact(self, text: str) -> bytes:
        """What a plate (normalised) is found by."""
        return self._hasher.exact(text)

    def keep(self, row: VehicleRow, text: str) -> None:
        """Put ``text`` (normalised) into ``row``, sealed; the row's key must be set."""
        digest = self._hasher.digest(text)
        row.plate, row.plate_exact, row.plate_folded = None, digest.exact, digest.folded
        row.plate_sealed = self._cipher.seal(VehicleKey(row.key), text)

    def read(self, row: VehicleRow) -> str:
        """The plate in ``row``. Raises PlateUnreadableError."""
        if row.plate is not None:
            return row.plate
        if row.plate_sealed is None:
            raise PlateUnreadableError(f"vehicle {row.key} has no plate; enter it again")
        try:
            return self._cipher.open(VehicleKey(row.key), row.plate_sealed)
        except ValueError as error:
            raise PlateUnreadableError(f"vehicle {row.key}: {error}") from None


def do_seal_plates(db: Session, plates: PlateKeeper) -> int:
    """Seal the plates of rows from before plates were sealed; how many there were. Run at every start."""
    sealed = 0
    while rows := db.scalars(select(VehicleRow).where(VehicleRow.plate.is_not(None)).limit(_SEALED_AT_ONCE)).all():
        for row in rows:
            plates.keep(row, plates.read(row))
        db.flush()
        sealed += len(rows)
    return sealed
