"""The plate detector finds drawn plates where they were drawn, corners in reading order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.contract.vocabulary import PlateColour
from demo.draw.plates import draw_plate
from models.plate_crop import rectify
from models.plate_detector import priors
from models.protocols import PlateDetecting, PlateReading
from models.types import Float, Image, ModelInputError

WIDTH_PX = 220


def scene(text: str, colour: PlateColour, *, angle: float = 0.0, size: tuple[int, int] = (1280, 720)) -> Image:
    """A plate of WIDTH_PX in the middle of a grey road, turned by ``angle`` degrees."""
    picture, _ = scene_with_corners(text, colour, angle=angle, size=size)
    return picture


def scene_with_corners(
    text: str, colour: PlateColour, *, angle: float = 0.0, size: tuple[int, int] = (1280, 720)
) -> tuple[Image, Float]:
    plate = draw_plate(text, colour)
    height, width = plate.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -angle, WIDTH_PX / width), np.float64)
    matrix[:, 2] += ((size[0] - width) / 2, (size[1] - height) / 2)
    road = np.full((size[1], size[0], 3), 96, np.uint8)
    picture = cv2.warpAffine(plate, matrix, size, dst=road, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return np.asarray(picture, np.uint8), (corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


@pytest.mark.parametrize("angle", [-30, -12, 0, 12, 30])
def test_corners_are_told_in_reading_order_however_the_plate_is_tilted(
    angle: float, plate_detector: PlateDetecting, plate_reader: PlateReading
) -> None:
    picture, corners = scene_with_corners("京A12345", PlateColour.BLUE, angle=angle)
    found = plate_detector.detect([picture])[0]
    assert len(found) == 1
    assert np.abs(found.quads[0] - corners).max() < 0.1 * WIDTH_PX
    nearest = np.linalg.norm(found.quads[0][:, None] - corners[None], axis=2).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("colour", [PlateColour.BLUE, PlateColour.YELLOW, PlateColour.GREEN])
def test_the_box_lies_on_the_plate(colour: PlateColour, plate_detector: PlateDetecting) -> None:
    text = "沪AF12345" if colour is PlateColour.GREEN else "苏E05EV8"
    picture, corners = scene_with_corners(text, colour)
    box = plate_detector.detect([picture])[0].boxes[0]
    expected = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    assert np.abs(box - expected).max() < 0.12 * WIDTH_PX


def test_answers_are_in_pixels_of_the_picture_given_however_large_it_is(plate_detector: PlateDetecting) -> None:
    small = scene("京A12345", PlateColour.BLUE)
    large = np.asarray(cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR), np.uint8)
    at_small, at_large = plate_detector.detect([small, large], max_side=960)
    np.testing.assert_allclose(at_large.boxes, at_small.boxes * 2, atol=6)


def test_a_plate_fed_too_small_is_found_when_the_picture_is_scaled_up(plate_detector: PlateDetecting) -> None:
    picture = scene("京A12345", PlateColour.BLUE)
    tiny = np.asarray(cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA), np.uint8)
    assert len(plate_detector.detect([tiny], max_side=160)[0]) == 0
    assert len(plate_detector.detect([tiny], max_side=960)[0]) == 1


def test_an_empty_road_has_no_plates(plate_detector: PlateDetecting) -> None:
    assert [len(found) for found in plate_detector.detect([np.full((270, 480, 3), 96, np.uint8)])] == [0]
    assert plate_detector.detect([]) == []


def test_a_picture_of_any_shape_is_looked_at(plate_detector: PlateDetecting) -> None:
    for height, width in ((1, 1), (1, 3000), (3000, 1), (33, 31)):
        assert len(plate_detector.detect([np.zeros((height, width, 3), np.uint8)], max_side=320)[0]) == 0


@pytest.mark.parametrize("max_side", [0, 31, 1921])
def test_a_size_out_of_range_is_refused(max_side: int, plate_detector: PlateDetecting) -> None:
    with pytest.raises(ModelInputError, match="max_side"):
        plate_detector.detect([np.zeros((9, 9, 3), np.uint8)], max_side=max_side)


def test_anchors_are_kept_for_a_bounded_number_of_sizes() -> None:
    for side in range(64, 64 + 8 * 40, 8):
        priors(side, 64)
    assert priors.cache_info().currsize <= 16


def test_a_plate_is_cut_out_straight_and_read(plate_detector: PlateDetecting, plate_reader: PlateReading) -> None:
    picture = scene("京A12345", PlateColour.BLUE, angle=15)
    quad = plate_detector.detect([picture])[0].quads[0]
    crop = rectify(picture, quad)
    assert crop.shape == (64, 200, 3)
    assert plate_reader.read([crop])[0].text == "京A12345"
