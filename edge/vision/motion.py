"""Whether anything changed in a zone since it was last looked at: the cheapest question, asked first."""

from __future__ import annotations

import cv2
import numpy as np

from models.types import Image

_GRID = (48, 27)
_CHANGED_GREY_LEVELS = 8
"""A cell averages hundreds of pixels: sensor noise and compression stay below 3 grey levels there."""


class MotionGate:
    """Remembers a thumbnail of the last picture that was looked at."""

    def __init__(self, look_again_s: float = 1.0) -> None:
        """``look_again_s``: without any change, a look is due after this much stream time all the same."""
        self._look_again_s = look_again_s
        self._thumbnail: Image | None = None
        self._looked_s = 0.0

    def due(self, luma: Image, at_s: float) -> bool:
        """True when a zone should be looked at; the picture given is then the one remembered.

        luma: uint8 (h, w), brightness of the zone's box; at_s: stream time, seconds.
        """
        thumbnail = np.asarray(cv2.resize(luma, _GRID, interpolation=cv2.INTER_AREA), np.uint8)
        before = self._thumbnail
        quiet = (
            before is not None
            and 0 <= at_s - self._looked_s < self._look_again_s
            and int(cv2.absdiff(thumbnail, before).max()) < _CHANGED_GREY_LEVELS
        )
        if quiet:
            return False
        self._thumbnail, self._looked_s = thumbnail, at_s
        return True
