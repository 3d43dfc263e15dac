"""YuNet on ONNX Runtime finds what OpenCV's `FaceDetectorYN` finds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.face_detector import shrink
from models.protocols import FaceDetecting
from models.types import Faces, Image, ModelInputError
from tests.support.evaluation import require_evaluation, rows


@pytest.fixture(scope="module")
def reference(published: dict[str, Path]) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(str(published["yunet"]), "", (320, 320), 0.6, 0.3, 5000)


def _reference_faces(reference: cv2.FaceDetectorYN, image: Image) -> Faces:
    reference.setInputSize((image.shape[1], image.shape[0]))
    _, answer = reference.detect(image)
    found = np.asarray([] if answer is None else answer, np.float32).reshape(-1, 15)
    found = found[np.argsort(-found[:, 14], kind="stable")]
    corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1)
    return Faces(corners, found[:, 4:14].reshape(-1, 5, 2), found[:, 14])


def _assert_same(ours: Faces, theirs: Faces) -> None:
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=0.05)
    np.testing.assert_allclose(ours.landmarks, theirs.landmarks, atol=0.05)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)


@pytest.mark.parametrize("size", [(512, 512), (640, 360), (333, 471), (96, 96)])
def test_boxes_landmarks_and_scores_are_opencvs(
    size: tuple[int, int], astronaut: Image, face_detector: FaceDetecting, reference: cv2.FaceDetectorYN
) -> None:
    image = np.asarray(cv2.resize(astronaut, size), np.uint8)
    theirs = _reference_faces(reference, image)
    assert len(theirs) == 1
    _assert_same(face_detector.detect([image])[0], theirs)


def test_several_faces_come_best_first_and_as_opencv_finds_them(
    astronaut: Image, face_detector: FaceDetecting, reference: cv2.FaceDetectorYN
) -> None:
    head = astronaut[0:260, 120:340]
    image = np.full((360, 640, 3), 90, np.uint8)
    image[20:280, 10:230] = head
    image[100:230, 400:510] = cv2.resize(head, (110, 130))
    found = face_detector.detect([image])[0]
    assert len(found) == 2
    assert found.scores[0] >= found.scores[1]
    _assert_same(found, _reference_faces(reference, image))


def test_on_photographs_the_faces_are_opencvs(face_detector: FaceDetecting, reference: cv2.FaceDetectorYN) -> None:
    folder = require_evaluation("faces")
    for row in rows(folder, "manifest.csv")[:60]:
        image = np.asarray(cv2.imread(str(folder / "images" / row["file"])), np.uint8)
        _assert_same(face_detector.detect([image])[0], _reference_faces(reference, image))


def test_a_large_picture_is_looked_at_small_and_answered_in_its_own_pixels(
    astronaut: Image, face_detector: FaceDetecting, reference: cv2.FaceDetectorYN
) -> None:
    large = np.asarray(cv2.resize(astronaut, (2400, 2400)), np.uint8)
    found = face_detector.detect([large], max_side=480)[0]
    small = _reference_faces(reference, shrink(large, 480))
    np.testing.assert_allclose(found.boxes, small.boxes * 5, atol=0.5)
    np.testing.assert_allclose(found.landmarks, small.landmarks * 5, atol=0.5)


def test_each_picture_of_a_batch_gets_its_own_answer(astronaut: Image, face_detector: FaceDetecting) -> None:
    empty = np.zeros((40, 60, 3), np.uint8)
    one, none, again = face_detector.detect([astronaut, empty, astronaut])
    assert (len(one), len(none)) == (1, 0)
    np.testing.assert_array_equal(one.boxes, again.boxes)
    assert face_detector.detect([]) == []


def test_a_higher_threshold_keeps_only_surer_faces(astronaut: Image, face_detector: FaceDetecting) -> None:
    assert len(face_detector.detect([astronaut], min_score=0.9)[0]) == 1
    assert len(face_detector.detect([astronaut], min_score=0.99)[0]) == 0


@pytest.mark.parametrize("max_side", [0, 31, 1281, 4096])
def test_a_network_size_that_gives_bad_landmarks_is_refused(
    max_side: int, astronaut: Image, face_detector: FaceDetecting
) -> None:
    with pytest.raises(ModelInputError, match="max_side"):
        face_detector.detect([astronaut], max_side=max_side)


@pytest.mark.parametrize("min_score", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(
    min_score: float, astronaut: Image, face_detector: FaceDetecting
) -> None:
    with pytest.raises(ModelInputError, match="min_score"):
        face_detector.detect([astronaut], min_score=min_score)
