"""What an edge and its processes say to each other.

What comes up is read as if a stranger had written it: JSON against closed forms with bounded numbers and lengths,
beside it bytes whose length has to fit. Nothing in it names a template: the process is given a number for each answer,
and hands the number back; whose face it was, only the edge knows.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from core.contract.base import Instant, Message
from core.contract.events import MAX_PICTURE_BYTES, PlateReading, StepTimes
from core.contract.events_cameras import CameraHealth
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import CameraId, CheckpointId, ClipId, EdgeId, PassId, SubjectKey
from core.contract.vocabulary import Presentation, Reason
from models.types import Float, Image

Count = Annotated[int, Field(ge=0, le=2**53)]
Clock = Annotated[float, Field(ge=-1e12, le=1e12)]
"""Seconds since a stream or a machine began."""
Few = Annotated[int, Field(ge=0, le=1000)]
Name = Annotated[str, Field(max_length=160, pattern=r"^[A-Za-z0-9_.:-]+$")]
Mime = Annotated[str, Field(max_length=100, pattern=r'^video/mp4(; codecs="[A-Za-z0-9.]+")?$')]
MAX_ROWS = 16
"""Probes of one pass."""
MAX_PART = 500_000
"""Bytes of video in one frame: what somebody at a gate waits for is never behind more than that."""
MAX_CLIP = 64_000_000
"""Bytes of a clip: twice what a process keeps of a camera."""
MAX_VIEWS = 64
"""Of one process at once; an edge has a quarter of that many viewers."""
_MAX_NUMBERS = 4096
_MAX_NUMBER = 2**53
_MAX_READS = 1_000_000
_MAX_GLANCE = 1024
_FLOAT_BYTES = 4
_UNIT_WITHIN = 1e-3


class GarbageError(ValueError):
    """What a process sent is none of the messages it may send; carries none of it."""


class _Said(Message):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class _Question(_Said):
    number: Count


def _read(reading: PlateReading) -> PlateReading:
    """Raises ValueError for more reads than a visit has pictures."""
    if reading.reads > _MAX_READS:
        raise ValueError("more reads than a visit has pictures")
    return reading


def _bounded(health: CameraHealth) -> CameraHealth:
    """Raises ValueError for numbers that nobody can calculate with, and for what only the edge can say."""
    numbers = (one for one in health.model_dump().values() if isinstance(one, int | float))
    # Written so that what is no number fails.
    if not all(0 <= one <= _MAX_NUMBER for one in numbers):
        raise ValueError("a number that no camera brings about")
    if health.conditions or health.blind or health.blind_checkpoints:
        raise ValueError("what is the matter with a camera is for the edge to say")
    return health


class Identify(_Question):
    """Whose probes these are; they come beside it, float32 (rows, columns)."""

    kind: Literal["identify"] = "identify"
    checkpoint: CheckpointId
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    columns: Annotated[int, Field(ge=1, le=_MAX_NUMBERS)]


class Compare(_Question):
    """How like ``subject`` these probes are."""

    kind: Literal["compare"] = "compare"
    subject: SubjectKey
    checkpoint: CheckpointId
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    columns: Annotated[int, Field(ge=1, le=_MAX_NUMBERS)]


class MayRun(_Question):
    kind: Literal["may_run"] = "may_run"


class Revoked(_Question):
    kind: Literal["revoked"] = "revoked"
    pass_id: PassId


class Enrolled(_Question):
    kind: Literal["enrolled"] = "enrolled"
    subject: SubjectKey


class Standing(_Question):
    kind: Literal["standing"] = "standing"
    subject: SubjectKey
    checkpoint: CheckpointId


Question = Identify | Compare | MayRun | Revoked | Enrolled | Standing


class SaidMoment(_Said):
    """See `edge.evidence.Moment`; the monotonic clock is the machine's, the same in each of its processes."""

    pts_s: Clock
    received_at: Instant
    received_s: Clock


