"""The zone: blacked out before detection, and coordinates that find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.zone import Zone
from models.types import Faces

TRIANGLE = Zone(((0.25, 0.2), (0.75, 0.2), (0.5, 0.8)))
SQUARE = Zone(((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
unit = st.floats(0, 1)


def test_nothing_outside_the_zone_reaches_the_detector() -> None:
    image = np.full((100, 200, 3), 255, np.uint8)
    cut = TRIANGLE.cut(image)
    assert cut.image.shape == (60, 100, 3)
    assert (cut.x, cut.y) == (50, 20)
    assert cut.image[59, 0].tolist() == [0, 0, 0]
    assert cut.image[20, 50].tolist() == [255, 255, 255]
    assert image.min() == 255, "the picture itself stays as it came"


def test_a_zone_that_fills_its_box_is_not_copied() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    assert np.shares_memory(Zone(((0, 0), (1, 0), (1, 1), (0, 1))).cut(image).image, image)


def test_what_is_found_in_the_cut_is_told_in_pixels_of_the_picture() -> None:
    cut = SQUARE.cut(np.zeros((100, 200, 3), np.uint8))
    found = Faces(np.array([[1, 2, 3, 4]], np.float32), np.full((1, 5, 2), 5, np.float32), np.array([0.9], np.float32))
    moved = cut.faces_in_picture(found)
    assert moved.boxes.tolist() == [[51, 27, 53, 29]]
    assert moved.landmarks[0, 0].tolist() == [55, 30]


@given(st.lists(st.tuples(unit, unit), min_size=3, max_size=8), st.integers(1, 300), st.integers(1, 300))
def test_any_polygon_cuts_any_picture(corners: list[tuple[float, float]], width: int, height: int) -> None:
    cut = Zone(tuple(corners)).cut(np.full((height, width, 3), 200, np.uint8))
    cut_height, cut_width = cut.image.shape[:2]
    assert cut_height >= 1
    assert cut_width >= 1
    assert 0 <= cut.x <= width - cut_width
    assert 0 <= cut.y <= height - cut_height


@pytest.mark.parametrize(("x", "y", "inside"), [(100, 50, True), (10, 50, False), (50, 25, True), (151, 76, False)])
def test_contains(x: float, y: float, inside: bool) -> None:
    assert SQUARE.contains(x, y, width=200, height=100) is inside
