"""From a picture to one face vector, or the reason why not. Stricter than a gate: a template is made once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.enrol.picture import decode
from edge.enrol.refusals import EnrolmentRefusedError, RefusalReason
from edge.vision.quality import QualityLimits, assess
from models.alignment import align
from models.protocols import FaceDetecting, FaceEmbedding
from models.types import Faces, Float, Image

ENROLMENT_LIMITS = QualityLimits(
    min_face_px=80, max_yaw=0.25, min_pitch=0.3, max_pitch=0.8, max_roll_deg=25.0, min_value=0.6
)
MIN_EYES_TO_MOUTH = 0.75
"""See ``eyes_to_mouth``: 99 of 100 faces whose nose is in the middle are above 0.8, one tilted by 50 degrees below."""
_LOOKS_PX = (640, 320)
"""Longer side given to the detector: a face too large at the first is looked at again at the second."""
_LARGEST_FACE = 0.6
"""Of the longer side: beyond it the detector misplaces landmarks."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """vector: float32 (d,), unit length; quality: in [0, 1], higher is better."""

    vector: Float = field(repr=False)
    quality: float


@dataclass(frozen=True, slots=True)
class PortraitReader:
    """Reads portraits with the models the gates use."""

    detector: FaceDetecting
    embedder: FaceEmbedding
    limits: QualityLimits = ENROLMENT_LIMITS

    def read(self, encoded: bytes) -> Portrait:
        """The one face in ``encoded`` (JPEG, PNG or WebP). Raises EnrolmentRefusedError."""
        picture = decode(encoded)
        faces = self._find(picture)
        if len(faces) != 1:
            raise EnrolmentRefusedError(RefusalReason.SEVERAL_FACES if len(faces) else RefusalReason.NO_FACE)
        if eyes_to_mouth(faces.landmarks[0]) < MIN_EYES_TO_MOUTH:
            raise EnrolmentRefusedError(RefusalReason.TURNED)
        crop = align(picture, faces.landmarks[0])
        quality = assess(crop, faces.boxes[0], faces.landmarks[0], float(faces.scores[0]), self.limits)
        if quality.refusal is not None:
            raise EnrolmentRefusedError(RefusalReason(quality.refusal.value))
        return Portrait(self.embedder.embed(crop[None])[0], quality.value)

    def _find(self, picture: Image) -> Faces:
        faces = Faces.none()
        longer_side = max(picture.shape[:2])
        for look_px in _LOOKS_PX:
            (faces,) = self.detector.detect([picture], max_side=look_px)
            scale = min(1.0, look_px / longer_side)
            if len(faces) and float((faces.boxes[:, 2] - faces.boxes[:, 0]).max()) * scale <= _LARGEST_FACE * look_px:
                break
        return faces


def eyes_to_mouth(landmarks: Float) -> float:
    """Distance between the eyes over the distance from their middle to the mouth's: about 1 in a face seen upright.

    Turned or tilted far, YuNet draws the eyes together and still puts the nose between them: the yaw of
    ``edge.vision.quality`` does not see that. landmarks: float32 (5, 2), pixels.
    """
    eyes = float(np.hypot(*(landmarks[1] - landmarks[0])))
    height = float(np.hypot(*((landmarks[3] + landmarks[4]) / 2 - (landmarks[0] + landmarks[1]) / 2)))
    return eyes / max(height, 1.0)
