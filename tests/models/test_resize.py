"""Resizing gives the size asked for, keeps what is fine, and makes nothing up."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.resize import resize
from models.types import Image


@given(height=st.integers(1, 70), width=st.integers(1, 70), to_height=st.integers(1, 70), to_width=st.integers(1, 70))
def test_any_size_becomes_any_size_and_grey_stays_grey(height: int, width: int, to_height: int, to_width: int) -> None:
    resized = resize(np.full((height, width, 3), 77, np.uint8), to_width, to_height)
    assert resized.shape == (to_height, to_width, 3)
    assert (resized == 77).all()


def test_a_photograph_made_small_is_what_averaging_makes_of_it(astronaut: Image) -> None:
    for side in (90, 170, 256, 300):
        averaged = cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA)
        assert np.abs(resize(astronaut, side, side).astype(int) - averaged).mean() < 3


def test_a_thin_line_is_not_lost() -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[:, 201] = 255
    assert resize(picture, 50, 50)[:, :, 0].max(axis=1).min() > 20


def test_the_size_it_has_costs_nothing(astronaut: Image) -> None:
    assert resize(astronaut, 512, 512) is astronaut