class FaceSeen(_Said):
    """answer: number of the answer that said who it is."""

    kind: Literal["face"] = "face"
    answer: Count | None
    good_shots: Few
    others_in_zone: Few
    presentation: Presentation


class PassSeen(_Said):
    """text: of the pass, to be verified again; answer: number of the answer that said how like its holder it is."""

    kind: Literal["pass"] = "pass"
    text: Annotated[str, Field(max_length=256)] | None
    answer: Count | None
    good_shots: Few
    others_in_zone: Few
    presentation: Presentation


class PlateSeen(_Said):
    kind: Literal["plate"] = "plate"
    reading: Annotated[PlateReading, AfterValidator(_read)] | None
    confidences: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(max_length=32)] = ()
    gone: bool
    alike: bool


class CrossingSeen(_Said):
    kind: Literal["crossing"] = "crossing"
    track: Count


class Observed(_Said):
    """An `edge.evidence.Observation`. picture: number of the one kept in the process; rows: 0 without probes."""

    kind: Literal["observed"] = "observed"
    checkpoint: CheckpointId
    seen: Annotated[FaceSeen | PassSeen | PlateSeen | CrossingSeen, Field(discriminator="kind")]
    first: SaidMoment
    deciding: SaidMoment
    times: StepTimes
    picture: Count | None
    rows: Annotated[int, Field(ge=0, le=MAX_ROWS)] = 0
    columns: Annotated[int, Field(ge=0, le=_MAX_NUMBERS)] = 0


class PictureMade(_Said):
    """A picture that was asked for, its faces blurred; the JPEG comes beside it, empty where there is none any more."""

    kind: Literal["picture"] = "picture"
    picture: Count
    width_px: Annotated[int, Field(ge=0, le=4096)] = 0
    height_px: Annotated[int, Field(ge=0, le=4096)] = 0
    faces_blurred: Few = 0


class Glanced(_Said):
    """An `edge.capture.glance.Glance`; its brightness comes beside it, uint8 (height, width)."""

    kind: Literal["glance"] = "glance"
    camera: CameraId
    at_s: Clock
    at: Instant
    camera_clock: Instant | None = None
    width: Annotated[int, Field(ge=1, le=_MAX_GLANCE)]
    height: Annotated[int, Field(ge=1, le=_MAX_GLANCE)]


class SceneTold(_Said):
    kind: Literal["scene"] = "scene"
    happening: HappeningV1 | None = None
    counts: CountsV1 | None = None
    occurred_at: Instant


class ViewPart(_Said):
    """What a view that was asked for shows next, MP4 beside it; ended: nothing more comes."""

    kind: Literal["view_part"] = "view_part"
    view: Count
    mime: Mime = "video/mp4"
    ended: bool = False


class ClipPart(_Said):
    """A clip that was asked for, part by part, MP4 beside it; one clip after the other."""

    kind: Literal["clip_part"] = "clip_part"
    clip: ClipId
    mime: Mime
    last: bool


class Report(_Said):
    """How the process is, once a second. watched: of each checkpoint; scenes, counters: by name, since it began."""

    kind: Literal["report"] = "report"
    cameras: Annotated[tuple[Annotated[CameraHealth, AfterValidator(_bounded)], ...], Field(max_length=1000)]
    watched: Annotated[dict[CheckpointId, Annotated[dict[Name, Count], Field(max_length=200)]], Field(max_length=1000)]
    scenes: Annotated[dict[Name, Count], Field(max_length=5000)]
    counters: Annotated[dict[Name, Count], Field(max_length=200)]


class Ready(_Said):
    """The process listens; it has done nothing yet."""

    kind: Literal["ready"] = "ready"


Upward = Ready | Question | Observed | PictureMade | Glanced | SceneTold | ViewPart | ClipPart | Report


