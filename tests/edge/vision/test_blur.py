"""Blurring: every face, for good, or no picture at all."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from core.contract.events import MAX_PICTURE_BYTES
from edge.vision.blur import BLOCKS, PictureTooLargeError, blur_faces, encode_jpeg
from models.types import Faces, Image, ModelInputError


class Finds:
    """A detector that finds given boxes, or raises."""

    def __init__(self, *boxes: tuple[float, float, float, float], error: Exception | None = None) -> None:
        self._boxes = np.array(boxes, np.float32).reshape(-1, 4)
        self._error = error
        self.scores: list[float] = []

    def detect(self, images: Sequence[Image], *, max_side: int = 640, min_score: float = 0.6) -> list[Faces]:
        self.scores.append(min_score)
        if self._error is not None:
            raise self._error
        n = len(self._boxes)
        return [Faces(self._boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32)) for _ in images]


def picture(width: int = 640, height: int = 360) -> Image:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_face_becomes_a_few_colours_and_the_rest_stays() -> None:
    before = picture()
    result = blur_faces(before, Finds((300, 100, 380, 200)))
    assert result.faces == 1
    face = result.image[100:200, 300:380]
    assert cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var() < 1
    small = cv2.resize(result.image[66:235, 273:408], (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    assert small.std() < 20, "averages of noise are grey"
    assert np.array_equal(result.image[:, :200], before[:, :200])
    assert np.array_equal(before, picture()), "the picture given is not changed"


def test_more_than_the_box_is_blurred() -> None:
    before = picture()
    after = blur_faces(before, Finds((300, 100, 380, 200))).image
    assert not np.array_equal(after[70:90, 310:370], before[70:90, 310:370])


def test_the_detector_is_asked_far_below_the_usual_score() -> None:
    detector = Finds()
    assert blur_faces(picture(), detector).faces == 0
    assert max(detector.scores) <= 0.3


def test_without_a_detector_that_works_there_is_no_picture() -> None:
    with pytest.raises(ModelInputError):
        blur_faces(picture(), Finds(error=ModelInputError("damaged")))


def test_faces_at_the_border_and_outside_of_it_do_no_harm() -> None:
    result = blur_faces(picture(), Finds((-50, -50, 20, 20), (630, 350, 700, 400), (900, 900, 950, 950), (5, 5, 5, 5)))
    assert result.faces >= 2


def test_a_jpeg_fits_the_event_even_when_it_is_all_noise() -> None:
    jpeg, width, height = encode_jpeg(picture(3840, 2160))
    assert len(jpeg) <= MAX_PICTURE_BYTES
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[:2] == (height, width)
    assert width <= 1280


def test_small_pictures_keep_their_size_and_odd_shapes_are_sent_too() -> None:
    assert encode_jpeg(picture(320, 200))[1:] == (320, 200)
    _, width, height = encode_jpeg(picture(16, 9000))
    assert height <= 5120
    assert width >= 1


def test_what_can_never_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.vision.blur.MAX_PICTURE_BYTES", 100)
    with pytest.raises(PictureTooLargeError, match="640x360"):
        encode_jpeg(picture())
