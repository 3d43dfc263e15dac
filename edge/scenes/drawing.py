"""Lines, areas, arrows and labels on a picture: legible on any ground, and told apart without their colours.

Everything has a dark casing below its colour. Colours are those of Okabe and Ito, which people who see few colours
tell apart; each kind of thing has a pattern of its own besides. Letters come with OpenCV (Latin and Chinese).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np

from core.contract.config_shapes import Line, Polygon
from models.types import Image

Pixel = tuple[int, int]
Box = tuple[int, int, int, int]
"""x0 y0 x1 y1, pixels."""
Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

_CASING: Colour = (20, 20, 20)
_PAPER: Colour = (28, 28, 28)
_INK: Colour = (255, 255, 255)
_FONT_WEIGHT = 500
_PARTS = 24
_SEARCH = 16
"""Steps of a quarter of a card's height, each way."""


class Hue(Enum):
    SKY = (233, 180, 86)
    ORANGE = (0, 159, 230)
    GREEN = (115, 158, 0)
    VERMILION = (0, 94, 213)
    YELLOW = (66, 228, 240)


class Pattern(Enum):
    SOLID = "solid"
    DASHED = "dashed"
    HATCHED = "hatched"


@dataclass(slots=True)
class Sheet:
    """A picture that is being drawn on; all measures grow with its size."""

    image: Image
    taken: list[Box] = field(default_factory=list)
    """Where no card may lie: lines, arrows, and cards that lie there already."""
    _cards: list[tuple[Pixel, tuple[str, ...], Hue]] = field(default_factory=list)

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def unit(self) -> float:
        """A line's width, pixels: 2 on a picture 1080 high."""
        return max(1.0, self.height / 540)

    def pixel(self, point: tuple[float, float]) -> Pixel:
        """Of a point in fractions of the picture."""
        return round(point[0] * (self.width - 1)), round(point[1] * (self.height - 1))

    def area(self, corners: Polygon, hue: Hue, pattern: Pattern) -> None:
        """A polygon: its border, and a tint inside that leaves the picture to be seen."""
        points = np.array([self.pixel(corner) for corner in corners], np.int32)
        tint = self.image.copy()
        cv2.fillPoly(tint, [points], hue.value, cv2.LINE_AA)
        self.image[:] = cv2.addWeighted(self.image, 0.82, tint, 0.18, 0)
        if pattern is Pattern.HATCHED:
            self._hatch(points, hue)
        closed = [*map(tuple, points.tolist()), tuple(points[0].tolist())]
        for start, end in itertools.pairwise(closed):
            self.stroke(start, end, hue, 1.3, dashed=pattern is Pattern.DASHED)

    def line(self, line: Line, hue: Hue, *, dashed: bool = False) -> None:
        """A line with a round end at its first point, so that its direction can be told."""
        start, end = (self.pixel(point) for point in line)
        self.stroke(start, end, hue, 2.2, dashed=dashed)
        margin = round(3 * self.unit)
        for part in range(_PARTS + 1):
            x, y = _between(start, end, part / _PARTS)
            self.taken.append((x - margin, y - margin, x + margin, y + margin))
        radius = round(4.5 * self.unit)
        cv2.circle(self.image, start, radius + round(self.unit), _CASING, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(self.image, start, radius, hue.value, cv2.FILLED, cv2.LINE_AA)

    def stroke(self, start: Pixel, end: Pixel, hue: Hue, width: float, *, dashed: bool = False) -> None:
        """A straight stroke, ``width`` units wide."""
        parts = _dashes(start, end, 9 * self.unit) if dashed else [(start, end)]
        for colour, more in ((_CASING, 1.6), (hue.value, 0.0)):
            for one, other in parts:
                cv2.line(self.image, one, other, colour, max(1, round((width + more) * self.unit)), cv2.LINE_AA)

    def arrow(self, start: Pixel, end: Pixel, hue: Hue, width: float = 2.2) -> None:
        """A stroke with a filled head at ``end``."""
        length = math.hypot(end[0] - start[0], end[1] - start[1])
        if length < 1:
            return
        margin = round(7 * self.unit)
        (x0, x1), (y0, y1) = (sorted((start[axis], end[axis])) for axis in (0, 1))
        self.taken.append((x0 - margin, y0 - margin, x1 + margin, y1 + margin))
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        head = min(length * 0.6, 11 * self.unit)
        neck = (end[0] - along[0] * head * 0.7, end[1] - along[1] * head * 0.7)
        self.stroke(start, (round(neck[0]), round(neck[1])), hue, width)
        for colour, grow in ((_CASING, 1.25), (hue.value, 1.0)):
            base = (end[0] - along[0] * head, end[1] - along[1] * head)
            tip = (end[0] + along[0] * (grow - 1) * head, end[1] + along[1] * (grow - 1) * head)
            side = (-along[1] * head * 0.55 * grow, along[0] * head * 0.55 * grow)
            corners = [tip, (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])]
            cv2.fillPoly(self.image, [np.array(corners, np.float64).round().astype(np.int32)], colour, cv2.LINE_AA)

    def outline(self, box: Box, hue: Hue) -> None:
        """A dashed box, x0 y0 x1 y1 in pixels: how large something has to be."""
        x0, y0, x1, y1 = box
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
        for start, end in itertools.pairwise(corners):
            self.stroke(start, end, hue, 1.0, dashed=True)

    def label(self, near: Pixel, lines: Sequence[str], hue: Hue) -> None:
        """Words on a dark card as near to ``near`` as there is room; laid when all the rest is drawn."""
        self._cards.append((near, tuple(lines), hue))

    def lay_cards(self) -> None:
        """Lay every card where it hides no other and no arrow, and all of it is in the picture."""
        for near, lines, hue in self._cards:
            self._lay(near, lines, hue)
        self._cards.clear()

    def _lay(self, near: Pixel, lines: Sequence[str], hue: Hue) -> None:
        size = max(11, round(self.height / 52))
        pad, gap = round(size * 0.5), round(size * 0.35)
        widths = [self._text_width(line, size) for line in lines]
        wide, high = max(widths) + 2 * pad + round(size * 0.35), len(lines) * size + (len(lines) - 1) * gap + 2 * pad
        x0, y0 = self._free_place(near, wide, high)
        self.taken.append((x0, y0, x0 + wide, y0 + high))
        card = self.image[y0 : y0 + high, x0 : x0 + wide]
        card[:] = (card * 0.18 + np.array(_PAPER) * 0.82).astype(np.uint8)
        cv2.rectangle(self.image, (x0, y0), (x0 + round(size * 0.3), y0 + high - 1), hue.value, cv2.FILLED)
        for number, line in enumerate(lines):
            baseline = y0 + pad + number * (size + gap) + round(size * 0.86)
            self._write(line, (x0 + pad + round(size * 0.35), baseline), size)

    def _free_place(self, near: Pixel, wide: int, high: int) -> Pixel:
        """The nearest place for a card of that size; ``near`` itself where everything is taken."""
        most = max(0, self.width - wide), max(0, self.height - high)
        step = max(4, high // 4)
        first = min(max(0, near[0]), most[0]), min(max(0, near[1]), most[1])
        places = {
            (min(max(0, near[0] + across * step), most[0]), min(max(0, near[1] + down * step), most[1]))
            for across in range(-_SEARCH, _SEARCH + 1)
            for down in range(-_SEARCH, _SEARCH + 1)
        }
        by_distance = sorted(places, key=lambda place: (math.dist(place, first), place))
        return next((place for place in by_distance if self._is_free(place, wide, high)), first)

    def _is_free(self, place: Pixel, wide: int, high: int) -> bool:
        x, y = place
        return not any(x < x1 and x0 < x + wide and y < y1 and y0 < y + high for x0, y0, x1, y1 in self.taken)

    def _hatch(self, points: np.ndarray, hue: Hue) -> None:
        mask = np.zeros(self.image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [points], 255)
        lined = self.image.copy()
        step = round(16 * self.unit)
        for offset in range(-self.height, self.width, step):
            start, end = (offset, self.height), (offset + self.height, 0)
            cv2.line(lined, start, end, hue.value, max(1, round(1.6 * self.unit)), cv2.LINE_AA)
        self.image[mask > 0] = lined[mask > 0]

    def _text_width(self, text: str, size: int) -> int:
        _, _, wide, _ = cv2.getTextSize((self.width, self.height), text, (0, 0), _font(), size, _FONT_WEIGHT)
        return int(wide)

    def _write(self, text: str, at: Pixel, size: int) -> None:
        cv2.putText(self.image, text, at, _INK, _font(), size, _FONT_WEIGHT)


def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _dashes(start: Pixel, end: Pixel, length: float) -> list[tuple[Pixel, Pixel]]:
    """The stroke cut into dashes with gaps half as long."""
    whole = math.hypot(end[0] - start[0], end[1] - start[1])
    number = max(1, round(whole / (1.5 * length)))
    parts = []
    for index in range(number):
        low, high = index / number, (index + 2 / 3) / number
        parts.append((_between(start, end, low), _between(start, end, high)))
    return parts


def _between(start: Pixel, end: Pixel, share: float) -> Pixel:
    return round(start[0] + (end[0] - start[0]) * share), round(start[1] + (end[1] - start[1]) * share)
