"""What an edge says of bodies, doors and places: that something happened, and how many there were. Never who."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from core.contract.base import Instant, Message
from core.contract.ids import CameraId, CheckpointId, HappeningId, PlaceId
from core.contract.vocabulary import BodyKind

MAX_COUNTED_PLACES = 200
Number = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""Whole seconds: sums of them do not depend on the order they come in."""


class Happening(StrEnum):
    """What can happen at a door or a place. Following somebody in is a passage of its own (``Reason.FOLLOWED``)."""

    WRONG_WAY = "wrong_way"  # against the direction of a one-way line
    DOOR_HELD = "door_held"  # open for longer than it takes to go through
    DOOR_FORCED = "door_forced"  # opened without a credential, a guard or the exit button
    VEHICLE_STANDING = "vehicle_standing"  # in a fire lane, for longer than is allowed


class Phase(StrEnum):
    AT_ONCE = "at_once"  # began and ended in the same moment
    BEGAN = "began"
    ENDED = "ended"


_LASTING = frozenset({Happening.DOOR_HELD, Happening.VEHICLE_STANDING})
_AT_DOORS = frozenset({Happening.DOOR_HELD, Happening.DOOR_FORCED})


class HappeningV1(Message):
    """Something happened at a checkpoint's door or at a place of a camera's picture. What lasts is told twice.

    happening_id: the same when it ends as when it began. occurred_at: when it began; ended_at: only once it has ended.
    """

    happening_id: HappeningId
    what: Happening
    phase: Phase
    occurred_at: Instant
    ended_at: Instant | None = None
    camera: CameraId
    checkpoint: CheckpointId | None = None
    place: PlaceId | None = None
    body: BodyKind | None = None

    @model_validator(mode="after")
    def _says_where_and_when(self) -> Self:
        if self.what in _AT_DOORS and self.checkpoint is None:
            raise ValueError("a door's happening names its checkpoint")
        if self.what not in _AT_DOORS and self.place is None:
            raise ValueError("a happening at a place names it")
        if (self.phase is Phase.AT_ONCE) == (self.what in _LASTING):
            raise ValueError("what lasts begins and ends; the rest happens at once")
        if (self.phase is Phase.ENDED) != (self.ended_at is not None):
            raise ValueError("ended_at belongs to what has ended")
        if self.ended_at is not None and self.ended_at < self.occurred_at:
            raise ValueError("nothing ends before it begins")
        return self


class LineCount(Message):
    """Bodies of one kind over one line, forward and backward."""

    place: PlaceId
    body: BodyKind
    forward: Number
    backward: Number


class ZoneCount(Message):
    """Bodies of one kind in one zone: seconds of all of them together, most at once, stays that became long."""

    place: PlaceId
    body: BodyKind
    body_s: Seconds
    most_at_once: Number
    long_stays: Number


class CountsV1(Message):
    """How many there were at one camera's lines and in its zones during an interval. Nothing where nobody came."""

    camera: CameraId
    since: Instant
    until: Instant
    lines: Annotated[tuple[LineCount, ...], Field(max_length=MAX_COUNTED_PLACES)] = ()
    zones: Annotated[tuple[ZoneCount, ...], Field(max_length=MAX_COUNTED_PLACES)] = ()

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        if self.until <= self.since:
            raise ValueError("an interval ends after it begins")
        return self
