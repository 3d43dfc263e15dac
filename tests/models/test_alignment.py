"""Alignment equals insightface's `norm_crop`."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from insightface.utils import face_align

from models.alignment import TEMPLATE, align, similarity
from models.protocols import FaceDetecting
from models.types import Image, ModelInputError


def _theirs(landmarks: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # insightface calls scikit-image's older solver
        return np.asarray(face_align.estimate_norm(landmarks))


@given(
    angle=st.floats(-180, 180),
    scale=st.floats(0.05, 20),
    shift=st.tuples(st.floats(-500, 4000), st.floats(-500, 4000)),
    noise=st.integers(0, 2**32 - 1),
)
def test_the_similarity_equals_insightfaces(angle: float, scale: float, shift: tuple[float, float], noise: int) -> None:
    matrix = cv2.getRotationMatrix2D((56, 56), angle, scale)
    points = TEMPLATE @ matrix[:, :2].T + matrix[:, 2] + np.array(shift)
    points += np.random.default_rng(noise).normal(0, 2 * scale, points.shape)
    np.testing.assert_allclose(similarity(points), _theirs(points), rtol=1e-6, atol=1e-4)


def test_the_crop_equals_insightfaces(astronaut: Image, face_detector: FaceDetecting) -> None:
    landmarks = face_detector.detect([astronaut])[0].landmarks[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        expected = face_align.norm_crop(astronaut, landmarks)
    difference = np.abs(align(astronaut, landmarks).astype(int) - expected)
    assert difference.max() <= 1


def test_a_face_at_the_border_is_filled_with_black(astronaut: Image) -> None:
    crop = align(astronaut, (TEMPLATE - 80).astype(np.float32))
    assert crop.shape == (112, 112, 3)
    assert not crop[:50].any()


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((5, 2), np.float32),
        np.full((5, 2), np.nan, np.float32),
        np.full((5, 2), np.inf, np.float32),
        np.zeros((4, 2), np.float32),
        np.zeros((5, 2), "<U3"),
    ],
    ids=["all in one place", "not a number", "infinite", "only four", "text"],
)
def test_landmarks_of_no_face_are_refused(astronaut: Image, landmarks: np.ndarray) -> None:
    with pytest.raises(ModelInputError, match="landmarks"):
        align(astronaut, landmarks)
