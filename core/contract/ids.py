"""Typed ids. A checkpoint's id is not a camera's id, and mypy says so."""

from __future__ import annotations

import secrets
import uuid
from typing import Annotated, NewType

from pydantic import StringConstraints
from uuid_utils.compat import uuid7

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""What an installer names: lower-case ASCII letters, digits and inner hyphens, at most 64, safe in a topic."""
UuidText = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
"""What Anju names: an opaque lower-case UUID that says nothing about anybody."""

EstateId = NewType("EstateId", Slug)
EdgeId = NewType("EdgeId", Slug)
CameraId = NewType("CameraId", Slug)
CheckpointId = NewType("CheckpointId", Slug)
SensorId = NewType("SensorId", Slug)
PlaceId = NewType("PlaceId", Slug)
"""A line, lane or zone in a camera's picture."""
RuleId = NewType("RuleId", Slug)
ModelId = NewType("ModelId", str)
"""Name and weights of an embedding model, ``name@first-12-hex-of-sha256``: templates of two ids never meet."""

EventId = NewType("EventId", UuidText)
PassageId = NewType("PassageId", UuidText)
PictureId = NewType("PictureId", UuidText)
SubjectKey = NewType("SubjectKey", UuidText)
ConsentId = NewType("ConsentId", UuidText)
TemplateId = NewType("TemplateId", UuidText)
VehicleKey = NewType("VehicleKey", UuidText)
PassId = NewType("PassId", UuidText)
CommandId = NewType("CommandId", UuidText)
AlertId = NewType("AlertId", UuidText)
SnapshotId = NewType("SnapshotId", UuidText)
SightingId = NewType("SightingId", UuidText)
HappeningId = NewType("HappeningId", UuidText)
ClipId = NewType("ClipId", UuidText)
"""A clip's id is that of the passage or event it shows: born at the edge, with its time in it."""


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): unique without asking anybody, and sorted by time of birth."""
    return str(uuid7())


def new_id_after(earlier: str | None) -> str:
    """A fresh UUIDv7 that sorts after ``earlier``, also where the clock was set back meanwhile."""
    made = new_id()
    if earlier is None or made > earlier:
        return made
    return id_born_at((uuid.UUID(earlier).int >> 80) + 1)


def id_born_at(ms: int) -> str:
    """A fresh UUIDv7 of just this millisecond since 1970, 0 to 2**48 - 1, whatever the clock shows: for who counts."""
    born = ms << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=born | 0b10 << 62 | secrets.randbits(62)))
