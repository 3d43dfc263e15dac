"""How many are in a zone and for how long, all together. Of nobody in it more is known than that they are there now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.contract.vocabulary import BodyKind
from edge.vision.bodies import SeenBody
from edge.vision.crossing import Point
from edge.vision.zone import Zone

LONGEST_GAP_S = 300.0
"""Between two sights of the same track: before somebody who sits still a camera gives no pictures."""
_SIDE_PX = 1000
"""Of the square that a zone's corners are laid on, to ask what lies within."""
OUT_S = 5.0
"""Out of the zone, or unseen, for that long: a stay is over."""


@dataclass(slots=True)
class _Stay:
    since_s: float
    seen_s: float
    long: bool = False


@dataclass(slots=True)
class ZoneSums:
    """Of one kind since they were last taken."""

    body_s: float = 0.0
    most_at_once: int = 0
    long_stays: int = 0

    @property
    def anything(self) -> bool:
        return self.most_at_once > 0 or self.body_s > 0


@dataclass(slots=True)
class ZoneWatch:
    """Watches one zone. long_stay_s: a stay that reaches it is counted as long, once."""

    zone: Zone
    kinds: tuple[BodyKind, ...]
    min_height: float
    long_stay_s: float
    _stays: dict[int, _Stay] = field(default_factory=dict)
    _sums: dict[BodyKind, ZoneSums] = field(default_factory=dict)

    def step(self, seen: Iterable[SeenBody], ended: Iterable[int], at_s: float) -> None:
        """Take what was seen at stream time ``at_s``."""
        inside = [body for body in seen if self._counts(body)]
        for body in inside:
            sums = self._sums.setdefault(body.kind, ZoneSums())
            stay = self._stays.get(body.track)
            if stay is None or at_s - stay.seen_s > LONGEST_GAP_S:
                stay = self._stays[body.track] = _Stay(at_s, at_s)
            sums.body_s += max(0.0, at_s - stay.seen_s)
            stay.seen_s = max(stay.seen_s, at_s)
            if not stay.long and at_s - stay.since_s >= self.long_stay_s:
                stay.long = True
                sums.long_stays += 1
        for kind in {body.kind for body in inside}:
            number = sum(body.kind is kind for body in inside)
            self._sums[kind].most_at_once = max(self._sums[kind].most_at_once, number)
        gone = set(ended) | self._left({body.track for body in inside}, {body.track for body in seen}, at_s)
        self._stays = {track: stay for track, stay in self._stays.items() if track not in gone}

    def take(self) -> dict[BodyKind, ZoneSums]:
        """What was counted since the last taking; stays go on."""
        taken, self._sums = self._sums, {}
        return {kind: sums for kind, sums in taken.items() if sums.anything}

    def _left(self, inside: set[int], seen: set[int], at_s: float) -> set[int]:
        """Tracks that are seen elsewhere now, and have been out for a while."""
        return {
            track
            for track, stay in self._stays.items()
            if track in seen and track not in inside and at_s - stay.seen_s > OUT_S
        }

    def _counts(self, body: SeenBody) -> bool:
        tall = body.height >= self.min_height
        return body.born and body.kind in self.kinds and tall and contains(self.zone, body.foot)


def contains(zone: Zone, point: Point) -> bool:
    """Whether ``point`` (fractions of the picture) lies in ``zone`` or on its border."""
    x, y = point
    return zone.contains(x * _SIDE_PX, y * _SIDE_PX, width=_SIDE_PX, height=_SIDE_PX)
