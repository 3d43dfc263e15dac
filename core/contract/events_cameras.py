"""What an edge says of its cameras: what is the matter with one, since when, and who can't work because of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.contract.base import Instant, Message
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import CameraCondition, CameraState

Advice = Annotated[str, Field(max_length=300)]
"""What is seen and what to do about it, in English; nothing personal."""


class CameraConditionV1(Message):
    """A condition of a camera began to last, became worse or better, or ended (debounced at the edge).

    since: since when it is there, or was; until: since when it no longer is, None while it lasts.
    blind: whether, after this change, nothing can be decided on the camera's pictures, for this or another reason;
    checkpoints: those that can't work because of that.
    """

    camera: CameraId
    condition: CameraCondition
    since: Instant
    until: Instant | None = None
    blind: bool
    checkpoints: Annotated[tuple[CheckpointId, ...], Field(max_length=1000)] = ()
    detail: Advice = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError("nothing ends before it begins")
        if self.checkpoints and not self.blind:
            raise ValueError("checkpoints are those that a blind camera keeps from working")
        return self


class CameraTrouble(Message):
    """A condition that lasts. blind: whether it alone keeps everybody from using the camera's pictures."""

    condition: CameraCondition
    since: Instant
    blind: bool
    detail: Advice = ""


class CameraHealth(Message):
    """late_s: how much later pictures come than the quickest did lately, where that is known.

    blind, blind_checkpoints: as in `CameraConditionV1`.
    """

    camera: CameraId
    state: CameraState
    frames_per_s: Annotated[float, Field(ge=0)] = 0.0
    last_frame_age_s: Annotated[float, Field(ge=0)] | None = None
    late_s: Annotated[float, Field(ge=0)] | None = None
    dropped_frames: Annotated[int, Field(ge=0)] = 0
    missed_passes: Annotated[int, Field(ge=0)] = 0
    corrupt_packets: Annotated[int, Field(ge=0)] = 0
    reconnects: Annotated[int, Field(ge=0)] = 0
    watching: Literal["packets", "pictures"] | None = None
    """By what the edge finds movement: the sizes of packets, or, dearer, decoded pictures; why is in ``detail``."""
    detail: Advice = ""
    conditions: Annotated[tuple[CameraTrouble, ...], Field(max_length=len(CameraCondition))] = ()
    blind: bool = False
    blind_checkpoints: Annotated[tuple[CheckpointId, ...], Field(max_length=1000)] = ()
