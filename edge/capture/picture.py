"""One decoded frame; turned into pixels only when somebody wants to see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import av
import cv2
import numpy as np

from edge.evidence import Moment
from models.types import Image

_PLANAR = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12"})


@dataclass(slots=True)
class Picture:
    """A frame with its moment. Used by one thread at a time."""

    moment: Moment
    frame: av.VideoFrame
    ready_s: float
    """Monotonic time at which the frame was decoded, or, once asked for, its pixels were there."""
    _image: Image | None = field(default=None, repr=False)

    @property
    def width(self) -> int:
        return int(self.frame.width)

    @property
    def height(self) -> int:
        return int(self.frame.height)

    @property
    def capture_ms(self) -> float:
        """From the packet received to the picture ready, milliseconds; includes waiting for whoever looked at it."""
        return max(0.0, (self.ready_s - self.moment.received_s) * 1000)

    def luma(self) -> Image:
        """Brightness, uint8 (height, width); a view of the decoder's own plane where the format has one of 8 bits."""
        if self._image is not None or self.frame.format.name not in _PLANAR:
            return np.asarray(cv2.cvtColor(self.bgr(), cv2.COLOR_BGR2GRAY), np.uint8)
        plane: Any = self.frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return np.asarray(rows[: self.height, : self.width], np.uint8)

    def bgr(self) -> Image:
        """Pixels, uint8 (height, width, 3) BGR; the same array every time."""
        if self._image is None:
            self._image = np.asarray(self.frame.to_ndarray(format="bgr24"), np.uint8)
            self.ready_s = time.monotonic()
        return self._image
