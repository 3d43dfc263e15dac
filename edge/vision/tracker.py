"""A tracker as a small pure value: boxes in, the next tracker out.

The life cycle and the injectable distance are norfair's (github.com/tryolabs/norfair); nothing is known of a track
but where it is, so it can't outlive its pass or be found again on another camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.types import Float

Distance = Callable[[Float, Float], float]
"""Of two boxes float32 (4,), x1 y1 x2 y2; 0 for equal ones, unit-free."""

_VELOCITY_SMOOTHING = 0.5
_SHORTEST_S = 0.001
"""Looks closer together than this say nothing about speed."""


@dataclass(frozen=True, slots=True)
class TrackRules:
    """birth_hits: looks a track must be seen at before it counts; death_misses: unseen looks in a row that end it.

    max_distance: farthest a box may be from a track's predicted box; max_tracks: boxes beyond it are ignored.
    """

    birth_hits: int = 3
    death_misses: int = 8
    max_distance: float = 1.0
    max_tracks: int = 32


@dataclass(frozen=True, slots=True)
class Track:
    """One thing seen over several looks.

    box: float32 (4,), where it was last seen; velocity: float32 (2,), pixels per second; hits: looks it was seen at;
    misses: looks in a row it was not; seen_s: stream time of the last sight.
    """

    id: int
    box: Float
    velocity: Float
    hits: int
    misses: int
    seen_s: float
    born: bool

    def predicted(self, at_s: float) -> Float:
        """The box where it should be at stream time ``at_s``, float32 (4,)."""
        moved: Float = self.box + np.tile(self.velocity, 2) * np.float32(max(0.0, at_s - self.seen_s))
        return moved


@dataclass(frozen=True, slots=True)
class Step:
    """What one look changed. matched: per box the id of its track, None when ``max_tracks`` were there already."""

    tracker: Tracker
    matched: tuple[int | None, ...]
    ended: tuple[Track, ...]


def centre_distance(one: Float, other: Float) -> float:
    """Distance of the centres in mean box sides, plus how much the sizes differ (natural logarithm of the ratio)."""
    sides = np.array([one[2:] - one[:2], other[2:] - other[:2]])
    sizes = np.maximum(np.sqrt(np.maximum(sides, 1e-3).prod(axis=1)), 1e-3)
    gap = float(np.hypot(*((one[:2] + one[2:] - other[:2] - other[2:]) / 2)))
    return gap / float(sizes.mean()) + abs(float(np.log(sizes[0] / sizes[1])))


@dataclass(frozen=True, slots=True)
class Tracker:
    """All tracks of one zone, oldest first. Ids are never given twice."""

    rules: TrackRules = TrackRules()
    tracks: tuple[Track, ...] = ()
    next_id: int = 1

    @property
    def born(self) -> tuple[Track, ...]:
        return tuple(track for track in self.tracks if track.born)

    def step(self, boxes: Float, at_s: float, distance: Distance = centre_distance) -> Step:
        """Take ``boxes`` (float32 (n, 4), best first) seen at stream time ``at_s``."""
        pairs = self._pair(boxes, at_s, distance)
        matched: list[int | None] = [None] * len(boxes)
        kept: list[Track] = []
        ended: list[Track] = []
        for index, track in enumerate(self.tracks):
            if index in pairs:
                matched[pairs[index]] = track.id
                kept.append(self._seen(track, boxes[pairs[index]], at_s))
            elif track.misses + 1 >= self.rules.death_misses or not track.born:
                ended.append(replace(track, misses=track.misses + 1))
            else:
                kept.append(replace(track, misses=track.misses + 1))
        next_id = self.next_id
        taken = set(pairs.values())
        for position, box in enumerate(boxes):
            if position not in taken and len(kept) < self.rules.max_tracks:
                matched[position] = next_id
                still = np.zeros(2, np.float32)
                kept.append(Track(next_id, box, still, 1, 0, at_s, born=self.rules.birth_hits <= 1))
                next_id += 1
        return Step(Tracker(self.rules, tuple(kept), next_id), tuple(matched), tuple(ended))

    def _pair(self, boxes: Float, at_s: float, distance: Distance) -> dict[int, int]:
        """Nearest first, each track and box once: index of the track to index of the box."""
        gaps = sorted(
            (distance(track.predicted(at_s), box), index, position)
            for index, track in enumerate(self.tracks)
            for position, box in enumerate(boxes)
        )
        pairs: dict[int, int] = {}
        taken: set[int] = set()
        for gap, index, position in gaps:
            if gap > self.rules.max_distance:
                break
            if index not in pairs and position not in taken:
                pairs[index] = position
                taken.add(position)
        return pairs

    def _seen(self, track: Track, box: Float, at_s: float) -> Track:
        elapsed_s = at_s - track.seen_s
        velocity = track.velocity
        if elapsed_s > _SHORTEST_S:
            measured = ((box[:2] + box[2:]) - (track.box[:2] + track.box[2:])) / 2 / np.float32(elapsed_s)
            share = _VELOCITY_SMOOTHING if track.hits > 1 else 1.0
            velocity = np.asarray(share * measured + (1 - share) * track.velocity, np.float32)
        hits = track.hits + 1
        return Track(track.id, box, velocity, hits, 0, at_s, born=track.born or hits >= self.rules.birth_hits)
