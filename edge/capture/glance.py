"""A small grey look at a camera's picture now and then: enough to ask how the camera is, too little to know anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from models.types import Image

GLANCE_WIDTH = 320


@dataclass(frozen=True, slots=True)
class Glance:
    """One decoded picture, shrunk: of every keyframe while nothing moves, about once a second while something does.

    luma: brightness, uint8 (h, w), at most ``GLANCE_WIDTH`` wide; at_s: stream time on the monotonic clock, seconds;
    at: when it was made, by this machine's clock; camera_clock: when it was made by the camera's own, where it tells.
    """

    luma: Image
    at_s: float
    at: datetime
    camera_clock: datetime | None = None


def shrink(luma: Image) -> Image:
    """``luma`` (uint8 (h, w)) at most ``GLANCE_WIDTH`` wide, each pixel the mean of those it stands for; a copy."""
    height, width = luma.shape[:2]
    if width <= GLANCE_WIDTH:
        return luma.copy()
    size = GLANCE_WIDTH, max(1, round(height * GLANCE_WIDTH / width))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
