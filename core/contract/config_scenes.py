"""What is watched besides gates: lines that are counted at, ways with one direction, fire lanes, zones, door contacts.

Nothing here knows anybody: bodies are counted within one camera's picture and one visit, and are then forgotten.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.contract.base import Message
from core.contract.config_shapes import Line, Name, Polygon
from core.contract.ids import CameraId, CheckpointId, PlaceId, SensorId, Slug
from core.contract.vocabulary import BodyKind, Ring

Kinds = Annotated[tuple[BodyKind, ...], Field(min_length=1, max_length=3)]
MinHeight = Annotated[float, Field(ge=0.02, le=1.0)]
"""Fraction of the picture's height that a body has to have; what is smaller is too far away to be counted."""
EVERY_KIND: tuple[BodyKind, ...] = tuple(BodyKind)


class DoorContact(Message):
    """The contact that tells whether a door is open, and the button that opens it from inside."""

    sensor: SensorId
    """Says ``open`` or ``closed`` on its topic, see docs/scenes.md."""
    exit_button: SensorId | None = None
    """A press of it, told when it happens, is somebody going out; see docs/scenes.md."""
    held_grace_s: Annotated[float, Field(ge=1, le=600)] = 20.0
    """Open for the gate's hold time and this much longer: the door is held."""


class _Place(Message):
    id: PlaceId
    name: Name
    camera: CameraId
    min_height: MinHeight = 0.06


class CountingLine(_Place):
    """A line across a way: bodies over it are counted, each direction for itself. What counts is where feet stand."""

    line: Line
    forward: Name = Name(zh="进", en="in")
    backward: Name = Name(zh="出", en="out")
    kinds: Kinds = EVERY_KIND
    ring: Ring | None = None
    grid: Slug | None = None


class OneWayLine(_Place):
    """A line that may be crossed forward only; whoever goes back over it goes the wrong way."""

    line: Line
    kinds: Kinds = (BodyKind.VEHICLE, BodyKind.TWO_WHEELER)
    checkpoint: CheckpointId | None = None
    """The lane or door whose direction this is."""


class FireLane(_Place):
    """A way the fire brigade needs: a vehicle that comes to stand on it is told."""

    zone: Polygon
    standing_s: Annotated[float, Field(ge=10, le=86_400)] = 120.0
    """Standing for less is loading and unloading."""


class CountedZone(_Place):
    """How many are in a part of the picture and for how long, all together; never who, and never one of them."""

    zone: Polygon
    kinds: Kinds = (BodyKind.PERSON,)
    long_stay_s: Annotated[float, Field(ge=10, le=86_400)] = 600.0
    """Stays of this and more are counted apart."""
    ring: Ring | None = None
    grid: Slug | None = None


ScenePlace = CountingLine | OneWayLine | FireLane | CountedZone


class Scenes(Message):
    """Everything that is watched besides gates. Corners and points are fractions of the camera's picture."""

    counts_every_s: Annotated[int, Field(ge=60, le=3600)] = 300
    counting_lines: Annotated[tuple[CountingLine, ...], Field(max_length=10_000)] = ()
    one_way_lines: Annotated[tuple[OneWayLine, ...], Field(max_length=10_000)] = ()
    fire_lanes: Annotated[tuple[FireLane, ...], Field(max_length=10_000)] = ()
    zones: Annotated[tuple[CountedZone, ...], Field(max_length=10_000)] = ()

    @property
    def places(self) -> tuple[ScenePlace, ...]:
        return (*self.counting_lines, *self.one_way_lines, *self.fire_lanes, *self.zones)
