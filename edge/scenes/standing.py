"""Vehicles that come to stand where none may: a memory of places in the picture, not of vehicles.

Whatever stays in its place is told once, and once more when it has left; also what stood there when the camera was
first looked at, since nobody knows for how long it has. Only a thing that the detector is sure of at most looks is told
then: a shed that it takes for a van now and then is not.

Pure but for its own memory: the caller brings the clock. A camera before which nothing moves gives no pictures: then
`due` is asked instead, and what stood there still stands there. Whether it does after a camera was away (`away`), only
a look tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.contract.ids import HappeningId, new_id

Box = tuple[float, float, float, float]
"""x1 y1 x2 y2, fractions of the picture."""

SETTLE_S = 3.0
"""From the first look on: what is there by then was there before."""
MOSTLY = 0.5
"""Of the looks since then, surely seen at so many."""
SAME_PLACE = 0.6
"""Two boxes that have this much of their area in common show one thing that has not moved."""
GONE_S = 8.0
GONE_LOOKS = 3
"""Unseen for that long and at so many looks: it has left. Somebody walking past hides it for less."""
OLD_GONE_S = 30.0
"""As ``GONE_S``, for what stood there from the first look on."""
MAX_SPOTS = 64


@dataclass(frozen=True, slots=True)
class StandingNews:
    """A vehicle stands there since ``since``; ``until`` once it has left. happening: the same in both."""

    happening: HappeningId
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Spot:
    """One place in the picture where something stands.

    old: from the first look on; looks, sure: how many there were since, and how many were sure of it; missed: looks in
    a row without it, since ``missed_s``.
    """

    box: Box
    since_s: float
    since: datetime
    old: bool
    happening: HappeningId | None = None
    looks: int = 1
    sure: int = 1
    missed: int = 0
    missed_s: float = 0.0
    left: datetime | None = None


@dataclass(slots=True)
class StandingWatch:
    """Watches one lane. standing_s: standing for less is not told."""

    standing_s: float
    _spots: list[_Spot] = field(default_factory=list)
    _first_s: float | None = None

    def look(self, sure: Sequence[Box], faint: Sequence[Box], at_s: float, at: datetime) -> list[StandingNews]:
        """Vehicles in the lane at ``at_s`` (stream seconds): those surely seen, and those that only may be there."""
        if self._first_s is None:
            self._first_s = at_s
        settling = at_s - self._first_s < SETTLE_S
        self._spots = [_looked_at(spot, sure, faint, at_s, at) for spot in self._spots]
        for box in sure:
            if len(self._spots) < MAX_SPOTS and not any(overlap(box, spot.box) >= SAME_PLACE for spot in self._spots):
                self._spots.append(_Spot(box, at_s, at, old=settling))
        return [*self._leave(at_s), *self.due(at_s)]

    def due(self, at_s: float) -> list[StandingNews]:
        """What has stood for long enough by ``at_s``, if nothing has moved since the last look."""
        news = []
        for index, spot in enumerate(self._spots):
            certain = not spot.old or spot.sure >= MOSTLY * spot.looks
            waiting = certain and spot.happening is None and spot.missed == 0
            if waiting and at_s - spot.since_s >= self.standing_s:
                happening = HappeningId(new_id())
                self._spots[index] = replace(spot, happening=happening)
                news.append(StandingNews(happening, spot.since))
        return news

    def away(self, at_s: float, at: datetime) -> None:
        """The camera is away: whatever stands there may leave unseen. To be called again while that lasts."""
        self._spots = [
            replace(spot, missed=1, missed_s=at_s, left=at) if spot.missed == 0 else spot for spot in self._spots
        ]

    def finish(self, at: datetime) -> list[StandingNews]:
        """Nobody looks any more: what was told and lasts ends now, or when it was last seen there."""
        lasting, self._spots = self._spots, []
        return [
            StandingNews(spot.happening, spot.since, max(spot.since, spot.left or at))
            for spot in lasting
            if spot.happening is not None
        ]

    def _leave(self, at_s: float) -> list[StandingNews]:
        """Forget spots that nothing stands on any more."""
        news = []
        kept = []
        for spot in self._spots:
            patience_s = OLD_GONE_S if spot.old else GONE_S
            if spot.missed < GONE_LOOKS or at_s - spot.missed_s < patience_s:
                kept.append(spot)
            elif spot.happening is not None:
                news.append(StandingNews(spot.happening, spot.since, spot.left))
        self._spots = kept
        return news


def _looked_at(spot: _Spot, sure: Sequence[Box], faint: Sequence[Box], at_s: float, at: datetime) -> _Spot:
    surely = any(overlap(box, spot.box) >= SAME_PLACE for box in sure)
    spot = replace(spot, looks=spot.looks + 1, sure=spot.sure + surely)
    if surely or any(overlap(box, spot.box) >= SAME_PLACE for box in faint):
        return replace(spot, missed=0, left=None)
    if spot.missed == 0:
        return replace(spot, missed=1, missed_s=at_s, left=at)
    return replace(spot, missed=spot.missed + 1)


def overlap(one: Box, other: Box) -> float:
    """Area in common over the area of both together, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (both - width * height)
