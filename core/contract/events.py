"""Events an edge publishes. Each is born once, with its id, and never changes afterwards."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.contract.base import Instant, Message, UnitInterval
from core.contract.events_cameras import CameraConditionV1, CameraHealth
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import (
    CameraId,
    CheckpointId,
    ConsentId,
    EdgeId,
    ModelId,
    PassageId,
    PassId,
    PictureId,
    SightingId,
    SubjectKey,
    TemplateId,
    UuidText,
    VehicleKey,
)
from core.contract.vocabulary import (
    Credential,
    Direction,
    GateState,
    PlateColour,
    Presentation,
    Reason,
    Verdict,
)

MAX_STEP_MS = 3_600_000.0
"""The longest a step is said to take. Whoever measured more says this: no passage is lost for a slow machine."""
Milliseconds = Annotated[float, Field(ge=0.0, le=MAX_STEP_MS)]
PlateText = Annotated[str, Field(min_length=1, max_length=16)]
MAX_PICTURE_BYTES = 400_000
MAX_EVENT_BYTES = 1_000_000
"""An event's wire form never exceeds this; a larger message is refused unread."""


class StepTimes(Message):
    """How long each step of a decision took, milliseconds.

    ``capture``: packet received to picture ready; ``detect``, ``embed``, ``match``, ``read``: sums of the calls made
    for this passage; ``decision``: the deciding frame's packet received to the gate command sent.
    """

    capture: Milliseconds | None = None
    detect: Milliseconds | None = None
    embed: Milliseconds | None = None
    match: Milliseconds | None = None
    read: Milliseconds | None = None
    decision: Milliseconds | None = None


class PlateReading(Message):
    """A plate as read over one visit. ``confidence`` is the lowest character's, not the mean."""

    text: PlateText
    colour: PlateColour
    confidence: UnitInterval
    reads: Annotated[int, Field(ge=1)]


class PassageV1(Message):
    """Somebody or something asked to pass a checkpoint, or passed it.

    Carries no score and no face: ``subject`` only where a consenting person was recognised or showed a pass.
    """

    passage_id: PassageId
    checkpoint: CheckpointId
    camera: CameraId
    occurred_at: Instant
    direction: Direction
    credential: Credential
    verdict: Verdict
    reason: Reason
    passed: bool
    """True where somebody was seen going through, or the gate was commanded open."""
    subject: SubjectKey | None = None
    template_id: TemplateId | None = None
    """Which of the subject's templates matched, so that one that keeps matching wrongly can be suspended."""
    vehicle: VehicleKey | None = None
    pass_id: PassId | None = None
    plate: PlateReading | None = None
    picture: PictureId | None = None
    gate_opened: bool = False
    presentation: Presentation | None = None
    """Whether the face shown was looked at for being a picture of one, and the answer; None where none was shown."""
    times: StepTimes = StepTimes()


class PictureV1(Message):
    """A picture that belongs to a passage: every face in it is blurred, JPEG, base64."""

    picture_id: PictureId
    passage_id: PassageId
    checkpoint: CheckpointId
    taken_at: Instant
    width_px: Annotated[int, Field(ge=1, le=4096)]
    height_px: Annotated[int, Field(ge=1, le=4096)]
    faces_blurred: Annotated[int, Field(ge=0)]
    jpeg_base64: Annotated[str, Field(max_length=MAX_PICTURE_BYTES * 4 // 3 + 4)]


class SealedFor(Message):
    """One template, sealed to one edge's key (HPKE); nobody else can read it, the core included."""

    edge: EdgeId
    key_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    sealed_base64: Annotated[str, Field(max_length=16_384)]


class TemplateSealedV1(Message):
    """An enrolment succeeded at an edge, or an edge sealed its copy again for edges that were added later.

    The template as ciphertext, for each edge that needs it. quality: None where a copy was sealed again: only the edge
    that saw the portrait knows.
    """

    template_id: TemplateId
    subject: SubjectKey
    consent: ConsentId
    model: ModelId
    quality: UnitInterval | None = None
    sealed: Annotated[tuple[SealedFor, ...], Field(min_length=1, max_length=64)]


class SightingV1(Message):
    """Somebody sought in an open case (a missing person, a controlled vehicle) was at a checkpoint: for the case only.

    Just one of ``subject`` and ``vehicle`` is set. The gate did what it would have done for anybody.
    """

    sighting_id: SightingId
    checkpoint: CheckpointId
    occurred_at: Instant
    subject: SubjectKey | None = None
    vehicle: VehicleKey | None = None

    @model_validator(mode="after")
    def _of_one_case(self) -> Self:
        if (self.subject is None) == (self.vehicle is None):
            raise ValueError("a sighting is of a subject or of a vehicle")
        return self


class OutboxDroppedV1(Message):
    """The outbox was full and events were dropped, oldest and least important first."""

    kinds: dict[Annotated[str, Field(max_length=64)], Annotated[int, Field(ge=1)]]


class EventAckV1(Message):
    """The core has committed every event of ``epoch`` up to and including ``sequence``."""

    edge: EdgeId
    epoch: Annotated[str, Field(min_length=8, max_length=64)]
    sequence: Annotated[int, Field(ge=0)]


class EdgeStateV1(Message):
    """How an edge is, every 10 s, retained: nothing personal in it."""

    edge: EdgeId
    at: Instant
    started_at: Instant
    key_base64: Annotated[str, Field(max_length=64)]
    """X25519 public key of the edge, 32 bytes; templates and lists are sealed to it once approved."""
    signing_key_base64: Annotated[str, Field(max_length=64)] | None = None
    """Ed25519 public key of the edge, 32 bytes; its receipts prove something once approved together with the other."""
    enrol_url: Annotated[str, Field(max_length=200)] | None = None
    steady_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds since the edge's machine was switched on, which nobody can set: tell the core how long it was off."""
    boot_id: UuidText | None = None
    """A random name of that start: after another one, or on the core's own machine, those seconds tell nothing."""
    list_version: Annotated[int, Field(ge=0)]
    outbox_rows: Annotated[int, Field(ge=0)]
    outbox_oldest_s: Annotated[float, Field(ge=0)] = 0.0
    counters: dict[str, int] = Field(default_factory=dict)
    cameras: tuple[CameraHealth, ...] = ()


class CheckpointStateV1(Message):
    checkpoint: CheckpointId
    gate: GateState
    since: Instant
    held_open: bool = False


class AlertRaisedV1(Message):
    """For other systems on the broker: that there is an alert, never who."""

    alert_id: str
    rule: str
    severity: str
    checkpoint: CheckpointId | None
    raised_at: Instant


EVENT_TYPES: dict[str, type[Message]] = {
    "anju.passage.v1": PassageV1,
    "anju.picture.v1": PictureV1,
    "anju.template.sealed.v1": TemplateSealedV1,
    "anju.sighting.v1": SightingV1,
    "anju.camera.condition.v1": CameraConditionV1,
    "anju.outbox.dropped.v1": OutboxDroppedV1,
    "anju.happening.v1": HappeningV1,
    "anju.counts.v1": CountsV1,
}
"""CloudEvents ``type`` of everything that leaves an edge's outbox."""

EventType = Literal[
    "anju.passage.v1",
    "anju.picture.v1",
    "anju.template.sealed.v1",
    "anju.sighting.v1",
    "anju.camera.condition.v1",
    "anju.outbox.dropped.v1",
    "anju.happening.v1",
    "anju.counts.v1",
]
