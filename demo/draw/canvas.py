"""Drawing with soft edges: a canvas that collects shapes, and sprites that are laid on frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float]
"""Blue, green, red, 0..255."""
Point = tuple[float, float]
Picture = npt.NDArray[np.uint8]
"""uint8 (h, w, 3), BGR."""
Mask = npt.NDArray[np.float32]

_SUBPIXEL_BITS = 4


def floats(values: npt.ArrayLike) -> Mask:
    """``values`` as a float32 array."""
    return np.asarray(values, np.float32)


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` darker (factor below 1) or lighter (above)."""
    return tuple(float(min(255.0, channel * factor)) for channel in colour)  # type: ignore[return-value]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` (0..1) of ``second`` in it."""
    return tuple(a * (1 - share) + b * share for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def smooth(points: Sequence[Point], steps: int = 12, *, closed: bool = True) -> npt.NDArray[np.float32]:
    """Catmull-Rom curve through ``points``, float32 (n, 2)."""
    control = np.asarray(points, np.float32)
    if closed:
        control = np.vstack([control[-1:], control, control[:2]])
    else:
        control = np.vstack([control[:1], control, control[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[:, None]
    p0, p1, p2, p3 = (control[i : len(control) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, control[-1:]])


def ellipse(centre: Point, axes: Point, tilt_deg: float = 0.0, start: float = 0.0, end: float = 360.0) -> Mask:
    """Outline of an ellipse (or of a slice of it), float32 (n, 2)."""
    t = np.radians(np.linspace(start, end, 48, dtype=np.float32))
    x, y = axes[0] * np.cos(t), axes[1] * np.sin(t)
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    return np.stack([centre[0] + x * c - y * s, centre[1] + x * s + y * c], 1).astype(np.float32)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Mask:
    """Outline of a rectangle with round corners, float32 (n, 2)."""
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    corners = (
        (right - radius, top + radius, -90),
        (right - radius, bottom - radius, 0),
        (left + radius, bottom - radius, 90),
        (left + radius, top + radius, 180),
    )
    arcs = [ellipse((x, y), (radius, radius), 0, start, start + 90)[::6] for x, y, start in corners]
    return np.vstack(arcs).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn thing to lay on a frame.

    bgr: uint8 (h, w, 3), already multiplied by alpha; alpha: uint8 (h, w); anchor: the pixel (x, y) that is laid on
    a given place of the frame.
    """

    bgr: Picture
    alpha: Picture
    anchor: Point

    def scaled(self, factor: float) -> Sprite:
        """The sprite ``factor`` times as large."""
        height, width = self.alpha.shape
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        if size == (width, height):
            return self
        how = cv2.INTER_AREA if factor < 0.7 else cv2.INTER_LINEAR
        bgr = cv2.resize(self.bgr, size, interpolation=how)
        alpha = cv2.resize(self.alpha, size, interpolation=how)
        return Sprite(
            np.asarray(bgr, np.uint8), np.asarray(alpha, np.uint8), (self.anchor[0] * factor, self.anchor[1] * factor)
        )


def lay(frame: Picture, sprite: Sprite, at: Point, clip: tuple[int, int, int, int] | None = None) -> None:
    """Lay ``sprite`` on ``frame``, its anchor at ``at``; only inside ``clip`` (left, top, right, bottom), pixels."""
    height, width = sprite.alpha.shape
    x, y = round(at[0] - sprite.anchor[0]), round(at[1] - sprite.anchor[1])
    left, top, right, bottom = clip or (0, 0, frame.shape[1], frame.shape[0])
    x0, y0, x1, y1 = max(x, left), max(y, top), min(x + width, right), min(y + height, bottom)
    if x1 <= x0 or y1 <= y0:
        return
    inside = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
    region = frame[y0:y1, x0:x1]
    behind = cv2.cvtColor(cv2.bitwise_not(np.ascontiguousarray(sprite.alpha[inside])), cv2.COLOR_GRAY2BGR)
    dimmed = cv2.multiply(np.ascontiguousarray(region), behind, scale=1 / 255)
    region[:] = cv2.add(dimmed, np.ascontiguousarray(sprite.bgr[inside]))


class Canvas:
    """Collects shapes over nothing (or over a picture) and gives a sprite or a picture."""

    def __init__(self, width: int, height: int, picture: Picture | None = None) -> None:
        """Raises ValueError when ``picture`` has another size."""
        if picture is not None and picture.shape[:2] != (height, width):
            raise ValueError(f"picture is {picture.shape[:2]}, canvas is {(height, width)}")
        self.width, self.height = width, height
        # Premultiplied by alpha: shapes, blurs and later scaling then need no division and leave no dark fringes.
        self._bgr = (
            np.zeros((height, width, 3), np.float32) if picture is None else np.ascontiguousarray(picture, np.float32)
        )
        self._alpha = np.full((height, width), 0.0 if picture is None else 1.0, np.float32)

    def shape(
        self,
        outline: npt.ArrayLike,
        colour: Colour,
        *,
        soft: float = 0.0,
        opacity: float = 1.0,
        inside: Mask | None = None,
        on_drawn: bool = False,
    ) -> None:
        """Fill the polygon ``outline`` ((n, 2), pixels).

        soft: blur of the edge, sigma in pixels; inside: a mask (h, w) it is cut to; on_drawn: only where something
        has been drawn before (light and shadow on a thing).
        """
        points = np.asarray(outline, np.float32).reshape(-1, 2)
        pad = int(soft * 3) + 2
        x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - pad, 0)
        x1, y1 = np.minimum(np.ceil(points.max(0)).astype(int) + pad, (self.width, self.height))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        fixed = np.round((points - (x0, y0)) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        self._blend(mask, (x0, y0), colour, soft=soft, opacity=opacity, inside=inside, on_drawn=on_drawn)

    def stroke(
        self,
        line: npt.ArrayLike,
        colour: Colour,
        width_px: float,
        *,
        soft: float = 0.0,
        opacity: float = 1.0,
        inside: Mask | None = None,
        closed: bool = False,
        on_drawn: bool = False,
    ) -> None:
        """Draw the polyline ``line`` ((n, 2), pixels) ``width_px`` wide with round ends."""
        points = np.asarray(line, np.float32).reshape(-1, 2)
        pad = int(soft * 3 + width_px) + 2
        x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - pad, 0)
        x1, y1 = np.minimum(np.ceil(points.max(0)).astype(int) + pad, (self.width, self.height))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        fixed = np.round((points - (x0, y0)) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        thickness = max(1, round(width_px))
        cv2.polylines(mask, [fixed], closed, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
        opacity *= min(1.0, width_px / thickness)
        self._blend(mask, (x0, y0), colour, soft=soft, opacity=opacity, inside=inside, on_drawn=on_drawn)

    def stamp(self, mask: Picture, at: Point, colour: Colour, opacity: float = 1.0) -> None:
        """Colour through ``mask`` (uint8 (h, w)), its top left at ``at``; what lies outside the canvas is cut."""
        x, y = round(at[0]), round(at[1])
        cut = mask[max(0, -y) : max(0, self.height - y), max(0, -x) : max(0, self.width - x)]
        if cut.size:
            self._blend(cut, (max(0, x), max(0, y)), colour, soft=0, opacity=opacity, inside=None, on_drawn=False)

    def picture(self, picture: Picture, at: Point) -> None:
        """Cover with an opaque ``picture``, its top left at ``at``; it must lie inside the canvas."""
        x, y = round(at[0]), round(at[1])
        height, width = picture.shape[:2]
        self._bgr[y : y + height, x : x + width] = picture
        self._alpha[y : y + height, x : x + width] = 1.0

    def _blend(
        self,
        mask: Picture,
        at: tuple[int, int],
        colour: Colour,
        *,
        soft: float,
        opacity: float,
        inside: Mask | None,
        on_drawn: bool,
    ) -> None:
        height, width = mask.shape
        where = np.s_[at[1] : at[1] + height, at[0] : at[0] + width]
        cover = mask.astype(np.float32)
        if soft > 0:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32)
        cover *= opacity / 255
        if inside is not None:
            cover *= inside[where]
        alpha = self._alpha[where]
        if on_drawn:
            cover *= alpha
            self._bgr[where] += (floats(colour) - self._bgr[where]) * cover[..., None]
            return
        self._bgr[where] += (floats(colour) - self._bgr[where]) * cover[..., None]
        alpha += (1 - alpha) * cover

    @property
    def alpha(self) -> Mask:
        """Coverage so far, float32 (h, w), 0..1: a copy, good as ``inside``."""
        return self._alpha.copy()

    def grain(self, random: np.random.Generator, strength: float, cell_px: int) -> None:
        """Uneven surface: smooth noise of ``strength`` grey levels, spots of ``cell_px``, on what is drawn."""
        small = (max(2, self.height // cell_px), max(2, self.width // cell_px))
        noise = random.normal(0, strength, small).astype(np.float32)
        large = cv2.resize(noise, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        self._bgr += (large * self._alpha)[..., None]

    def to_sprite(self, anchor: Point) -> Sprite:
        bgr = np.clip(self._bgr, 0, 255).astype(np.uint8)
        return Sprite(bgr, np.clip(self._alpha * 255 + 0.5, 0, 255).astype(np.uint8), anchor)

    def to_picture(self) -> Picture:
        return np.asarray(np.clip(self._bgr + 0.5, 0, 255), np.uint8)