class Begin(_Said):
    """What a process is to do: look through ``cameras``. What it needs of the configuration comes beside it, JSON.

    again: one before it ended.
    """

    kind: Literal["begin"] = "begin"
    edge: EdgeId
    path: Annotated[str, Field(max_length=4096)]
    state_dir: Annotated[str, Field(max_length=4096)]
    cameras: Annotated[tuple[CameraId, ...], Field(max_length=10_000)]
    lookers: Annotated[int, Field(ge=1, le=64)]
    again: bool = False


class Found(_Said):
    """Somebody, or how like somebody: never who. answer: what to call it by in what is observed."""

    answer: Count
    score: float
    margin: float = 0.0
    threshold: float = 0.0


class Answer(_Said):
    """To question ``number``. found: None for nobody."""

    kind: Literal["answer"] = "answer"
    number: Count
    found: Found | None = None
    yes: bool = False
    standing: Reason = Reason.UNLISTED


class PictureWanted(_Said):
    kind: Literal["picture_wanted"] = "picture_wanted"
    picture: Count


class ViewWanted(_Said):
    """Send what there is to show of ``camera`` since view ``view`` was last asked for; it begins with its first."""

    kind: Literal["view_wanted"] = "view_wanted"
    view: Count
    camera: CameraId
    which: Literal["main", "sub"]


class ClipWanted(_Said):
    """Cut a clip around stream time ``at_s`` (monotonic)."""

    kind: Literal["clip_wanted"] = "clip_wanted"
    clip: ClipId
    camera: CameraId
    at_s: float


class Stop(_Said):
    kind: Literal["stop"] = "stop"


Downward = Begin | Answer | PictureWanted | ViewWanted | ClipWanted | Stop

_UPWARD: TypeAdapter[Upward] = TypeAdapter(Annotated[Upward, Field(discriminator="kind")])
_DOWNWARD: TypeAdapter[Downward] = TypeAdapter(Annotated[Downward, Field(discriminator="kind")])


def written(message: Upward | Downward) -> bytes:
    """The header that says ``message``."""
    return message.model_dump_json().encode()


def read_upward(header: bytes, blob: bytes) -> Upward:
    """What a process says. Raises GarbageError, also where ``blob`` does not fit what is said of it."""
    try:
        message = _UPWARD.validate_json(header)
    except (ValidationError, UnicodeDecodeError, RecursionError):
        raise GarbageError("no message that a process may send") from None
    if not _fits(message, len(blob)):
        raise GarbageError(f"{message.kind}: the bytes beside it don't fit")
    return message


def read_downward(header: bytes) -> Downward:
    """What the edge says. Raises GarbageError."""
    try:
        return _DOWNWARD.validate_json(header)
    except ValidationError:
        raise GarbageError("no message that an edge sends") from None


def probes_in(blob: bytes, rows: int, columns: int) -> Float:
    """The probes beside a message, float32 (rows, columns), to be overwritten by the taker.

    Raises GarbageError unless each is of unit length, as an embedder makes them.
    """
    found = np.frombuffer(bytearray(blob), "<f4").reshape(rows, columns)
    # Written so that what is no number fails.
    if not (np.abs(np.linalg.norm(found.astype(np.float64), axis=1) - 1) < _UNIT_WITHIN).all():
        raise GarbageError("probes that are not of unit length")
    return found


def luma_in(blob: bytes, glance: Glanced) -> Image:
    """The brightness beside a glance, uint8 (height, width)."""
    return np.frombuffer(blob, np.uint8).reshape(glance.height, glance.width)


def _fits(message: Upward, size: int) -> bool:
    match message:
        case Identify() | Compare() | Observed():
            return size == message.rows * message.columns * _FLOAT_BYTES
        case Glanced():
            return size == message.width * message.height
        case PictureMade():
            return size <= MAX_PICTURE_BYTES and (size == 0 or min(message.width_px, message.height_px) > 0)
        case ViewPart() | ClipPart():
            return size <= MAX_PART
        case _:
            return size == 0
