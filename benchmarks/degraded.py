"""Pictures of faces made worse in known ways: simulated, and called simulated wherever a figure rests on them.

Each way takes a picture, the width of the face in it and a generator, and gives another picture; lengths are in
hundredths of that width, so that they mean the same whatever the picture's size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from models.types import Image

Degrading = Callable[[Image, float, np.random.Generator], Image]


def unchanged(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001 - a Degrading
    return picture


def smaller(to_px: float, quality: int = 75) -> Degrading:
    """The face ``to_px`` wide (never enlarged), through JPEG: what a camera further away sends."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001
        scale = min(1.0, to_px / width_px)
        size = (max(32, round(picture.shape[1] * scale)), max(32, round(picture.shape[0] * scale)))
        return _jpeg(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), quality)

    return make


def out_of_focus(sigma: float, quality: int = 75) -> Degrading:
    """Gaussian blur of ``sigma`` hundredths of the face's width."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001
        return _jpeg(cv2.GaussianBlur(picture, (0, 0), max(0.1, sigma * width_px / 100)), quality)

    return make


def moving(length: float, quality: int = 75) -> Degrading:
    """Smeared along a line of ``length`` hundredths of the face's width, in a direction drawn at random."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:
        length_px = max(1.0, length * width_px / 100)
        side = 2 * int(np.ceil(length_px / 2)) + 3
        angle = draw.uniform(0, np.pi)
        steps = np.linspace(-length_px / 2, length_px / 2, 8 * side)
        kernel = np.zeros((side, side), np.float64)
        x, y = side // 2 + steps * np.cos(angle), side // 2 + steps * np.sin(angle)
        np.add.at(kernel, (np.round(y).astype(int), np.round(x).astype(int)), 1.0)
        return _jpeg(np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8), quality)

    return make


def dark(light: float, noise: float = 0.006, quality: int = 75) -> Degrading:
    """With ``light`` times the light and a sensor's noise: read noise ``noise`` of full scale, and photon noise."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001
        linear = (picture / 255.0) ** 2.2 * light
        noisy = linear + draw.normal(0, 1, linear.shape) * np.sqrt(noise**2 + 0.0004 * linear)
        return _jpeg(np.asarray(np.round(255 * np.clip(noisy, 0, 1) ** (1 / 2.2)), np.uint8), quality)

    return make


def bright(gain: float, quality: int = 75) -> Degrading:
    """Overexposed: ``gain`` times the light, cut off at white."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001
        linear = np.clip((picture / 255.0) ** 2.2 * gain, 0, 1)
        return _jpeg(np.asarray(np.round(255 * linear ** (1 / 2.2)), np.uint8), quality)

    return make


def packed(quality: int) -> Degrading:
    """Through JPEG alone."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:  # noqa: ARG001
        return _jpeg(picture, quality)

    return make


def both(first: Degrading, second: Degrading) -> Degrading:
    """One after the other; the width told to the second is that of the picture as it came."""

    def make(picture: Image, width_px: float, draw: np.random.Generator) -> Image:
        return second(first(picture, width_px, draw), width_px, draw)

    return make


CONDITIONS: Mapping[str, Degrading] = {
    "clean": unchanged,
    "40 px wide": smaller(40),
    "out of focus": out_of_focus(2.5),
    "moving": moving(11),
    "dark and noisy": dark(0.05),
}
"""What identification is measured in."""


def any_of_a_pass(picture: Image, width_px: float, draw: np.random.Generator) -> Image:
    """One look of somebody walking up: near or far, moving, out of focus or badly lit, each drawn at random."""
    seen = picture
    if draw.random() < 0.5:
        seen = moving(draw.uniform(2, 16))(seen, width_px, draw)
    if draw.random() < 0.3:
        seen = out_of_focus(draw.uniform(0.5, 3))(seen, width_px, draw)
    if draw.random() < 0.3:
        seen = dark(float(np.exp(draw.uniform(np.log(0.05), np.log(0.5)))))(seen, width_px, draw)
    return smaller(draw.uniform(32, 92))(seen, width_px, draw)


def _jpeg(picture: np.ndarray, quality: int) -> Image:
    packed_ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert packed_ok, "OpenCV packs any 8-bit picture"
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
