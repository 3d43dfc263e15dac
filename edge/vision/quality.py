"""How good a face is to compare: the chance that it is found like its own reference; and whether it may be compared.

The components follow ISO/IEC 29794-5's idea (size, sharpness, pose, exposure) and the detector's score. Everything but
the width is measured on the aligned crop, so in shares of the face: a face that was enlarged has less detail there and
is the worse for it, and faces of different sizes compare. Landmarks: right eye, left eye, nose, right and left mouth
corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from models.types import Float, Image


class Refusal(StrEnum):
    """Why a face is not compared."""

    TOO_SMALL = "too_small"
    TURNED = "turned"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What is refused: where a comparison is hopeless, or where nobody has measured what it is worth.

    Little is: of what a stricter gate refused, simulated darkness and turned heads, a plain pipeline recognised some.
    min_face_px: box width, pixels; max_yaw: see `yaw_proxy`, about 70 degrees; min_pitch, max_pitch: see `pitch_proxy`;
    max_roll_deg: degrees; min_value: of `FaceQuality.value`.
    """

    min_face_px: int = 60
    max_yaw: float = 1.5
    min_pitch: float = 0.25
    max_pitch: float = 0.85
    max_roll_deg: float = 35.0
    min_value: float = 0.002


@dataclass(frozen=True, slots=True)
class Measures:
    """The components of one face.

    width_px: of the box, in the picture; yaw, pitch, roll_deg: see the functions; score: the detector's, in [0, 1];
    grey: mean luminance of the crop's middle, 0 to 255; white: share of it that is cut off at white, in [0, 1];
    edges: mean squared slope across the direction in which there is least of it, (grey levels per pixel)^2 times 64:
    motion blur leaves edges in one direction only; sharpness: those edges over what is left of them when details below
    3 of 112 pixels are smoothed away, at least about 1.2, whatever the contrast.
    """

    width_px: float
    yaw: float
    pitch: float
    roll_deg: float
    score: float
    grey: float
    white: float
    edges: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class Check:
    """One gate's answer: ``figure`` beside the ``limit`` it was asked to keep; TURNED: in shares of what is allowed."""

    refusal: Refusal
    refused: bool
    figure: float
    limit: float


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """value: in [0, 1], see `chance`; checks: as they were asked, the last one refused or none."""

    value: float
    checks: tuple[Check, ...]

    @property
    def refusal(self) -> Refusal | None:
        """None where the face may be compared."""
        last = self.checks[-1]
        return last.refusal if last.refused else None


# log-odds of success per unit of `features`, fitted by `python -m benchmarks.quality` on 2026-11-22: YuNet's boxes and
# scores, SFace's vectors, 300 people of LFW, clean and degraded by simulation, cosine with another picture of the
# person above 0.44. Other models need their own.
_WEIGHTS: Float = np.array([3.572, 0.848, 2.164, 3.365, 3.021, 0.068, 1.383, 6.955], np.float32)
_OFFSET = -14.77
FEATURES = ("detector score", "edges", "sharpness", "exposure", "roll", "size", "yaw", "pitch")
_UNSEEN_YAW, _UNSEEN_PITCH = 0.35, 0.05
"""Up to there turning made no difference to success."""
_DARK_GREY, _MUCH_WHITE = 45.0, 0.3
"""A hopeless face darker than this is called dark, one with more white than this bright, any other blurred."""


def yaw_proxy(landmarks: Float) -> float:
    """How far the nose lies beside the middle of the eyes, in eye distances, along the eyes' line: 0 is frontal."""
    across, _, eye_distance, middle = _eye_frame(landmarks)
    return float((landmarks[2] - middle) @ across) / eye_distance


def pitch_proxy(landmarks: Float) -> float:
    """How far down from the eyes to the mouth the nose lies: about 0.55 is frontal; looking up is less."""
    _, down, eye_distance, middle = _eye_frame(landmarks)
    mouth = float(((landmarks[3] + landmarks[4]) / 2 - middle) @ down)
    return float((landmarks[2] - middle) @ down) / max(mouth, 0.1 * eye_distance)


def roll_deg(landmarks: Float) -> float:
    """Tilt of the eyes' line against the horizontal, degrees in [0, 180]."""
    across, *_ = _eye_frame(landmarks)
    return float(np.degrees(np.arccos(np.clip(across[0], -1.0, 1.0))))


