"""One decoded frame; turned into pixels only when somebody wants to see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import av
import numpy as np

from edge.evidence import Moment
from models.types import Image


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

    def bgr(self) -> Image:
        """Pixels, uint8 (height, width, 3) BGR; the same array every time."""
        if self._image is None:
            self._image = np.asarray(self.frame.to_ndarray(format="bgr24"), np.uint8)
            self.ready_s = time.monotonic()
        return self._image
