"""Who goes through a door, as geometry: bodies and faces where there is a model for bodies, else faces alone.

With a body detector somebody whose face is never seen counts like everybody else: hooded, turned away, or behind
another. A face at the head of a body is the same person's, and they are counted once. Without a body detector faces
are all there is, and the edge says so. A body stands for where its head is, so that the door's line means the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from core.contract.config import Door
from core.contract.vocabulary import BodyKind
from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.checkpoint.watcher import StepSums
from edge.evidence import Moment
from edge.vision.bodies import BodyTracks, SeenBody
from edge.vision.crossing import Point, ThresholdLine
from edge.vision.people import Look, SeenFace
from edge.vision.zone import Zone, ZoneCut
from models.protocols import BodyDetecting
from models.types import Float

BODY_LOOKS_PER_S = 6.0
"""Nobody is through a door in less than a third of a second."""
_HEAD = 0.1
"""Of a body's height: how far below its upper end the middle of the head is."""
_UPPER = 0.45
"""Of a body's height: a face below that is another's."""
_REACH = 0.7
"""Of a body's size: farther from where somebody should be is the one who walks behind."""
_TWINS_S = 10.0
_SAME_MOMENT_S = 0.7
_APART_LOOKS = 3
"""A face seen that often in a row away from a body's head is somebody else's."""


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
    """By bodies and faces. Bodies are looked for while something moves in the door's zone or somebody is there."""

    def __init__(self, door: Door, detector: BodyDetecting) -> None:
        self._zone = Zone(door.zone)
        self._faces = FacesThrough(door)
        self._threshold = Threshold(ThresholdLine(*door.threshold_line))
        self._tracks = BodyTracks(detector, reach=_REACH, riders_apart=True)
        self._sampler = Sampler(BODY_LOOKS_PER_S)
        self._people = _People()

    @property
    def anybody(self) -> bool:
        return self._faces.anybody or self._threshold.anybody

    def look(self, faces: Look, picture: Picture) -> list[Through]:
        at_s = picture.moment.pts_s
        by_body = self._look_for_bodies(faces, picture)
        by_face = [replace(one, track=_of_face(one.track)) for one in self._faces.look(faces, picture)]
        told = [one for one in (*by_face, *by_body) if self._people.new(one.track, at_s)]
        self._people.forget(_of_face(track.id) for track in faces.ended)
        return told

    def _look_for_bodies(self, faces: Look, picture: Picture) -> list[Through]:
        moment = picture.moment
        moved = faces.detect_ms > 0
        if not (moved or self._tracks.anybody) or not self._sampler.wants(moment.pts_s):
            return []
        started_s = time.perf_counter()
        cut = self._zone.cut(picture.bgr())
        look = self._tracks.look(cut.image, moment.pts_s)
        detect_ms = (time.perf_counter() - started_s) * 1000
        people = [_Person.of(body, cut) for body in look.seen if body.kind is BodyKind.PERSON]
        self._people.meet(people, faces.seen)
        size = np.array([picture.width, picture.height], np.float32)
        seen = [Someone(one.track, _fraction(one.head, size), one.born) for one in people]
        passed = self._threshold.step(seen, map(_of_body, look.ended), moment, detect_ms)
        self._people.forget(map(_of_body, look.ended))
        return passed


@dataclass(frozen=True, slots=True)
class _Person:
    """A body in a picture, pixels: x1 y1 x2 y2, and where its head is."""

    track: int
    box: tuple[float, float, float, float]
    born: bool

    @classmethod
    def of(cls, body: SeenBody, cut: ZoneCut) -> _Person:
        height, width = cut.image.shape[:2]
        x0, y0, x1, y1 = body.box
        box = (x0 * width + cut.x, y0 * height + cut.y, x1 * width + cut.x, y1 * height + cut.y)
        return cls(_of_body(body.track), box, body.born)

    @property
    def head(self) -> Point:
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, y0 + _HEAD * (y1 - y0)

    def misfit(self, face: SeenFace) -> float:
        """How far the face is from where this body's is: in widths of the body, infinite outside its upper part."""
        x, y = face.centre
        x0, y0, x1, y1 = self.box
        if not (x0 <= x <= x1 and y0 - 0.1 * (y1 - y0) <= y <= y0 + _UPPER * (y1 - y0)):
            return math.inf
        return math.hypot(x - self.head[0], y - self.head[1]) / max(x1 - x0, 1.0)


@dataclass(slots=True)
class _People:
    """Which face track and which body track are the same person's, and who has been told of."""

    _twin: dict[int, int] = field(default_factory=dict)
    _told_s: dict[int, float] = field(default_factory=dict)
    _apart: dict[int, int] = field(default_factory=dict)
    """Of twins, by the body's number: looks in a row at which they did not fit."""

    def meet(self, people: Sequence[_Person], faces: Sequence[SeenFace]) -> None:
        """Faces at the heads of bodies, nearest first; who belongs together stays so while it fits."""
        fits = sorted((one.misfit(face), one.track, _of_face(face.track.id)) for one in people for face in faces)
        for misfit, body, face in fits:
            if self._twin.get(body) == face:
                self._apart[body] = 0 if math.isfinite(misfit) else self._apart.get(body, 0) + 1
                if self._apart[body] >= _APART_LOOKS:
                    self.forget([body])
        for misfit, body, face in fits:
            if math.isfinite(misfit) and body not in self._twin and face not in self._twin:
                self._twin[body], self._twin[face] = face, body

    def new(self, track: int, at_s: float) -> bool:
        """Whether somebody is told of now for the first time, as a face or as a body; each hides one track at most."""
        self._told_s = {other: when for other, when in self._told_s.items() if at_s - when < _TWINS_S}
        same = self._same(track, at_s)
        if same is not None:
            del self._told_s[same]
            return False
        self._told_s[track] = at_s
        return True

    def _same(self, track: int, at_s: float) -> int | None:
        """The track told of already that is the same person's."""
        twin = self._twin.get(track)
        if twin is not None:
            return twin if twin in self._told_s else None
        # Seen as a body now and as a face then, never together: one person rather than two.
        alike = (
            other
            for other, when in self._told_s.items()
            if at_s - when < _SAME_MOMENT_S and (other ^ track) & 1 and other not in self._twin
        )
        return next(alike, None)

    def forget(self, ended: Iterable[int]) -> None:
        for track in ended:
            twin = self._twin.pop(track, None)
            self._apart.pop(track, None)
            if twin is not None:
                self._twin.pop(twin, None)
                self._apart.pop(twin, None)


def _of_face(track: int) -> int:
    """Number of a face's track among all tracks: even; those of bodies are odd."""
    return 2 * track


def _of_body(track: int) -> int:
    return 2 * track + 1


def _fraction(point: Point, size: Float) -> Point:
    return point[0] / float(size[0]), point[1] / float(size[1])
