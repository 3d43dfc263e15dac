"""What an edge has seen of one passage: the only thing a decision is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.contract.events import PassageV1, PlateReading, StepTimes
from core.contract.ids import CameraId, CheckpointId, SubjectKey, TemplateId
from core.contract.signed import QrPass
from core.contract.vocabulary import Presentation
from models.types import Float, Image
from watchlists.faces.change import Likeness


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """Answer of the face index for one pass: best subject and how clearly it beats the next.

    score: cosine in [-1, 1]; margin: score minus the runner-up subject's (2.0 when there is none);
    threshold: the one calibrated for the gallery searched; template_id: which of the subject's references matched.
    """

    subject: SubjectKey
    score: float
    margin: float
    threshold: float
    template_id: TemplateId


@dataclass(frozen=True, slots=True)
class FaceEvidence:
    """A person in a one-person zone who asked to be recognised by standing in it.

    match: None for somebody unknown here, or not compared; good_shots: shots above the quality gate; others_in_zone:
    further people in the zone while it was looked at; presentation: whether it looked like a face or like a picture
    of one, over the shots of the pass.
    """

    match: FaceMatch | None
    good_shots: int
    others_in_zone: int
    presentation: Presentation = Presentation.NOT_CHECKED


@dataclass(frozen=True, slots=True)
class PassEvidence:
    """A QR pass shown at a door, and the face beside it.

    qr: None when the code was no valid pass of this estate; likeness: of the shots to the holder's templates, None when
    they were not compared; threshold: the cosine from which 1:1 accepts; enrolled: False when the holder has no
    template, and so nothing was made of the face; presentation: as of `FaceEvidence`.
    """

    qr: QrPass | None
    likeness: Likeness | None
    threshold: float
    good_shots: int
    others_in_zone: int
    enrolled: bool = True
    presentation: Presentation = Presentation.NOT_CHECKED


@dataclass(frozen=True, slots=True)
class PlateEvidence:
    """A vehicle's visit to a lane.

    reading: None when no read was good enough; confidences: of each character of its text, 0..1, empty if unknown;
    gone: it is not there any more, or it may be another vehicle that is before the barrier now; alike: its plate is
    nearly that of the vehicle told before it in the same place, which was never seen to leave.
    """

    reading: PlateReading | None
    confidences: tuple[float, ...] = ()
    gone: bool = False
    alike: bool = False


Evidence = FaceEvidence | PassEvidence | PlateEvidence


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame was made and when it reached us.

    pts_s: stream time, seconds; received_at: wall clock; received_s: monotonic clock of this process, seconds.
    """

    pts_s: float
    received_at: datetime
    received_s: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """Somebody's track crossed a door's threshold line inwards; whose, nobody asks."""

    track: int


class PictureElsewhere(Protocol):
    """A picture that the process it was taken in keeps for some seconds, and packs there if somebody wants it."""

    def send_for(self, passage: PassageV1) -> bool:
        """Have it blurred, packed and written down as ``passage``'s; never waits. False when it can't be had."""
        ...


@dataclass(frozen=True, slots=True)
class Observation:
    """Something a checkpoint's watcher wants decided or told, now.

    seen: what a decision needs, or that somebody went through; first / deciding: frames at which the pass began and
    at which the watcher had seen enough; times: milliseconds per step so far; picture: the deciding frame, BGR, as it
    came (faces unblurred: `edge.vision.blur` comes before anything is stored); of whoever showed a face never any.
    probes: float32 (n, d), unit length, what was compared at an identify checkpoint; whoever takes the observation
    calls ``forget`` once it is decided.
    """

    checkpoint: CheckpointId
    camera: CameraId
    seen: Evidence | Crossing
    first: Moment
    deciding: Moment
    times: StepTimes
    picture: Image | PictureElsewhere | None = None
    probes: Float | None = field(default=None, repr=False, compare=False)

    def forget(self) -> None:
        """Overwrite the probes, and let go of a picture of whoever showed a face: what was wanted of them is done."""
        if self.probes is not None:
            self.probes.fill(0)
        if isinstance(self.seen, FaceEvidence | PassEvidence):
            # Past the freezing: whoever writes the passage down behind a gate that is silent holds on to this.
            object.__setattr__(self, "picture", None)
