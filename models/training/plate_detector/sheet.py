"""A sheet to draw on: shapes with soft edges over nothing, kept with their coverage."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.types import Image

Colour = tuple[float, float, float]
"""Blue, green, red, 0..255."""
Grey = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
_BITS = 4


def points(*places: tuple[float, float]) -> Points:
    """float32 (n, 2)."""
    return np.array(places, np.float32)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Points:
    """Outline of a rectangle whose corners are round by ``radius``, float32 (n, 2)."""
    radius = max(0.0, min(radius, (right - left) / 2, (bottom - top) / 2))
    if radius < 1:
        return points((left, top), (right, top), (right, bottom), (left, bottom))
    turn = np.radians(np.linspace(0, 90, 5))
    arc = np.stack([np.cos(turn), np.sin(turn)], 1) * radius
    corners = (
        ((right - radius, bottom - radius), arc),
        ((left + radius, bottom - radius), np.stack([-arc[:, 1], arc[:, 0]], 1)),
        ((left + radius, top + radius), -arc),
        ((right - radius, top + radius), np.stack([arc[:, 1], -arc[:, 0]], 1)),
    )
    return np.concatenate([np.array(centre) + part for centre, part in corners]).astype(np.float32)


def oval(x: float, y: float, across: float, down: float) -> Points:
    """Outline of an ellipse with these half axes, float32 (32, 2)."""
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], 1).astype(np.float32)


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` darker (below 1) or lighter (above)."""
    blue, green, red = (float(min(255.0, channel * factor)) for channel in colour)
    return blue, green, red


class Sheet:
    """Collects shapes. bgr: float32 (h, w, 3); alpha: float32 (h, w), 0..1."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.bgr = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)

    def mask(self, outline: Points, soft: float = 0.0) -> Points:
        """Coverage of the polygon ``outline``, float32 (h, w), 0..1, its edge blurred by ``soft`` pixels."""
        drawn = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(drawn, [_fixed(outline)], 255, cv2.LINE_AA, _BITS)
        cover = drawn.astype(np.float32) / 255
        return np.asarray(cv2.GaussianBlur(cover, (0, 0), soft) if soft > 0 else cover, np.float32)

    def fill(
        self, outline: Points, colour: Colour, *, soft: float = 0.0, opacity: float = 1.0, on_drawn: bool = False
    ) -> None:
        """Lay ``colour`` within ``outline``; ``on_drawn``: only where something is drawn already."""
        part, corner = self._around(outline, soft * 3 + 2)
        drawn = np.zeros(self.alpha[part].shape, np.uint8)
        if drawn.size == 0:
            return
        cv2.fillPoly(drawn, [_fixed(outline - corner)], 255, cv2.LINE_AA, _BITS)
        cover = drawn.astype(np.float32) * (opacity / 255)
        if soft > 0:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32)
        self.lay(cover, np.array(colour, np.float32), on_drawn=on_drawn, part=part)

    def lay(
        self,
        cover: Points,
        colour: npt.NDArray[np.float32],
        *,
        on_drawn: bool = False,
        part: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> None:
        """Lay ``colour`` ((3,) or (h, w, 3)) through ``cover`` (h, w) on ``part`` of the sheet."""
        if on_drawn:
            cover = cover * self.alpha[part]
        self.bgr[part] += (colour - self.bgr[part]) * cover[..., None]
        if not on_drawn:
            self.alpha[part] += (1 - self.alpha[part]) * cover

    def line(
        self, path: Points, colour: Colour, width_px: float, *, closed: bool = False, opacity: float = 1.0
    ) -> None:
        """Draw along ``path``, ``width_px`` wide."""
        part, corner = self._around(path, width_px + 2)
        drawn = np.zeros(self.alpha[part].shape, np.uint8)
        if drawn.size == 0:
            return
        cv2.polylines(drawn, [_fixed(path - corner)], closed, 255, max(1, round(width_px)), cv2.LINE_AA, _BITS)
        self.lay(drawn.astype(np.float32) * (opacity / 255), np.array(colour, np.float32), part=part)

    def stamp(self, cover: Grey, left: float, top: float, colour: Colour, opacity: float = 1.0) -> None:
        """Lay ``colour`` through ``cover`` (uint8 (h, w)) with its top left corner there; what is outside is cut."""
        x, y = round(left), round(top)
        cut = cover[max(0, -y) : max(0, self.height - y), max(0, -x) : max(0, self.width - x)]
        y0, x0 = max(0, y), max(0, x)
        part = np.s_[y0 : y0 + cut.shape[0], x0 : x0 + cut.shape[1]]
        if cut.size:
            self.lay(cut.astype(np.float32) * (opacity / 255), np.array(colour, np.float32), part=part)

    def _around(self, outline: Points, pad: float) -> tuple[tuple[slice, slice], Points]:
        """The part of the sheet ``outline`` is in, and its top left corner, float32 (2,)."""
        left, top = (max(0, int(edge - pad)) for edge in outline.min(0))
        right, bottom = (max(0, int(edge + pad) + 1) for edge in outline.max(0))
        return np.s_[top : max(top, bottom), left : max(left, right)], np.array((left, top), np.float32)

    def picture(self) -> Image:
        """uint8 (h, w, 4): BGR and coverage."""
        return np.dstack([np.clip(self.bgr, 0, 255), np.clip(self.alpha * 255, 0, 255)]).astype(np.uint8)


def _fixed(outline: Points) -> npt.NDArray[np.int32]:
    """Pixels to OpenCV's sixteenths of a pixel."""
    return np.round(np.clip(outline, -30000, 30000) * (1 << _BITS)).astype(np.int32)
