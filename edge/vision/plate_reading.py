"""One look at one plate: straightened, its colour told, read as one row or as two, whichever makes a plate.

Which it is can't be told by its shape: from the side a one-row plate is as high for its width as one of two rows. So
the whole is read first, and its rows one beside the other where that gave no plate one could be sure of.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.contract.vocabulary import PlateColour
from edge.capture.picture import Picture
from edge.vision.plate_colour import plate_colour
from edge.vision.plate_vote import SeenPlate
from models.plate_crop import one_beside_the_other, rectify
from models.protocols import PlateReading
from models.types import Float, Image, ModelInputError, PlateRead

MARGINS = (0.04, 0.0, 0.08)
"""Crop margins taken in turn: reads that differ in nothing but noise agree on the same mistake."""
WIDTH_PX, ONE_ROW_PX, TWO_ROWS_PX = 220, 70, 110
"""A pixel is two millimetres of a plate 440 mm wide and 140 or 220 high."""
TALL = 2.6
"""Width over height, as seen, below which a plate may have two rows: half of those of one row seen at 45 degrees."""
SURE = 0.6
"""Lowest character's confidence from which nothing else is tried."""
_AROUND = 0.15


@dataclass(frozen=True, slots=True)
class Straightened:
    """crop: uint8 (70 or 110, 220, 3) BGR; tall: it may have two rows; sharpness: see `sharpness`."""

    crop: Image
    tall: bool
    sharpness: float


def straightened(picture: Picture, quad: Float, look: int) -> Straightened | None:
    """The plate with corners ``quad`` (float32 (4, 2), pixels of the full picture); None for corners without an area.

    look: how many came before it in its visit, for the margin. Only the pixels around the plate are asked for.
    """
    left, top = np.floor(quad.min(axis=0))
    right, bottom = np.ceil(quad.max(axis=0))
    pad = _AROUND * max(float(right - left), float(bottom - top)) + 2
    x0, y0 = max(0, int(left - pad)), max(0, int(top - pad))
    tall = aspect(quad) < TALL
    height = TWO_ROWS_PX if tall else ONE_ROW_PX
    try:
        part = picture.part(x0, y0, int(right + pad), int(bottom + pad))
        own = quad - np.array((x0, y0), np.float32)
        crop = rectify(part, own, margin=MARGINS[look % len(MARGINS)], width=WIDTH_PX, height=height)
    except (ModelInputError, ValueError):
        return None
    return Straightened(crop, tall, sharpness(crop))


def aspect(quad: Float) -> float:
    """Width over height of a plate as seen, both the mean of two sides."""
    across = np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])
    down = np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])
    return float(across / max(float(down), 1e-3))


def sharpness(crop: Image) -> float:
    """How steep a crop's upright edges are for its contrast, 0 to about 1; motion blurs those first."""
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    dark, bright = np.percentile(grey, (5, 95))
    steps = np.abs(np.diff(grey.astype(np.float32), axis=1))
    return float(np.percentile(steps, 95) / max(float(bright - dark), 8.0))


def read(reader: PlateReading, plate: Straightened, weight: float, *, colourless: bool) -> SeenPlate:
    """What ``reader`` makes of it. colourless: the picture has no colours to tell the ground's by."""
    measured = PlateColour.UNKNOWN if colourless else plate_colour(plate.crop)
    whole = _seen(reader.read([plate.crop])[0], measured, weight, colourless=colourless)
    if not plate.tall or _sureness(whole) >= SURE:
        return whole
    rows = _seen(reader.read([one_beside_the_other(plate.crop)])[0], measured, weight, colourless=colourless)
    return max(whole, rows, key=_sureness)


def _seen(told: PlateRead, measured: PlateColour, weight: float, *, colourless: bool) -> SeenPlate:
    """The ground is what the reader saw it to be, who knows where the characters are; else what was measured."""
    seen = PlateColour(told.colour)
    unseen = colourless or seen is PlateColour.UNKNOWN
    return SeenPlate(told, measured if unseen else seen, weight)


def _sureness(seen: SeenPlate) -> float:
    """Lowest confidence of a well-formed read; below 0, the nearer the surer, of another."""
    lowest = min(seen.read.confidences, default=0.0)
    return lowest if seen.text else lowest - 1.0
