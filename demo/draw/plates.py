"""Licence plates in the layout of GA 36-2018, lettered with free fonts (the official typeface is the state's).

Checked texts only: a plate the demo shows must be one that reads, or the demo would measure the drawing.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from core.contract.vocabulary import PlateColour
from demo.draw.canvas import Canvas, Colour, Picture, ellipse, floats, rounded
from demo.draw.fonts import text_mask

_HEIGHT = 140
_INK: dict[PlateColour, Colour] = {
    PlateColour.BLUE: (255, 255, 255),
    PlateColour.YELLOW: (22, 22, 24),
    PlateColour.GREEN: (22, 22, 24),
}
_GROUND: dict[PlateColour, Colour] = {PlateColour.BLUE: (158, 66, 12), PlateColour.YELLOW: (20, 170, 236)}


def _glyph(character: str, width: int, height: int) -> Picture:
    """One character stretched to its cell, as plate characters are; narrow ones keep their shape."""
    mask = text_mask(character, 120)
    wide = round(width * 0.42) if character == "1" else width
    stretched = cv2.resize(mask, (wide, height), interpolation=cv2.INTER_AREA)
    cell = np.zeros((height, width), np.uint8)
    left = (width - wide) // 2
    cell[:, left : left + wide] = stretched
    return cell


@lru_cache(maxsize=64)
def draw_plate(text: str, colour: PlateColour) -> Picture:
    """The plate with ``text`` (7 characters, 8 on green), uint8 (140, 440 or 480, 3). Raises ValueError otherwise."""
    length = 8 if colour is PlateColour.GREEN else 7
    if colour not in _INK or len(text) != length:
        raise ValueError(f"can't draw plate {text!r} on {colour}: blue and yellow have 7 characters, green has 8")
    width = 480 if colour is PlateColour.GREEN else 440
    if colour is PlateColour.GREEN:
        share = np.linspace(0, 1, _HEIGHT, dtype=np.float32)[:, None, None]
        column = floats((246, 250, 246)) * (1 - share) + floats((96, 200, 84)) * share
        ground = np.broadcast_to(column, (_HEIGHT, width, 3)).astype(np.uint8)
    else:
        ground = np.full((_HEIGHT, width, 3), _GROUND[colour], np.uint8)
    ink = _INK[colour]
    canvas = Canvas(width, _HEIGHT, ground)
    canvas.stroke(rounded(6, 6, width - 6, _HEIGHT - 6, 10), ink, 3, closed=True)
    step, cell = (53, 43) if colour is PlateColour.GREEN else (57, 45)
    lefts = [15, 72] + [151 + i * step for i in range(length - 2)]
    for index, (character, left) in enumerate(zip(text, lefts, strict=True)):
        canvas.stamp(_glyph(character, 45 if index < 2 else cell, 90), (left, 25), ink)
    canvas.shape(ellipse((134, 70), (5, 5)), ink)
    return canvas.to_picture()
