"""Where a camera's background has gone: by how much the camera was turned or knocked aside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from edge.capture.conditions.background import Background
from edge.capture.conditions.edges import HEIGHT, WIDTH, Edges, edges_of
from models.types import Image

ROLLS_DEG = (0.0, 3.0, -3.0, 6.0, -6.0, 10.0, -10.0)
"""By how much a knocked camera may hang askew; each covers a degree and a half to both sides."""
SHIFTED = 0.02
"""Shares of the picture's width below which a camera only trembles."""
_HALF_DIAGONAL = 0.574
"""From the middle of a picture to its corner, in widths."""
_FITS = 0.45
_BETTER = 1.35


@dataclass(frozen=True, slots=True)
class Turned:
    """right, down: how far the view has moved, shares of the picture's width and height; roll_deg: clockwise."""

    right: float
    down: float
    roll_deg: float

    @property
    def distance(self) -> float:
        """Share of the picture's width that what was in a corner has moved by, about."""
        down = self.down * HEIGHT / WIDTH
        return math.hypot(self.right, down) + abs(math.radians(self.roll_deg)) * _HALF_DIAGONAL


def turned(background: Background, luma: Image, edges: Edges, roll_deg: float) -> Turned | None:
    """Where the background fits ``luma`` (uint8 (h, w), its edges ``edges``) with ``roll_deg`` of it taken back; None
    where it fits nowhere, or no better than where it always was.

    Circular correlation of both edge fields by Fourier transform; a tenth of the picture less in common costs a
    tenth of the fit.
    """
    steady = background.steady
    mean = np.where(steady > 0, background.cosine + 1j * background.sine, 0)
    whole = max(float((steady * steady).sum()), 1.0)
    before = float((np.conj(mean) * _field(edges)).real.sum()) / whole
    found = _field(edges_of(rolled_back(luma, roll_deg)) if roll_deg else edges)
    fit = np.fft.ifft2(np.fft.fft2(found) * np.conj(np.fft.fft2(mean))).real / whole
    row, column = np.unravel_index(int(fit.argmax()), fit.shape)
    best = float(fit[row, column])
    # What was at x is now at x + column: the camera looks the other way by as much.
    right, down = -_centred(int(column), WIDTH) / WIDTH, -_centred(int(row), HEIGHT) / HEIGHT
    where = Turned(right, down, roll_deg)
    if best < _FITS or best < _BETTER * before or where.distance < SHIFTED:
        return None
    return where


def rolled_back(luma: Image, roll_deg: float) -> Image:
    """``luma``, uint8 (h, w), turned by ``roll_deg`` counterclockwise about its middle."""
    height, width = luma.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), roll_deg, 1.0)
    return np.asarray(cv2.warpAffine(luma, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _field(edges: Edges) -> np.ndarray:
    """complex64 (HEIGHT, WIDTH): the products of two of them are larger the better their edges agree."""
    return np.asarray(edges.cosine + 1j * edges.sine)


def _centred(shift: int, size: int) -> int:
    return (shift + size // 2) % size - size // 2
