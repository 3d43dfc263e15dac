"""The ground colour of a rectified plate (GA 36-2018), from its pixels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.contract.vocabulary import PlateColour
from models.types import Image

_MIN_SATURATION = 60
_HUES = {PlateColour.YELLOW: (12, 34), PlateColour.GREEN: (35, 92), PlateColour.BLUE: (93, 135)}
"""OpenCV hue ranges, 0 to 179, both ends included."""
_MIN_COLOURED_SHARE = 0.22
_BLACK_GROUND_SHARE = 0.5
_COLOURED_SPREAD = 10
_EVERY = 4


def plate_colour(crop: Image) -> PlateColour:
    """Ground colour of ``crop``, a plate rectified to upright; UNKNOWN where nothing prevails.

    New-energy plates fade from white to green, so green needs less of the surface than blue or yellow.
    """
    height, width = crop.shape[:2]
    inner = crop[height // 8 : max(height - height // 8, 1), width // 20 : max(width - width // 20, 1)]
    pixels = np.asarray(cv2.cvtColor(inner, cv2.COLOR_BGR2HSV), np.uint8)
    hue, saturation, value = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    coloured = (saturation >= _MIN_SATURATION) & (value >= 30)
    masks = {colour: coloured & (hue >= low) & (hue <= high) for colour, (low, high) in _HUES.items()}
    shares = {colour: float(mask.mean()) for colour, mask in masks.items()}
    best = max(shares, key=lambda colour: shares[colour])
    if shares[best] >= _MIN_COLOURED_SHARE:
        return _split_ground(masks) or best
    return _uncoloured(value, saturation)


def colourless(image: Image) -> bool:
    """True for a picture without colours, as cameras give by infrared light: a plate's ground can't be told by it."""
    pixels = image[::_EVERY, ::_EVERY]
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return bool(np.percentile(spread, 99) < _COLOURED_SPREAD)


def _split_ground(masks: dict[PlateColour, npt.NDArray[np.bool_]]) -> PlateColour | None:
    """Large new-energy plates: yellow under province and city, green under the rest."""
    border = masks[PlateColour.YELLOW].shape[1] // 4
    left, right = slice(None, border), slice(border, None)
    yellow, green = masks[PlateColour.YELLOW], masks[PlateColour.GREEN]
    if float(yellow[:, left].mean()) >= 0.4 and float(green[:, right].mean()) >= 0.3:
        return PlateColour.YELLOW_GREEN
    return None


def _uncoloured(value: Image, saturation: Image) -> PlateColour:
    """White or black: which of dark and bright is the ground, and which the characters?"""
    grey = value[saturation < _MIN_SATURATION * 2]
    if grey.size < value.size // 2:
        return PlateColour.UNKNOWN
    darkest, brightest = (float(level) for level in np.percentile(grey, (5, 95)))
    if brightest - darkest < 30:
        return PlateColour.UNKNOWN
    dark_share = float((grey < (darkest + brightest) / 2).mean())
    return PlateColour.BLACK if dark_share > _BLACK_GROUND_SHARE else PlateColour.WHITE
