"""One decoded frame; turned into pixels only when somebody wants to see them, and only those wanted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

import av
import cv2
import numpy as np

from edge.capture.planes import Box, Planes, planes_of
from edge.evidence import Moment
from models.resize import resize
from models.types import Image

_PACKED = "bgr24"
_ENLARGED_AT_MOST = 1.1


class FullFrames(Protocol):
    """The main stream of a camera whose small stream is looked at."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures, pixels."""
        ...

    def near(self, at_s: float) -> av.VideoFrame | None:
        """The frame made nearest to stream time ``at_s``; None when the stream has none. Waits a moment at most."""
        ...


@dataclass(slots=True)
class Picture:
    """A frame with its moment. Used by one thread at a time.

    Sizes and places are those of the camera's full picture. Where the camera has a second, small stream, ``frame`` is
    of that, and what is asked for in more detail than it has comes from ``full``.
    """

    moment: Moment
    frame: av.VideoFrame
    ready_s: float
    """Monotonic time at which the frame was decoded, or, once asked for, its first pixels were there."""
    full: FullFrames | None = field(default=None, repr=False)
    _planes: Planes | None = field(default=None, repr=False)
    _full_planes: Planes | None = field(default=None, repr=False)
    _image: Image | None = field(default=None, repr=False)
    _shown: bool = field(default=False, repr=False)

    @property
    def width(self) -> int:
        return int(self.frame.width) if self.full is None else self.full.size[0]

    @property
    def height(self) -> int:
        return int(self.frame.height) if self.full is None else self.full.size[1]

    @property
    def small(self) -> bool:
        """True when detection looks at a smaller picture than the full one: what it finds is worth a second look."""
        return self.full is not None

    @property
    def detail(self) -> float:
        """How large that picture is, of the full one's width; more than that costs a full picture. In (0, 1]."""
        return min(1.0, self.frame.width / self.width)

    @property
    def capture_ms(self) -> float:
        """From the packet received to the picture ready, milliseconds; includes waiting for whoever looked at it."""
        return max(0.0, (self.ready_s - self.moment.received_s) * 1000)

    def luma(self) -> Image:
        """Brightness, uint8 (h, w) of the whole picture, small where there is a small one; not to be written to."""
        if self.frame.format.name == _PACKED:
            return np.asarray(cv2.cvtColor(self._packed(), cv2.COLOR_BGR2GRAY), np.uint8)
        return self._own_planes().luma

    def bgr(self) -> Image:
        """Pixels of the full picture, uint8 (height, width, 3) BGR; the same array every time."""
        if self._image is None:
            self._image = self.part(0, 0, self.width, self.height)
        return self._image

    def part(self, x0: int, y0: int, x1: int, y1: int, max_side: int | None = None) -> Image:
        """BGR of that box of the full picture, uint8 (h, w, 3), as far as it lies within; a new array.

        Scaled down so that its longer side is at most ``max_side``. Raises ValueError for a box outside the picture.
        """
        box = max(0, x0), max(0, y0), min(self.width, x1), min(self.height, y1)
        wide, high = box[2] - box[0], box[3] - box[1]
        if wide <= 0 or high <= 0:
            raise ValueError(f"box ({x0}, {y0}, {x1}, {y1}) is outside a picture of {self.width} x {self.height}")
        ratio = min(1.0, (max_side or max(wide, high)) / max(wide, high))
        size = max(1, round(wide * ratio)), max(1, round(high * ratio))
        pixels = self._pixels(box, size)
        if not self._shown:
            self._shown, self.ready_s = True, time.monotonic()
        return pixels

    def _pixels(self, box: Box, size: tuple[int, int]) -> Image:
        x0, y0, x1, y1 = box
        if self.full is None and self.frame.format.name == _PACKED:
            part = self._packed()[y0:y1, x0:x1]
            return part.copy() if size == (x1 - x0, y1 - y0) else resize(part, *size)
        if self._image is not None and size == (x1 - x0, y1 - y0):
            return self._image[y0:y1, x0:x1].copy()
        planes = self._planes_for(size[0] / (x1 - x0))
        return planes.bgr(_scaled(box, (self.width, self.height), planes.size), size)

    def _planes_for(self, detail: float) -> Planes:
        """The small planes where they have ``detail`` (pixels per pixel of the full picture), else the full ones."""
        own = self._own_planes()
        if self.full is None or detail <= _ENLARGED_AT_MOST * self.detail:
            return own
        if self._full_planes is None:
            frame = self.full.near(self.moment.pts_s)
            # Without a full picture the small one is enlarged: the quality gates see what is missing in it.
            self._full_planes = own if frame is None else planes_of(frame)
        return self._full_planes

    def _own_planes(self) -> Planes:
        if self._planes is None:
            self._planes = planes_of(self.frame)
        return self._planes

    def _packed(self) -> Image:
        return np.asarray(self.frame.to_ndarray(format=_PACKED), np.uint8)


def _scaled(box: Box, of: tuple[int, int], to: tuple[int, int]) -> Box:
    """``box`` of a picture of one size, in a picture of another; at least a pixel of it."""
    if of == to:
        return box
    across, down = to[0] / of[0], to[1] / of[1]
    x0, y0 = min(to[0] - 1, round(box[0] * across)), min(to[1] - 1, round(box[1] * down))
    x1, y1 = min(to[0], round(box[2] * across)), min(to[1], round(box[3] * down))
    return x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)
