"""Whether anything changed in a zone since it was last looked at: the cheapest question, asked first."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.contract.config import Polygon
from edge.vision.zone import Zone
from models.types import Image

_GRID = (48, 27)
_EVERYTHING: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_ROWS_A_CELL = 8
"""More would cost as much as the rest of a look: 1.4 ms of a full picture, of so many rows a quarter."""
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
        thumbnail = _thumbnail(luma)
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


class SceneChange:
    """Whether the zones that matter look different from the last time somebody asked; light on all of one is none."""

    def __init__(self, zones: Sequence[Polygon] = ()) -> None:
        """``zones``: of the picture; without any, all of it matters."""
        self._zones = [Zone(polygon) for polygon in zones] or [Zone(_EVERYTHING)]
        self._seen: list[Image] | None = None
        self._before: list[Image] | None = None

    def since_last(self, luma: Image) -> bool:
        """True when ``luma`` (uint8 (h, w), the whole picture, any size) differs from the one given before it."""
        self._before, self._seen = self._seen, self._thumbnails(luma)
        return self._before is not None and any(map(_differs, self._seen, self._before))

    def as_before(self, luma: Image) -> bool:
        """True when ``luma`` shows what the picture before the last one did; False, too, when there was none."""
        return self._before is not None and not any(map(_differs, self._thumbnails(luma), self._before))

    def as_last(self, luma: Image) -> bool:
        """The same of the last one."""
        return self._seen is not None and not any(map(_differs, self._thumbnails(luma), self._seen))

    def forget(self) -> None:
        """The next picture follows nothing."""
        self._seen = self._before = None

    def _thumbnails(self, luma: Image) -> list[Image]:
        return [_thumbnail(zone.box_of(luma)) for zone in self._zones]


def _thumbnail(luma: Image) -> Image:
    """Mean brightness of each cell of the grid, uint8; of a large picture from some of its rows, which tell as much."""
    rows = max(1, luma.shape[0] // (_GRID[1] * _ROWS_A_CELL))
    return np.asarray(cv2.resize(luma[::rows], _GRID, interpolation=cv2.INTER_AREA), np.uint8)


def _differs(now: Image, before: Image) -> bool:
    change = now.astype(np.int16) - before
    # A cloud or the camera's own exposure shifts everything alike.
    return int(np.abs(change - int(np.median(change))).max()) >= _CHANGED_GREY_LEVELS
