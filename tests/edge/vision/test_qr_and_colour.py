"""Codes on phones, colours of plates."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import segno

from core.contract.vocabulary import PlateColour
from edge.vision.plate_colour import colourless, plate_colour
from edge.vision.qr import MAX_CODES, read_codes
from models.types import Image

PASS = "AJ1:" + "A2B3C4D5E6F7" * 14


def code(text: str, module_px: int = 4) -> Image:
    rows = segno.make(text, micro=False).matrix_iter(border=4)
    bright = np.array([[255 * (1 - (module & 1)) for module in row] for row in rows], np.uint8)
    return np.asarray(np.kron(np.repeat(bright[..., None], 3, axis=2), np.ones((module_px, module_px, 1))), np.uint8)


def held_up(text: str) -> Image:
    scene = np.full((720, 720, 3), 110, np.uint8)
    phone = code(text)
    scene[150 : 150 + phone.shape[0], 200 : 200 + phone.shape[1]] = phone
    tilt = cv2.getRotationMatrix2D((360, 360), 12, 1.0)
    tilted = cv2.warpAffine(scene, tilt, (720, 720), borderValue=(110, 110, 110))
    noisy = tilted + np.random.default_rng(2).normal(0, 6, scene.shape)
    encoded = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def test_a_tilted_noisy_compressed_pass_is_read() -> None:
    assert read_codes(held_up(PASS)) == (PASS,)


def test_no_code_no_text() -> None:
    assert read_codes(np.full((300, 300, 3), 128, np.uint8)) == ()


def test_longer_codes_than_a_pass_are_left_unread() -> None:
    assert read_codes(code("X" * 600)) == ()


def test_the_number_of_codes_is_bounded() -> None:
    wall = np.full((700, 900, 3), 255, np.uint8)
    for number in range(MAX_CODES + 2):
        one = code(f"poster {number}")
        row, column = divmod(number, 3)
        wall[row * 300 + 20 : row * 300 + 20 + one.shape[0], column * 280 + 20 : column * 280 + 20 + one.shape[1]] = one
    assert len(read_codes(wall)) == MAX_CODES


def plate(ground: Image, ink: tuple[int, int, int]) -> Image:
    drawn = ground.copy()
    for x in range(12, 188, 26):
        cv2.putText(drawn, "8", (x, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.1, ink, 4)
    return np.clip(drawn + np.random.default_rng(4).normal(0, 6, drawn.shape), 0, 255).astype(np.uint8)


def plain(*bgr: int) -> Image:
    return np.full((64, 200, 3), bgr, np.uint8)


def fading() -> Image:
    share = np.linspace(0, 1, 64)[:, None, None]
    column = np.array((246, 250, 246)) * (1 - share) + np.array((96, 200, 84)) * share
    return np.broadcast_to(column, (64, 200, 3)).astype(np.uint8)


def two_parts() -> Image:
    ground = plain(90, 190, 80)
    ground[:, :52] = (20, 170, 236)
    return ground


WHITE, BLACK = (245, 245, 245), (22, 22, 24)


@pytest.mark.parametrize("light", [0.45, 0.7, 1.0])
@pytest.mark.parametrize(
    ("ground", "ink", "colour"),
    [
        (plain(158, 66, 12), WHITE, PlateColour.BLUE),
        (plain(20, 170, 236), BLACK, PlateColour.YELLOW),
        (fading(), BLACK, PlateColour.GREEN),
        (two_parts(), BLACK, PlateColour.YELLOW_GREEN),
        (plain(235, 235, 235), BLACK, PlateColour.WHITE),
        (plain(22, 22, 22), WHITE, PlateColour.BLACK),
    ],
)
def test_ground_colours_by_day_and_at_dusk(
    ground: Image, ink: tuple[int, int, int], colour: PlateColour, light: float
) -> None:
    assert plate_colour((plate(ground, ink) * light).astype(np.uint8)) is colour


def test_a_grey_patch_has_no_colour() -> None:
    assert plate_colour(plain(120, 120, 120)) is PlateColour.UNKNOWN


def test_an_infrared_picture_has_no_colours_and_a_dull_day_has_some() -> None:
    noise = np.random.default_rng(5).normal(0, 8, (180, 320, 1))
    grey = np.clip(np.full((180, 320, 3), 90.0) + noise, 0, 255).astype(np.uint8)
    assert colourless(grey)
    grey[60:90, 100:160] = (96, 90, 60)
    assert not colourless(grey)
