"""Hard light, bad weather and motion, laid over a drawn picture. Simulated: simple optics, not photographs."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from demo.draw.canvas import Mask, Picture

_DUSK_LIGHT = (0.50, 0.40, 0.36)
"""What is left of blue, green and red when the sun is down and the lamps are not on, after the camera's own gain."""
_BACKLIT_GAIN, _SHADE_GAIN, _VEIL = 1.45, 0.46, 22.0
_DIFFERENT = 12
_SHADE_REACH = 32
"""Pixels from who came to where their shade has faded away: the blur's own reach, twice."""
_DROPS = 420
_DROP_GREY = 205


def dusk(picture: Picture) -> Picture:
    """``picture`` after sunset: darker, bluer, flat."""
    return _curve(picture, _DUSK_LIGHT, 8)


def backlit(picture: Picture, empty: Picture) -> Picture:
    """The sun behind whoever came: what is unlike the ``empty`` scene lies in shade, the rest is washed out."""
    bright = _curve(picture, (_BACKLIT_GAIN,) * 3, 10)
    apart = _unlike(picture, empty, _DIFFERENT)
    left, top, width, height = cv2.boundingRect(apart)
    if width == 0:
        return bright
    # Elsewhere nothing is in shade: only around who came is there anything to mix.
    near = np.s_[
        max(0, top - _SHADE_REACH) : top + height + _SHADE_REACH,
        max(0, left - _SHADE_REACH) : left + width + _SHADE_REACH,
    ]
    shaded = cv2.dilate(np.ascontiguousarray(apart[near]), np.ones((5, 5), np.uint8))
    share = np.asarray(cv2.GaussianBlur(shaded, (0, 0), 3.0), np.float32)[..., None] / 255
    dark = _curve(np.ascontiguousarray(picture[near]), (_SHADE_GAIN,) * 3, _VEIL)
    bright[near] = np.asarray(bright[near] + (dark.astype(np.float32) - bright[near]) * share, np.uint8)
    return bright


def rain(picture: Picture, number: int, seed: int) -> Picture:
    """Streaks before everything, other ones at every frame ``number``, and the haze behind them."""
    random = np.random.default_rng((seed, number, 5))
    height, width = picture.shape[:2]
    hazy = _curve(picture, (0.78,) * 3, 26)
    layer = np.zeros((height, width), np.uint8)
    at = random.uniform((-40, -60), (width, height), (_DROPS, 2))
    length = random.uniform(18, 64, _DROPS)
    strength = random.integers(60, 150, _DROPS)
    for (x, y), long, grey in zip(at, length, strength, strict=True):
        cv2.line(layer, (round(x), round(y)), (round(x + 0.13 * long), round(y + long)), int(grey), 2, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(layer, (3, 3), 0), np.uint8)
    wet, greys = np.flatnonzero(soft), hazy.reshape(-1, 3)
    cover, behind = soft.reshape(-1)[wet].astype(np.float32)[:, None] / 255, greys[wet].astype(np.float32)
    greys[wet] = np.asarray(behind + (_DROP_GREY - behind) * cover, np.uint8)
    return hazy


def smear(picture: Picture, before: Picture, step: tuple[float, float]) -> None:
    """Blur what was just drawn on ``before`` along ``step`` (pixels moved while the shutter was open), in place."""
    length = int(np.hypot(*step))
    if length < 2:
        return
    changed = _unlike(picture, before, 0)
    x, y, width, height = cv2.boundingRect(changed)
    if width == 0:
        return
    near = np.s_[max(0, y - length) : y + height + length, max(0, x - length) : x + width + length]
    region = picture[near]
    blurred = cv2.filter2D(region, -1, _line_kernel(step, length))
    touched = cv2.dilate(np.ascontiguousarray(changed[near]), np.ones((length, length), np.uint8))
    cv2.copyTo(blurred, touched, region)


def more_noise(tile: npt.NDArray[np.int8], times: float) -> npt.NDArray[np.int8]:
    """A sensor's noise ``times`` as strong, as with little light."""
    return np.clip(np.round(tile.astype(np.float32) * times), -60, 60).astype(np.int8)


def _unlike(picture: Picture, other: Picture, by: int) -> Picture:
    """255 where a channel differs by more than ``by`` greys, else 0; uint8 (h, w)."""
    alike = cv2.inRange(cv2.absdiff(picture, other), (0, 0, 0), (by, by, by))
    return np.asarray(cv2.bitwise_not(alike), np.uint8)


def _line_kernel(step: tuple[float, float], length: int) -> Mask:
    side = length | 1
    kernel = np.zeros((side, side), np.float32)
    middle = (side - 1) / 2
    share = middle / max(abs(step[0]), abs(step[1]))
    start, end = (
        (round(middle + sign * step[0] * share), round(middle + sign * step[1] * share)) for sign in (-1.0, 1.0)
    )
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _curve(picture: Picture, gains: tuple[float, float, float], lift: float) -> Picture:
    """Each channel times its gain, and ``lift`` more."""
    greys = np.arange(256, dtype=np.float32)[:, None, None] * np.asarray(gains, np.float32) + lift
    return np.asarray(cv2.LUT(picture, np.clip(greys, 0, 255).astype(np.uint8)), np.uint8)
