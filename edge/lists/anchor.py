"""A small file beside the lists that notices when an older copy of them was put back.

After each change the anchor says which database it belongs to and how many changes that had taken. Lists that are
behind their anchor were restored from a backup: erasures may be missing from them, so nobody is searched for in them
until the core has said what they have to hold.

What it can't notice: both files put back together, or the anchor's change undone with the lists'. Then the lists look
like those of an edge that was switched off meanwhile: faces stay off once the last roll in them is 24 hours old, and
the first roll after the edge is connected again shows what is missing. A backup of an edge should leave the anchor out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from core.contract.base import Instant, Message

SUFFIX = ".anchor"


class AnchorMark(Message):
    """database: random id of the file; changes: how often lists were written to it; contact: time of the last roll."""

    database: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    changes: Annotated[int, Field(ge=0)]
    contact: Instant | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """The file at ``path``."""

    path: Path

    def read(self) -> AnchorMark | None:
        """What stands in it; None when it is missing or damaged."""
        try:
            return AnchorMark.model_validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, mark: AnchorMark) -> None:
        """Put ``mark`` in its place, durably. Raises OSError, and then the old mark stands."""
        beside = self.path.with_name(f"{self.path.name}.new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(mark.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_older(mark: AnchorMark | None, database: str, changes: int) -> bool:
    """Whether lists with this id and number of changes are not those, or older than those, that ``mark`` stands for."""
    return mark is None or mark.database != database or changes < mark.changes
