"""How good a face is to compare, and whether it may be compared at all.

The components follow ISO/IEC 29794-5's idea (size, sharpness, pose, exposure), as cheap measures on the aligned crop
and the five landmarks. Landmarks: right eye, left eye, nose, right and left mouth corner.
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
    """The hard gate.

    min_face_px: box width, pixels; max_yaw: see `yaw_proxy`; min_pitch, max_pitch: see `pitch_proxy`; max_roll_deg:
    degrees; min_grey, max_grey: mean luminance of the crop's middle, 0 to 255; min_sharpness: see `sharpness`.
    """

    min_face_px: int = 60
    max_yaw: float = 0.35
    min_pitch: float = 0.25
    max_pitch: float = 0.85
    max_roll_deg: float = 35.0
    min_grey: float = 40.0
    max_grey: float = 225.0
    min_sharpness: float = 12.0


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """value: in [0, 1], higher is better, for choosing between shots; refusal: None where the face may be compared."""

    value: float
    refusal: Refusal | None


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


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of the crop's middle, grey levels squared, after noise is smoothed away."""
    return float(cv2.Laplacian(cv2.GaussianBlur(_middle_grey(crop), (3, 3), 0), cv2.CV_32F).var())


def assess(crop: Image, box: Float, landmarks: Float, score: float, limits: QualityLimits) -> FaceQuality:
    """Quality of one face.

    crop: aligned, uint8 (112, 112, 3) BGR; box: float32 (4,); landmarks: float32 (5, 2), both pixels of the picture;
    score: the detector's, in [0, 1].
    """
    width_px = float(box[2] - box[0])
    yaw, pitch, roll = abs(yaw_proxy(landmarks)), pitch_proxy(landmarks), roll_deg(landmarks)
    grey = float(_middle_grey(crop).mean())
    sharp = sharpness(crop)
    parts = (
        _rising(width_px, 0.5 * limits.min_face_px, 2.0 * limits.min_face_px),
        _rising(sharp, 0.0, 10.0 * limits.min_sharpness),
        1.0 - _rising(yaw, 0.0, 2.0 * limits.max_yaw),
        1.0 - _rising(abs(pitch - 0.55), 0.0, 0.6),
        1.0 - _rising(abs(grey - 128.0), 32.0, 160.0),
        float(np.clip(score, 0.0, 1.0)),
    )
    turned = yaw > limits.max_yaw or not limits.min_pitch <= pitch <= limits.max_pitch or roll > limits.max_roll_deg
    refusal = next(
        (
            reason
            for reason, applies in (
                (Refusal.TOO_SMALL, width_px < limits.min_face_px),
                (Refusal.TURNED, turned),
                (Refusal.DARK, grey < limits.min_grey),
                (Refusal.BRIGHT, grey > limits.max_grey),
                (Refusal.BLURRED, sharp < limits.min_sharpness),
            )
            if applies
        ),
        None,
    )
    # Geometric mean: one bad component can't be bought off by the others.
    return FaceQuality(float(np.prod(parts)) ** (1 / len(parts)), refusal)


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


def _rising(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))
