"""Where the edges of a picture run: what stays the same of a place by day, by night and under infrared light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.types import Float, Image

WIDTH, HEIGHT = 160, 90
"""Every glance is looked at in this size, whatever the camera's shape: what counts is what changes."""
_GLOW_PX = 6.0
"""Brightness that changes more slowly than over so many pixels is the light's, not the place's: a lamp's cone."""
_BLACK = 16.0
_FAINT = 0.16
"""Sobel answer of an edge half as strong as any can be: a step of 2 % of the brightness from pixel to pixel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """Edges of one picture, each float32 (HEIGHT, WIDTH).

    cosine, sine: strength of the edge in [0, 1] times cosine and sine of twice its direction. Doubled, light on dark
    and dark on light are the same edge: infrared turns one into the other.
    light: brightness, 0 to 255. fine: square of the contrast between neighbouring pixels of the glance: lost first when
    the picture is out of focus. coarse: square of the contrast over three times that distance. Both are shares of the
    brightness around, so that dusk changes neither.
    """

    cosine: Float
    sine: Float
    light: Float
    fine: Float
    coarse: Float

    @property
    def strength(self) -> Float:
        """float32 (HEIGHT, WIDTH), in [0, 1]."""
        return np.asarray(cv2.magnitude(self.cosine, self.sine), np.float32)


def edges_of(luma: Image) -> Edges:
    """The edges of ``luma``, uint8 (h, w)."""
    large = _resized(luma, 2).astype(np.float32)
    light = _resized(large, 1)
    smooth = cv2.GaussianBlur(light, (5, 5), 1.0)
    glow = cv2.GaussianBlur(light, (0, 0), _GLOW_PX)
    around = glow + np.float32(_BLACK)
    contrast = (smooth - glow) / around
    across, down = cv2.Sobel(contrast, cv2.CV_32F, 1, 0), cv2.Sobel(contrast, cv2.CV_32F, 0, 1)
    across2, down2 = across * across, down * down
    coarse = across2 + down2
    floor = coarse + np.float32(_FAINT * _FAINT)
    return Edges(
        cosine=np.asarray((across2 - down2) / floor, np.float32),
        sine=np.asarray(2 * across * down / floor, np.float32),
        light=light,
        fine=np.asarray(_resized(np.square(cv2.Laplacian(large, cv2.CV_32F)), 1) / (around * around), np.float32),
        coarse=np.asarray(coarse, np.float32),
    )


def _resized(picture: np.ndarray, times: int) -> Float:
    size = (times * WIDTH, times * HEIGHT)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
