"""A rival for whole pipelines: a camera looked at as Frigate does, with the same models as ours.

Written from Frigate's source (`video/detect.py`, `motion/improved_motion.py`, `camera/state.py`, `real_time/face.py`,
`common/license_plate/mixin.py`): every frame of the stream is decoded; five times a second motion is looked for, and
objects where it is or where one was; a tracked object is tried to be recognised when it is new, has moved by a
twentieth of the picture, or shows a larger box after a while, and at most twelve times.

Where Frigate's own way is worse for a reason of its models, ours is taken in its favour: the object detector, faces
aligned on five points, the plate reader's colour, our thresholds. What it lacks altogether stays lacking: a zone for
one person, intent, quality, margin, a vote by character. It knows no QR passes; here it reads them at each attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import av
import cv2
import numpy as np

from core.contract.config import Door, FaceGate, PlateLane
from core.contract.ids import SubjectKey
from core.contract.vocabulary import Credential, Reason, Verdict
from edge.capture.picture import Picture
from edge.evidence import Moment
from edge.ports import PassReader
from edge.replay.score import Told
from edge.vision.plate_vote import edits
from edge.vision.qr import read_codes
from edge.vision.tracker import Tracker, TrackRules
from edge.vision.zone import Zone
from models.alignment import align
from models.protocols import BodyDetecting, FaceDetecting, FaceEmbedding, PlateDetecting, PlateReading
from models.types import BodyKind, Float, Image, ModelInputError

DETECT_FPS = 5.0
_MOTION_HEIGHT, _MOTION_ALPHA, _MOTION_GREYS, _MOTION_AREA = 100, 0.01, 30, 10
_REGION_PX, _MODEL_PX = 320, 320
_MIN_SCORE = 0.35
_MAX_ATTEMPTS, _ATTEMPTS_ONCE_NAMED = 12, 6
_MOVED_SHARE = 0.05
_BETTER_AREA, _BETTER_AFTER_S, _LARGE_AFTER_S = 1.1, 5.0, 1.0
_LEAST_FACE_AREA, _LEAST_PLATE_AREA = 750, 1000
_LARGE_PERSON_AREA, _LARGE_CAR_AREA = 6 * _LEAST_FACE_AREA, 20 * _LEAST_PLATE_AREA
_FACE_SCORE = 0.7
_UNKNOWN_BELOW = 0.04
"""Faces that far below the threshold carry no weight (cosine 0.37 where 0.41 is accepted, with its own model)."""
_LEAST_READ = 0.9
_SAME_PLATE = 2
"""Reads this many characters apart count as one plate: Jaro-Winkler 0.85 on seven characters."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class RivalModels:
    bodies: BodyDetecting
    faces: FaceDetecting
    embedder: FaceEmbedding
    plates: PlateDetecting
    reader: PlateReading


@dataclass(frozen=True, slots=True)
class RivalLists:
    """faces: float32 (d,), the mean of somebody's pictures; identify, verify: least cosines, 1:N and 1:1."""

    faces: Mapping[SubjectKey, Float]
    plates: frozenset[str]
    passes: PassReader
    identify: float
    verify: float


@dataclass(slots=True)
class _Object:
    """One tracked object. moved: pixels since the last attempt; votes: weight and cosine by subject."""

    at: tuple[float, float]
    moved: float = 0.0
    area: float = 0.0
    attempts: int = 0
    tried_s: float = float("-inf")
    named: bool = False
    votes: dict[SubjectKey, list[tuple[float, float]]] = field(default_factory=dict)
    reads: list[tuple[str, float]] = field(default_factory=list)


class MotionBoxes:
    """Where a picture differs from the running mean of those before it."""

    def __init__(self) -> None:
        self._mean: Float | None = None

    def find(self, luma: Image) -> list[Box]:
        """Boxes in pixels of ``luma``, uint8 (h, w)."""
        height, width = luma.shape
        scale = height / _MOTION_HEIGHT
        small = cv2.resize(luma, (round(width / scale), _MOTION_HEIGHT), interpolation=cv2.INTER_LINEAR)
        smooth = np.asarray(cv2.GaussianBlur(small, (3, 3), 1), np.float32)
        if self._mean is None:
            self._mean = smooth
            return []
        apart = cv2.absdiff(smooth, self._mean)
        cv2.accumulateWeighted(smooth, self._mean, _MOTION_ALPHA)
        changed = cv2.dilate((apart > _MOTION_GREYS).astype(np.uint8), np.ones((3, 3), np.uint8))
        outlines, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [cv2.boundingRect(one) for one in outlines if cv2.contourArea(one) > _MOTION_AREA]
        return [(int(x * scale), int(y * scale), int((x + w) * scale), int((y + h) * scale)) for x, y, w, h in boxes]


