"""Who goes through a door, as geometry: bodies where there is a model for them, else faces. Whose, nobody asks.

With a body detector somebody whose face is never seen counts like everybody else: hooded, turned away, or behind
another. Without one, faces are all there is, and the edge says so. A body stands for where its head is, so that the
door's line means the same both ways.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from core.contract.config import Door
from core.contract.vocabulary import BodyKind
from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.checkpoint.watcher import StepSums
from edge.evidence import Moment
from edge.vision.bodies import BodyTracks
from edge.vision.crossing import Point, ThresholdLine
from edge.vision.people import Look
from edge.vision.zone import Zone
from models.protocols import BodyDetecting

BODY_LOOKS_PER_S = 6.0
"""Nobody is through a door in less than a third of a second."""
_HEAD = 0.1
"""Of a body's height: how far below its upper end the middle of the head is."""


@dataclass(frozen=True, slots=True)
class Someone:
    """One track of one look. at: where its head is, fractions of the picture; born: seen often enough to count."""

    track: int
    at: Point
    born: bool


@dataclass(frozen=True, slots=True)
class Through:
    """A track that is through now. first: when it was first seen; sums: what looking for it has cost."""

    track: int
    first: Moment
    sums: StepSums


@dataclass(slots=True)
class _Walker:
    """Where a track was last, and whether it is through."""

    at: Point
    first: Moment
    sums: StepSums = field(default_factory=StepSums)
    through: bool = False
    told: bool = False


@dataclass(slots=True)
class Threshold:
    """The line of a door, and who is on which side of it: each track is told once until it comes back."""

    line: ThresholdLine
    _walkers: dict[int, _Walker] = field(default_factory=dict)

    @property
    def anybody(self) -> bool:
        """True while somebody is there who has not gone through."""
        return any(not walker.told for walker in self._walkers.values())

    def step(self, seen: Iterable[Someone], ended: Iterable[int], moment: Moment, detect_ms: float) -> list[Through]:
        """Take what was seen at ``moment``."""
        passed: list[Through] = []
        for one in seen:
            walker = self._walkers.setdefault(one.track, _Walker(one.at, moment))
            walker.sums.add("detect", detect_ms)
            crossed = self.line.crossed(walker.at, one.at)
            walker.at = one.at
            if crossed:
                walker.through = crossed > 0
                walker.told = walker.told and walker.through
            if walker.through and not walker.told and one.born:
                walker.told = True
                passed.append(Through(one.track, walker.first, walker.sums))
        for track in ended:
            self._walkers.pop(track, None)
        return passed


class GoingThrough(Protocol):
    """Tells who goes through one door."""

    @property
    def anybody(self) -> bool: ...

    def look(self, faces: Look, picture: Picture) -> list[Through]:
        """Tracks that are through now. faces: what was seen of faces in ``picture``, made already."""
        ...


class FacesThrough:
    """By faces: whoever shows none goes through unseen."""

    def __init__(self, door: Door) -> None:
        self._threshold = Threshold(ThresholdLine(*door.threshold_line))

    @property
    def anybody(self) -> bool:
        return self._threshold.anybody

    def look(self, faces: Look, picture: Picture) -> list[Through]:
        seen = [
            Someone(face.track.id, (face.centre[0] / picture.width, face.centre[1] / picture.height), face.track.born)
            for face in faces.seen
        ]
        return self._threshold.step(seen, (track.id for track in faces.ended), picture.moment, faces.detect_ms)


class BodiesThrough:
    """By bodies, looked for while something moves in the door's zone or somebody is there."""

    def __init__(self, door: Door, detector: BodyDetecting) -> None:
        self._zone = Zone(door.zone)
        self._threshold = Threshold(ThresholdLine(*door.threshold_line))
        self._tracks = BodyTracks(detector)
        self._sampler = Sampler(BODY_LOOKS_PER_S)

    @property
    def anybody(self) -> bool:
        return self._threshold.anybody

    def look(self, faces: Look, picture: Picture) -> list[Through]:
        moment = picture.moment
        moved = faces.detect_ms > 0
        if not (moved or self._tracks.anybody) or not self._sampler.wants(moment.pts_s):
            return []
        started_s = time.perf_counter()
        cut = self._zone.cut(picture.bgr())
        look = self._tracks.look(cut.image, moment.pts_s)
        detect_ms = (time.perf_counter() - started_s) * 1000
        height, width = cut.image.shape[:2]
        seen = []
        for body in look.seen:
            if body.kind is not BodyKind.PERSON:
                continue
            across, down = body.centre[0] * width + cut.x, (body.box[1] + _HEAD * body.height) * height + cut.y
            seen.append(Someone(body.track, (across / picture.width, down / picture.height), body.born))
        return self._threshold.step(seen, look.ended, moment, detect_ms)
