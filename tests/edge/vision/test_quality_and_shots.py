"""Which faces may be compared, and which shots of them are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge.evidence import Moment
from edge.vision.quality import QualityLimits, Refusal, assess, pitch_proxy, roll_deg, yaw_proxy
from edge.vision.shots import BestShots, Shot
from models.alignment import TEMPLATE
from models.types import Float, Image

FRONTAL: Float = TEMPLATE.astype(np.float32)
LIMITS = QualityLimits(min_face_px=60)
BOX = np.array([0, 0, 100, 120], np.float32)


def crop(grey: float = 130, contrast: float = 40) -> Image:
    blocks = np.random.default_rng(3).normal(grey, contrast, (14, 14, 1))
    return np.asarray(np.clip(np.kron(blocks, np.ones((8, 8, 3))), 0, 255), np.uint8)


def blurred(sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(crop(), (0, 0), sigma), np.uint8)


def turned(by: float) -> Float:
    landmarks = FRONTAL.copy()
    landmarks[2, 0] += by * (landmarks[1, 0] - landmarks[0, 0])
    return landmarks


def test_a_large_sharp_frontal_face_is_good() -> None:
    quality = assess(crop(), BOX, FRONTAL, 0.95, LIMITS)
    assert quality.refusal is None
    assert quality.value > 0.7


@pytest.mark.parametrize(
    ("picture", "box", "landmarks", "refusal"),
    [
        (crop(), np.array([0, 0, 59, 70], np.float32), FRONTAL, Refusal.TOO_SMALL),
        (crop(), BOX, turned(0.5), Refusal.TURNED),
        (crop(), BOX, turned(-0.5), Refusal.TURNED),
        (crop(), BOX, FRONTAL[[0, 1, 2, 3, 4]][:, ::-1].copy(), Refusal.TURNED),
        (crop(20, 5), BOX, FRONTAL, Refusal.DARK),
        (crop(250, 5), BOX, FRONTAL, Refusal.BRIGHT),
        (blurred(9), BOX, FRONTAL, Refusal.BLURRED),
    ],
)
def test_the_gate_says_what_is_wrong(picture: Image, box: Float, landmarks: Float, refusal: Refusal) -> None:
    assert assess(picture, box, landmarks, 0.95, LIMITS).refusal is refusal


def test_blur_turning_and_distance_lower_the_value() -> None:
    best = assess(crop(), BOX, FRONTAL, 0.95, LIMITS).value
    assert assess(blurred(3), BOX, FRONTAL, 0.95, LIMITS).value < best
    assert assess(crop(), BOX, turned(0.2), 0.95, LIMITS).value < best
    assert assess(crop(), BOX * 0.7, FRONTAL, 0.95, LIMITS).value < best


@given(st.floats(-40, 40), st.floats(0.3, 5), st.floats(-500, 500))
def test_pose_does_not_depend_on_place_size_and_tilt(degrees: float, scale: float, shift: float) -> None:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = ((turned(0.2) @ rotation.T) * scale + shift).astype(np.float32)
    assert yaw_proxy(moved) == pytest.approx(yaw_proxy(turned(0.2)), abs=0.02)
    assert pitch_proxy(moved) == pytest.approx(pitch_proxy(turned(0.2)), abs=0.02)
    assert roll_deg(moved) == pytest.approx(abs(degrees), abs=1.0)


@given(
    arrays.arrays(np.float32, (5, 2), elements=st.floats(-1e4, 1e4, width=32)),
    arrays.arrays(np.uint8, (112, 112, 3)),
    st.floats(0, 1),
)
def test_any_landmarks_and_pixels_give_a_value_between_0_and_1(landmarks: Float, pixels: Image, score: float) -> None:
    assert 0 <= assess(pixels, BOX, landmarks, score, LIMITS).value <= 1


def shot(quality: float) -> Shot:
    return Shot(np.full((112, 112, 3), 7, np.uint8), quality, Moment(0.0, datetime.now(UTC), 0.0))


@given(st.lists(st.floats(0, 1), max_size=30))
def test_the_best_three_are_kept_and_the_rest_is_wiped(qualities: list[float]) -> None:
    shots = BestShots()
    offered = [shot(quality) for quality in qualities]
    for one in offered:
        shots.offer(one)
    assert [one.quality for one in shots.shots] == sorted(qualities, reverse=True)[:3]
    kept = {id(one) for one in shots.shots}
    assert all((id(one) in kept) == bool(one.crop.any()) for one in offered)


def test_wiping_leaves_no_pixel() -> None:
    shots, one = BestShots(), shot(0.5)
    shots.offer(one)
    shots.wipe()
    assert not one.crop.any()
    assert len(shots) == 0
    assert shots.take_best() is None
