"""Plates are cut out straight, and corners that enclose nothing are refused."""

from __future__ import annotations

import numpy as np
import pytest

from models.plate_crop import one_beside_the_other, rectify
from models.types import ModelInputError

PICTURE = np.zeros((60, 100, 3), np.uint8)
PICTURE[20:40, 30:70] = (0, 0, 255)
QUAD = np.array([[30, 20], [70, 20], [70, 40], [30, 40]], np.float32)


def test_the_crop_holds_the_quad_alone() -> None:
    crop = rectify(PICTURE, QUAD, margin=0.0, width=80, height=40)
    assert crop.shape == (40, 80, 3)
    assert (crop[2:-2, 2:-2] == (0, 0, 255)).all()


def test_a_margin_shows_what_is_around() -> None:
    crop = rectify(PICTURE, QUAD, margin=0.5, width=120, height=60)
    assert not crop[:8].any()
    assert (crop[15:45, 25:95] == (0, 0, 255)).all()


def test_outside_the_picture_its_edge_is_repeated() -> None:
    quad = np.array([[-40, -20], [20, -20], [20, 20], [-40, 20]], np.float32)
    assert (rectify(np.full_like(PICTURE, 77), quad) == 77).all()


@pytest.mark.parametrize(
    ("quad", "complaint"),
    [
        (np.zeros((4, 2), np.float32), "no area"),
        (np.array([[0, 0], [1, 1], [2, 2], [3, 3]], np.float32), "no area"),
        (np.full((4, 2), np.nan, np.float32), "finite"),
        (np.zeros((3, 2), np.float32), "shape"),
    ],
)
def test_corners_that_enclose_nothing_are_refused(quad: np.ndarray, complaint: str) -> None:
    with pytest.raises(ModelInputError, match=complaint):
        rectify(PICTURE, quad)


@pytest.mark.parametrize("size", [{"width": 0}, {"height": 5000}, {"margin": 3.0}, {"margin": float("nan")}])
def test_a_crop_of_no_size_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(ModelInputError, match="not in"):
        rectify(PICTURE, QUAD, **size)


def test_two_rows_come_to_stand_one_beside_the_other_without_the_dot_between_the_upper_characters() -> None:
    plate = np.full((220, 440, 3), 200, np.uint8)
    plate[15:75, 110:190], plate[15:75, 250:330], plate[35:55, 210:230] = (255, 0, 0), (0, 255, 0), (9, 9, 9)
    plate[90:200, 27:412] = (0, 0, 255)
    row = one_beside_the_other(plate)
    assert row.shape == (110, 2 * 62 + 440 - 2 * 62, 3)
    middles = [tuple(row[55, x]) for x in (31, 93, 280)]
    assert middles == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert not (row == 9).all(axis=2).any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 9, 3), (64, 200, 3)])
def test_a_crop_of_any_size_has_rows(shape: tuple[int, int, int]) -> None:
    assert one_beside_the_other(np.zeros(shape, np.uint8)).ndim == 3
