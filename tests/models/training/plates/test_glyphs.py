"""Variants of a typeface: other strokes, the same cell, and never a character that filled up or went away."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.training.plates.glyphs import CELL, Typeface, varied


@pytest.fixture
def typeface() -> Typeface:
    """Two characters: a frame with a cross in it, and two bars."""
    width, height = CELL
    frame, bars = np.zeros((2, height, width), np.uint8)
    cv2.rectangle(frame, (3, 3), (width - 4, height - 4), 255, 5)
    cv2.line(frame, (width // 2, 0), (width // 2, height), 255, 5)
    cv2.line(bars, (0, 20), (width, 20), 255, 7)
    cv2.line(bars, (0, 60), (width, 60), 255, 7)
    return Typeface({"田": frame, "二": bars})


@pytest.mark.parametrize("seed", range(12))
def test_a_variant_keeps_cell_and_about_as_much_ink(typeface: Typeface, seed: int) -> None:
    other = varied(typeface, np.random.default_rng(seed))
    assert set(other.masks) == set(typeface.masks)
    for character, mask in other.masks.items():
        before = typeface.masks[character]
        assert mask.shape == before.shape
        assert mask.dtype == np.uint8
        assert 0.6 < mask.mean() / before.mean() < 1.6


def test_no_two_variants_are_the_same(typeface: Typeface) -> None:
    rng = np.random.default_rng(4)
    one, other = varied(typeface, rng), varied(typeface, rng)
    assert any((one.masks[c] != other.masks[c]).any() for c in one.masks)