class AsFrigateDoes:
    """One camera with one checkpoint. Give it every decoded frame, in order."""

    def __init__(self, checkpoint: FaceGate | Door | PlateLane, models: RivalModels, lists: RivalLists) -> None:
        self._checkpoint, self._models, self._lists = checkpoint, models, lists
        self._zone = Zone(checkpoint.zone)
        self._wanted = BodyKind.VEHICLE if isinstance(checkpoint, PlateLane) else BodyKind.PERSON
        self._motion = MotionBoxes()
        self._tracker = Tracker(TrackRules(birth_hits=2, death_misses=10, max_distance=1.5))
        self._objects: dict[int, _Object] = {}
        self._due_s = float("-inf")
        self.detections = self.attempts = 0

    def frame(self, frame: av.VideoFrame, moment: Moment) -> list[Told]:
        """What is told of this frame, if it is one of those looked at."""
        at_s = moment.pts_s
        if at_s < self._due_s - 0.002:
            return []
        self._due_s = max(self._due_s + 1 / DETECT_FPS, at_s)
        picture = Picture(moment, frame, moment.received_s)
        moving = self._motion.find(picture.luma())
        tracked = [_ints(track.predicted(at_s)) for track in self._tracker.tracks]
        regions = regions_of([*moving, *tracked], picture.width, picture.height)
        step = self._tracker.step(self._detect(picture, regions), at_s)
        self._tracker = step.tracker
        for track in step.ended:
            self._objects.pop(track.id, None)
        told: list[Told] = []
        for track in step.tracker.born:
            if track.seen_s == at_s and self._in_zone(track.box, picture):
                told += self._update(track.id, track.box, picture)
        return told

    def _detect(self, picture: Picture, regions: Sequence[Box]) -> Float:
        """Boxes of the wanted kind, float32 (n, 4), best first, pixels of the picture."""
        boxes: list[Float] = []
        scores: list[float] = []
        for x0, y0, x1, y1 in regions:
            self.detections += 1
            part = picture.part(x0, y0, x1, y1, max_side=_MODEL_PX)
            (found,) = self._models.bodies.detect([part], max_side=_MODEL_PX, min_score=_MIN_SCORE)
            scale = (x1 - x0) / part.shape[1]
            for box, kind, score in zip(found.boxes, found.kinds, found.scores, strict=True):
                if kind == self._wanted:
                    boxes.append(box * scale + np.array([x0, y0, x0, y0], np.float32))
                    scores.append(float(score))
        if not boxes:
            return np.zeros((0, 4), np.float32)
        sides = [[float(x0), float(y0), float(x1 - x0), float(y1 - y0)] for x0, y0, x1, y1 in boxes]
        kept = cv2.dnn.NMSBoxes(sides, scores, _MIN_SCORE, 0.4)
        return np.stack([boxes[int(index)] for index in kept])

    def _in_zone(self, box: Float, picture: Picture) -> bool:
        x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        return self._zone.contains(x, y, width=picture.width, height=picture.height)

    def _update(self, track: int, box: Float, picture: Picture) -> list[Told]:
        """An attempt to recognise the object, where one is due."""
        at = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        one = self._objects.setdefault(track, _Object(at))
        one.moved += float(np.hypot(at[0] - one.at[0], at[1] - one.at[1]))
        one.at = at
        if not self._due(one, box, picture):
            return []
        one.attempts += 1
        one.moved, one.tried_s = 0.0, picture.moment.pts_s
        one.area = max(one.area, _area(box))
        self.attempts += 1
        # For each object and attempt the whole frame is turned to BGR, and the box cut from it.
        image = np.asarray(picture.frame.to_ndarray(format="bgr24"), np.uint8)
        x0, y0, x1, y1 = _within(_ints(box), picture)
        crop = image[y0:y1, x0:x1]
        told = self._try_plate(one, crop) if isinstance(self._checkpoint, PlateLane) else self._try_face(one, crop)
        if told is None or one.named:
            return []
        one.named = True
        return [told_at(told, picture.moment.pts_s, self._checkpoint)]

    def _due(self, one: _Object, box: Float, picture: Picture) -> bool:
        if one.attempts >= (_ATTEMPTS_ONCE_NAMED if one.named else _MAX_ATTEMPTS):
            return False
        if one.attempts == 0 or one.moved >= _MOVED_SHARE * float(np.hypot(picture.width, picture.height)):
            return True
        large = _area(box) >= (_LARGE_CAR_AREA if self._wanted is BodyKind.VEHICLE else _LARGE_PERSON_AREA)
        wait_s = _LARGE_AFTER_S if large and not one.named else _BETTER_AFTER_S
        return _area(box) > _BETTER_AREA * one.area and picture.moment.pts_s - one.tried_s > wait_s

    def _try_face(self, one: _Object, person: Image) -> _Answer | None:
        (faces,) = self._models.faces.detect([person], max_side=min(1080, max(person.shape[:2])), min_score=_FACE_SCORE)
        if not len(faces):
            return None
        areas = [_area(box) for box in faces.boxes]
        largest = int(np.argmax(areas))
        if areas[largest] < _LEAST_FACE_AREA:
            return None
        try:
            crop = align(person, faces.landmarks[largest])
        except ModelInputError:
            return None
        vector = self._models.embedder.embed(crop[None])[0]
        if isinstance(self._checkpoint, Door):
            return self._verify(person, vector)
        if not self._lists.faces:
            return None
        subject, cosine = max(((who, float(mean @ vector)) for who, mean in self._lists.faces.items()), key=_second)
        weight = min(areas[largest], 4000.0) * max(0.0, cosine - self._lists.identify + _UNKNOWN_BELOW) * 10
        if weight > 0:
            one.votes.setdefault(subject, []).append((weight, cosine))
        return self._elected(one)

    def _elected(self, one: _Object) -> _Answer | None:
        """Whoever has most votes, once their weighted mean is high enough; nobody when two have as many."""
        ranked = sorted(one.votes, key=lambda subject: -len(one.votes[subject]))
        if not ranked or (len(ranked) > 1 and len(one.votes[ranked[0]]) == len(one.votes[ranked[1]])):
            return None
        weights, cosines = zip(*one.votes[ranked[0]], strict=True)
        if float(np.average(cosines, weights=weights)) < self._lists.identify:
            return None
        return _Answer(Credential.FACE, Verdict.ADMIT, Reason.LISTED, subject=ranked[0])

    def _verify(self, person: Image, vector: Float) -> _Answer | None:
        for code in read_codes(person):
            shown = self._lists.passes.verify(code)
            mean = None if shown is None else self._lists.faces.get(shown.subject)
            if shown is not None and mean is not None and float(mean @ vector) >= self._lists.verify:
                return _Answer(Credential.QR_FACE, Verdict.ADMIT, Reason.VERIFIED, subject=shown.subject)
        return None

    def _try_plate(self, one: _Object, car: Image) -> _Answer | None:
        double = cv2.resize(car, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        (plates,) = self._models.plates.detect([np.asarray(double, np.uint8)], max_side=640)
        if not len(plates):
            return None
        x0, y0, x1, y1 = (max(0, value) for value in _ints(plates.boxes[0]))
        if (x1 - x0) * (y1 - y0) / 4 < _LEAST_PLATE_AREA:
            return None
        crop = cv2.resize(double[y0:y1, x0:x1], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        read = self._models.reader.read([np.asarray(crop, np.uint8)])[0]
        if not read.confidences or float(np.mean(read.confidences)) < _LEAST_READ:
            return None
        one.reads.append((read.text, float(np.mean(read.confidences))))
        text = likeliest_read(one.reads)
        known = next((plate for plate in sorted(self._lists.plates) if edits(plate, text) <= 1), None)
        if known is None:
            return _Answer(Credential.PLATE, Verdict.ASK_GUARD, Reason.UNLISTED, plate=text)
        return _Answer(Credential.PLATE, Verdict.ADMIT, Reason.LISTED, plate=known)


@dataclass(frozen=True, slots=True)
class _Answer:
    credential: Credential
    verdict: Verdict
    reason: Reason
    subject: SubjectKey | None = None
    plate: str | None = None


def told_at(answer: _Answer, at_s: float, checkpoint: FaceGate | Door | PlateLane) -> Told:
    """``answer`` as something told at stream time ``at_s``."""
    return Told(at_s, checkpoint.id, answer.credential, answer.verdict, answer.reason, answer.subject, answer.plate)


def regions_of(boxes: Iterable[Box], width: int, height: int) -> list[Box]:
    """Squares of at least ``_REGION_PX`` around boxes that overlap, within the picture."""
    groups: list[Box] = []
    for box in boxes:
        merged = box
        apart_from: list[Box] = []
        for group in groups:
            if _overlap(group, merged):
                merged = _union(group, merged)
            else:
                apart_from.append(group)
        groups = [*apart_from, merged]
    return list(dict.fromkeys(_square(group, width, height) for group in groups))


def likeliest_read(reads: Sequence[tuple[str, float]]) -> str:
    """The surest read of the largest group of like ones."""
    alike = [sum(edits(text, other) <= _SAME_PLATE for other, _ in reads) for text, _ in reads]
    middle = reads[alike.index(max(alike))][0]
    return max((one for one in reads if edits(middle, one[0]) <= _SAME_PLATE), key=_second)[0]


def _second(pair: tuple[object, float]) -> float:
    return pair[1]


def _square(box: Box, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    side = min(max(_REGION_PX, round(1.35 * max(x1 - x0, y1 - y0))), max(width, height))
    across, down = min(side, width), min(side, height)
    left = min(max(0, (x0 + x1 - across) // 2), width - across)
    top = min(max(0, (y0 + y1 - down) // 2), height - down)
    return left, top, left + across, top + down


def _overlap(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _union(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _within(box: Box, picture: Picture) -> Box:
    x0, y0 = max(0, min(box[0], picture.width - 2)), max(0, min(box[1], picture.height - 2))
    return x0, y0, max(x0 + 2, min(box[2], picture.width)), max(y0 + 2, min(box[3], picture.height))


def _ints(box: Float) -> Box:
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    return x0, y0, x1, y1


def _area(box: Float) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