def measure(crop: Image, box: Float, landmarks: Float, score: float) -> Measures:
    """The components of one face.

    crop: aligned, uint8 (112, 112, 3) BGR; box: float32 (4,); landmarks: float32 (5, 2), both pixels of the picture;
    score: the detector's, in [0, 1].
    """
    middle = _middle_grey(crop)
    plain = middle.astype(np.float32)
    fine = _weaker_edges(cv2.GaussianBlur(plain, (0, 0), 1.0))
    coarse = _weaker_edges(cv2.GaussianBlur(plain, (0, 0), 3.0))
    return Measures(
        width_px=float(box[2] - box[0]),
        yaw=abs(yaw_proxy(landmarks)),
        pitch=pitch_proxy(landmarks),
        roll_deg=roll_deg(landmarks),
        score=score,
        grey=float(middle.mean()),
        white=float((middle >= 250).mean()),
        edges=fine,
        sharpness=fine / max(coarse, 1e-3),
    )


def features(measures: Measures) -> Float:
    """float32 (8,), in the order of ``FEATURES``: the more of each, the better the face."""
    score = min(max(measures.score, 0.6), 0.97)
    return np.array(
        [
            np.log(score / (1 - score)),
            np.log(max(measures.edges, 1e-3)),
            np.log(max(measures.sharpness, 1e-3)),
            -measures.white,
            -measures.roll_deg / 45,
            # Beyond 40 pixels a wider face has no more for the embedder; below, its sharpness says nearly all of it.
            np.log(min(max(measures.width_px, 1.0), 40.0)),
            -max(measures.yaw - _UNSEEN_YAW, 0.0),
            -max(abs(measures.pitch - 0.55) - _UNSEEN_PITCH, 0.0),
        ],
        np.float32,
    )


def chance(measures: Measures) -> float:
    """Probability, in [0, 1], that this face is found like its own reference at a threshold for 300 people.

    Never falls when one component gets better and the others stay.
    """
    odds = float(features(measures) @ _WEIGHTS) + _OFFSET
    return float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))


def assess(crop: Image, box: Float, landmarks: Float, score: float, limits: QualityLimits) -> FaceQuality:
    """Quality of one face, and which gate refuses it. Arguments as of `measure`."""
    measures = measure(crop, box, landmarks, score)
    value = chance(measures)
    checks: list[Check] = []
    for check in _checks(measures, value, limits):
        checks.append(check)
        if check.refused:
            break
    return FaceQuality(value, tuple(checks))


def _checks(measures: Measures, value: float, limits: QualityLimits) -> tuple[Check, ...]:
    hopeless = value < limits.min_value
    turned = _turned(measures, limits)
    dark, bright = hopeless and measures.grey < _DARK_GREY, hopeless and measures.white > _MUCH_WHITE
    return (
        Check(Refusal.TOO_SMALL, measures.width_px < limits.min_face_px, measures.width_px, limits.min_face_px),
        Check(Refusal.TURNED, not turned <= 1, turned, 1.0),
        Check(Refusal.DARK, dark, value, limits.min_value),
        Check(Refusal.BRIGHT, bright, value, limits.min_value),
        Check(Refusal.BLURRED, hopeless, value, limits.min_value),
    )


def _turned(measures: Measures, limits: QualityLimits) -> float:
    """How far the head is turned, nodded or tilted, whichever is worst, in shares of what is allowed."""
    nod = abs(measures.pitch - (limits.min_pitch + limits.max_pitch) / 2)
    nod_allowed = (limits.max_pitch - limits.min_pitch) / 2
    return max(measures.yaw / limits.max_yaw, nod / nod_allowed, measures.roll_deg / limits.max_roll_deg)


def _weaker_edges(grey: np.ndarray) -> float:
    """Smaller eigenvalue of the structure tensor, (grey levels per pixel)^2 times 64."""
    slope_x, slope_y = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (float(product.mean()) for product in (slope_x**2, slope_y**2, slope_x * slope_y))
    return (xx + yy) / 2 - float(np.hypot((xx - yy) / 2, xy))


def _eye_frame(landmarks: Float) -> tuple[Float, Float, float, Float]:
    """Unit vectors along the eyes and down the face, eye distance (at least one pixel), point between the eyes."""
    right_eye, left_eye = landmarks[0], landmarks[1]
    gap = left_eye - right_eye
    distance = max(float(np.hypot(*gap)), 1.0)
    across = np.asarray(gap / distance if np.hypot(*gap) > 0 else (1.0, 0.0), np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    return across, down, distance, (right_eye + left_eye) / 2


def _middle_grey(crop: Image) -> Image:
    height, width = crop.shape[:2]
    middle = crop[height // 5 : height - height // 8, width // 5 : width - width // 5]
    return np.asarray(cv2.cvtColor(middle, cv2.COLOR_BGR2GRAY), np.uint8)
