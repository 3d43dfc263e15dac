"""Going through a door, as geometry: from one side of a line to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.contract.config import UnitPoint

Point = tuple[float, float]
_BEYOND_ENDS = 0.1
"""The line may be passed this much of its length beyond its ends: nobody draws it from jamb to jamb."""


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """From ``start`` to ``end``, fractions of the picture. Left to right, seen from start to end, is going through."""

    start: UnitPoint
    end: UnitPoint

    def crossed(self, before: Point, after: Point) -> int:
        """Of a step between two points (fractions of the picture): 1 through, -1 back, 0 neither."""
        sides = self._side(before), self._side(after)
        if (sides[0] > 0) == (sides[1] > 0):
            return 0
        share = sides[0] / (sides[0] - sides[1])
        at = (before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1]))
        if not -_BEYOND_ENDS <= self._along(at) <= 1 + _BEYOND_ENDS:
            return 0
        return 1 if sides[1] > 0 else -1

    def distance(self, point: Point) -> float:
        """How far ``point`` is from the line, however long the line is made; fractions of the picture."""
        (x0, y0), (x1, y1) = self.start, self.end
        return abs(self._side(point)) / max(math.hypot(x1 - x0, y1 - y0), 1e-12)

    def _side(self, point: Point) -> float:
        """Above 0 on the right. The picture's y grows downwards, which turns the usual sign round."""
        (x0, y0), (x1, y1) = self.start, self.end
        return (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)

    def _along(self, point: Point) -> float:
        (x0, y0), (x1, y1) = self.start, self.end
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        return ((point[0] - x0) * (x1 - x0) + (point[1] - y0) * (y1 - y0)) / max(length, 1e-12)
