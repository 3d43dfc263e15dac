"""Bodies over a line, as geometry: from clearly on one side to clearly on the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.contract.config_shapes import Line
from core.contract.vocabulary import BodyKind
from edge.vision.bodies import SeenBody
from edge.vision.crossing import Point, ThresholdLine

CLEAR = 0.012
"""Of the picture: who stands nearer to the line than that is on neither side. Boxes tremble by less."""


@dataclass(frozen=True, slots=True)
class LineCrossing:
    """track: whose, for this visit only; forward: from the line's left to its right."""

    track: int
    kind: BodyKind
    forward: bool


@dataclass(slots=True)
class LineWatch:
    """Who was last clearly where, and so who has crossed. Somebody dithering on the line crosses nothing."""

    line: Line
    kinds: tuple[BodyKind, ...]
    min_height: float
    _clear_at: dict[int, Point] = field(default_factory=dict)

    def step(self, seen: Iterable[SeenBody], ended: Iterable[int]) -> list[LineCrossing]:
        """Crossings since the last look. Bodies of other kinds, and those too far away, count for nothing."""
        threshold = ThresholdLine(*self.line)
        crossings = []
        for body in seen:
            if body.kind not in self.kinds or body.height < self.min_height:
                continue
            here = body.foot
            if threshold.distance(here) < CLEAR:
                continue
            before = self._clear_at.get(body.track, here)
            self._clear_at[body.track] = here
            side = threshold.crossed(before, here)
            if side:
                crossings.append(LineCrossing(body.track, body.kind, forward=side > 0))
        for track in ended:
            self._clear_at.pop(track, None)
        return crossings
