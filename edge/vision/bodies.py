"""People and vehicles in one camera's picture, as tracks: where they are, never who.

A track's number means nothing outside this process and this visit: it is never sent, kept or compared with another
camera's. No picture of a body is cut out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.contract.vocabulary import BodyKind
from edge.vision.crossing import Point
from edge.vision.tracker import Tracker, TrackRules
from models.protocols import BodyDetecting
from models.types import Bodies, Float, Image
from models.types import BodyKind as Found

KIND_OF: dict[int, BodyKind] = {
    Found.PERSON: BodyKind.PERSON,
    Found.VEHICLE: BodyKind.VEHICLE,
    Found.TWO_WHEELER: BodyKind.TWO_WHEELER,
}
MAX_SIDE = 416
MIN_SCORE = 0.25
"""What is seen this faintly may go on a track, or keep a parked car in its place; it begins nothing."""
SURE_SCORE = 0.4
_RIDES = 0.5
"""A person of whom that much lies over a two-wheeler rides it."""


@dataclass(frozen=True, slots=True)
class SeenBody:
    """A body of one look. box: x1 y1 x2 y2, fractions of the picture; born: seen often enough to count."""

    track: int
    kind: BodyKind
    box: tuple[float, float, float, float]
    score: float
    born: bool

    @property
    def foot(self) -> Point:
        """Where it stands on the ground: the middle of the box's lower side."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def centre(self) -> Point:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True)
class BodyLook:
    """What one picture showed. ended: tracks that are over."""

    seen: tuple[SeenBody, ...] = ()
    ended: tuple[int, ...] = ()


class BodyTracks:
    """Finds bodies in the pictures of one camera and follows them from look to look."""

    def __init__(
        self, detector: BodyDetecting, max_side: int = MAX_SIDE, reach: float = 1.3, *, riders_apart: bool = False
    ) -> None:
        """riders_apart: who rides or pushes a two-wheeler is seen beside it, else the two count as the two-wheeler.

        reach: how far a body may be from where its track should be, in body sizes (root of its box's area, about
        a metre of a person): far at few looks a second, near where people follow each other closely.
        """
        rules = TrackRules(birth_hits=2, death_misses=5, max_distance=reach, max_tracks=64)
        self._detector = detector
        self._max_side = max_side
        self._riders_apart = riders_apart
        self._trackers = dict.fromkeys(BodyKind, Tracker(rules))

    @property
    def anybody(self) -> bool:
        """True while something that has been seen moving about may still be there."""
        return any(tracker.tracks for tracker in self._trackers.values())

    def look(self, image: Image, at_s: float) -> BodyLook:
        """Bodies of ``image`` (any size) seen at stream time ``at_s``."""
        (found,) = self._detector.detect([image], max_side=self._max_side, min_score=MIN_SCORE)
        if not self._riders_apart:
            found = without_riders(found)
        height, width = image.shape[:2]
        scale = np.array([width, height, width, height], np.float32)
        seen: list[SeenBody] = []
        ended: list[int] = []
        for place, (kind, tracker) in enumerate(self._trackers.items()):
            boxes, scores = _of_kind(found, kind)
            step = tracker.step(boxes, at_s)
            self._trackers[kind] = kept = _without_faint_beginnings(step.tracker, step.matched, scores)
            born = {track.id: track.born for track in kept.tracks}
            for index, track in enumerate(step.matched):
                if track in born:
                    x0, y0, x1, y1 = (boxes[index] / scale).tolist()
                    number = track * len(BodyKind) + place
                    seen.append(SeenBody(number, kind, (x0, y0, x1, y1), float(scores[index]), born[track]))
            ended += [track.id * len(BodyKind) + place for track in step.ended]
        return BodyLook(tuple(seen), tuple(ended))


def without_riders(found: Bodies) -> Bodies:
    """``found`` without the people who ride what was found too: a rider and a bicycle count as one two-wheeler."""
    people = found.kinds == Found.PERSON
    ridden = found.boxes[(found.kinds == Found.TWO_WHEELER) & (found.scores >= SURE_SCORE)]
    if not people.any() or not len(ridden):
        return found
    overlap = _overlaps(found.boxes, ridden)
    areas = np.maximum((found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1), 1.0)
    higher = (found.boxes[:, 1:2] < ridden[None, :, 1]) & (overlap / areas[:, None] >= _RIDES)
    stay = ~(people & higher.any(axis=1))
    return Bodies(found.boxes[stay], found.kinds[stay], found.scores[stay])


def _overlaps(boxes: Float, others: Float) -> Float:
    """float32 (n, m): areas that each of ``boxes`` has in common with each of ``others``, pixels."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common: Float = np.maximum(high - low, 0).prod(axis=2)
    return common


def _of_kind(found: Bodies, kind: BodyKind) -> tuple[Float, Float]:
    chosen = [KIND_OF[int(one)] is kind for one in found.kinds]
    return found.boxes[chosen], found.scores[chosen]


def _without_faint_beginnings(tracker: Tracker, matched: tuple[int | None, ...], scores: Float) -> Tracker:
    """A track is begun by a sure sight; a faint one only goes on."""
    sure = {track for track, score in zip(matched, scores, strict=True) if score >= SURE_SCORE}
    kept = tuple(track for track in tracker.tracks if track.born or track.hits > 1 or track.id in sure)
    return Tracker(tracker.rules, kept, tracker.next_id)
