"""Faces in one checkpoint's zone, as tracks: where they are, not who."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edge.capture.picture import Picture
from edge.vision.motion import MotionGate
from edge.vision.tracker import Track, Tracker, TrackRules
from edge.vision.zone import Zone
from models.protocols import FaceDetecting
from models.types import Float

_NETWORK_FACE_PX = 40
_NETWORK_SIDES = (640, 1280)


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

    def look(self, picture: Picture) -> Look:
        """Faces whose middle is in the zone. What lies outside it is black before the detector sees it."""
        at_s = picture.moment.pts_s
        moved = self._motion.due(self._zone.box_of(picture.luma()), at_s)
        if not moved and not self._tracker.tracks:
            return Look()
        started_s = time.perf_counter()
        cut = self._zone.cut(picture.bgr())
        side = max(cut.image.shape[:2])
        low, high = _NETWORK_SIDES
        max_side = min(high, max(low, round(side * _NETWORK_FACE_PX / self._min_face_px)))
        faces = cut.faces_in_picture(self._detector.detect([cut.image], max_side=max_side)[0])
        detect_ms = (time.perf_counter() - started_s) * 1000
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        inside = [self._zone.contains(x, y, width=picture.width, height=picture.height) for x, y in middles.tolist()]
        boxes, landmarks, scores = faces.boxes[inside], faces.landmarks[inside], faces.scores[inside]
        step = self._tracker.step(boxes, at_s)
        self._tracker = step.tracker
        tracks = {track.id: track for track in step.tracker.tracks}
        seen = [
            SeenFace(tracks[track], boxes[index], landmarks[index], float(scores[index]))
            for index, track in enumerate(step.matched)
            if track is not None
        ]
        return Look(tuple(sorted(seen, key=lambda face: -face.width_px)), step.ended, detect_ms)
