"""Faces in one checkpoint's zone, as tracks: where they are, not who."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from edge.capture.picture import Picture
from edge.vision.motion import MotionGate
from edge.vision.tracker import Track, Tracker, TrackRules
from edge.vision.zone import Zone
from models.protocols import FaceDetecting
from models.types import Faces, Float

_NETWORK_FACE_PX = 40
_NETWORK_SIDES = (640, 1280)
_DETAIL_SIDE = 160


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of one look. box: float32 (4,); landmarks: float32 (5, 2), pixels of the picture; score in [0, 1]."""

    track: Track
    box: Float
    landmarks: Float
    score: float

    @property
    def width_px(self) -> float:
        return float(self.box[2] - self.box[0])

    @property
    def centre(self) -> tuple[float, float]:
        """Pixels of the picture."""
        return float(self.box[0] + self.box[2]) / 2, float(self.box[1] + self.box[3]) / 2


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture showed. seen: largest face first; ended: tracks that are over; detect_ms: 0 when not looked."""

    seen: tuple[SeenFace, ...] = ()
    ended: tuple[Track, ...] = ()
    detect_ms: float = 0.0


class ZonePeople:
    """Looks for faces in a zone; where nobody is and nothing moves, it doesn't."""

    def __init__(self, zone: Zone, detector: FaceDetecting, min_face_px: int) -> None:
        self._zone = zone
        self._detector = detector
        self._min_face_px = min_face_px
        self._motion = MotionGate()
        self._tracker = Tracker(TrackRules(birth_hits=2, death_misses=8, max_distance=1.2))

    @property
    def anybody(self) -> bool:
        return bool(self._tracker.tracks)

    def others(self, track: int | None) -> int:
        """How many tracks of any size are in the zone beside ``track``: seen now, or not given up yet."""
        return sum(one.id != track for one in self._tracker.tracks)

    def look(self, picture: Picture) -> Look:
        """Faces whose middle is in the zone. What lies outside it is black before the detector sees it."""
        at_s = picture.moment.pts_s
        moved = self._motion.due(self._zone.box_of(picture.luma()), at_s)
        if not moved and not self._tracker.tracks:
            return Look()
        started_s = time.perf_counter()
        faces = self._find(picture)
        detect_ms = (time.perf_counter() - started_s) * 1000
        step = self._tracker.step(faces.boxes, at_s)
        self._tracker = step.tracker
        tracks = {track.id: track for track in step.tracker.tracks}
        seen = [
            SeenFace(tracks[track], faces.boxes[index], faces.landmarks[index], float(faces.scores[index]))
            for index, track in enumerate(step.matched)
            if track is not None
        ]
        return Look(tuple(sorted(seen, key=lambda face: -face.width_px)), step.ended, detect_ms)

    def _find(self, picture: Picture) -> Faces:
        """Faces in the zone, in the picture's pixels, found in a picture no larger than finding them needs."""
        side = self._zone.longest_side(width=picture.width, height=picture.height)
        low, high = _NETWORK_SIDES
        max_side = min(high, max(low, round(side * _NETWORK_FACE_PX / self._min_face_px)))
        if picture.small:
            max_side = min(max_side, max(_DETAIL_SIDE, round(side * picture.detail)))
        cut = self._zone.part_of(picture, max_side)
        faces = cut.faces_in_picture(self._detector.detect([cut.image], max_side=max_side)[0])
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        inside = [self._zone.contains(x, y, width=picture.width, height=picture.height) for x, y in middles.tolist()]
        found = Faces(faces.boxes[inside], faces.landmarks[inside], faces.scores[inside])
        return self._in_detail(found, picture) if picture.small else found

    def _in_detail(self, faces: Faces, picture: Picture) -> Faces:
        """``faces`` of a small picture where they are in the full one: eyes to the pixel, and at its own moment."""
        boxes, landmarks = faces.boxes.copy(), faces.landmarks.copy()
        for index, box in enumerate(faces.boxes):
            if box[2] - box[0] < self._min_face_px:
                continue  # Nobody looks closer at so small a face: it is not worth a full picture.
            cut = self._zone.detail_of(picture, _around(box, picture.width, picture.height), _DETAIL_SIDE)
            found = self._detector.detect([cut.image], max_side=_DETAIL_SIDE)[0]
            if len(found.scores):
                closer = cut.faces_in_picture(found)
                nearest = _nearest(closer.boxes, box)
                boxes[index], landmarks[index] = closer.boxes[nearest], closer.landmarks[nearest]
        return Faces(boxes, landmarks, faces.scores)


def _around(box: Float, width: int, height: int) -> tuple[int, int, int, int]:
    """A box about twice as large around a face, within the picture."""
    x0, y0, x1, y1 = box.tolist()
    margin = 0.6 * max(x1 - x0, y1 - y0)
    left, top = max(0, int(x0 - margin)), max(0, int(y0 - margin))
    right, bottom = min(width, int(x1 + margin)), min(height, int(y1 + margin))
    return left, top, max(left + 1, right), max(top + 1, bottom)


def _nearest(boxes: Float, box: Float) -> int:
    """Which of ``boxes`` has its middle nearest to that of ``box``."""
    away = (boxes[:, :2] + boxes[:, 2:]) / 2 - (box[:2] + box[2:]) / 2
    return int(np.square(away).sum(axis=1).argmin())
