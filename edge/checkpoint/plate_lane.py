"""The watcher of a vehicle lane: one observation per visit, as soon as the reads agree.

A visit is a plate's track through the zone. It is read until enough reads agree on every character, and then left
alone but for a check now and then: another plate in the same place is another vehicle.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from core.contract.config import PlateLane
from core.contract.events import CheckpointStateV1, PlateReading
from edge.capture.picture import Picture
from edge.checkpoint.watcher import StepSums, WatchCounts
from edge.evidence import Moment, Observation, PlateEvidence
from edge.vision.motion import MotionGate
from edge.vision.plate_colour import plate_colour
from edge.vision.plate_vote import MAX_READS, SeenPlate, Vote, VoteRules, final, settled
from edge.vision.tracker import Track, Tracker, TrackRules, centre_distance
from edge.vision.zone import Zone
from models.plate_crop import rectify
from models.protocols import PlateDetecting
from models.protocols import PlateReading as PlateTextReading
from models.types import Float, Image, ModelInputError, Plates

_NETWORK_PLATE_PX = 80
"""Narrower plates are missed (95 % found from 80 network pixels on, 65 % at 50)."""
_NETWORK_SIDES = (480, 1600)
_MARGINS = (0.04, 0.0, 0.08)
"""Crop margins taken in turn: reads that differ in nothing but noise agree on the same mistake."""
MIN_READS_TO_TELL = 3
"""With fewer, something unreadable was a lamp or a sign for a moment, not a vehicle's visit."""
_CHECK_S = 1.0
SAME_VISIT_S = 4.0
"""A plate read again so soon after it was last in sight is the same visit, the track had broken."""
_IDLE_FPS, _READING_FPS, _TOLD_FPS = 6.0, 8.0, 4.0
_LANE = TrackRules(birth_hits=2, death_misses=4, max_distance=3.5, max_tracks=6)


@dataclass(slots=True)
class _Visit:
    """One vehicle. best: the picture of the surest read so far, for a visit that ends undecided."""

    first: Moment
    first_box: Float
    sums: StepSums = field(default_factory=StepSums)
    reads: list[SeenPlate] = field(default_factory=list)
    told: PlateReading | None = None
    checked_s: float = float("-inf")
    best: Image | None = None
    best_confidence: float = -1.0


@dataclass(frozen=True, slots=True)
class _Gone:
    """A told visit out of sight: its text, where and when it was last seen."""

    text: str
    box: Float
    seen_s: float


class PlateLaneWatcher:
    """Watches one lane. See `edge.checkpoint.watcher.Watcher`."""

    def __init__(
        self,
        checkpoint: PlateLane,
        detector: PlateDetecting,
        reader: PlateTextReading,
        rules: VoteRules | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._detector = detector
        self._reader = reader
        self._rules = rules or VoteRules()
        self._zone = Zone(checkpoint.zone)
        self._motion = MotionGate()
        self._tracker = Tracker(_LANE)
        self._visits: dict[int, _Visit] = {}
        self._gone: list[_Gone] = []
        self._counts = WatchCounts()

    @property
    def counts(self) -> WatchCounts:
        return self._counts

    @property
    def in_pass(self) -> bool:
        return any(visit.told is None for visit in self._visits.values())

    @property
    def wanted_fps(self) -> float:
        if self.in_pass:
            return _READING_FPS
        return _TOLD_FPS if self._visits else _IDLE_FPS

    def look(self, picture: Picture, gate: CheckpointStateV1) -> list[Observation]:  # noqa: ARG002 - Watcher's form
        """Visits that are decided or over now."""
        self._counts.frames += 1
        at_s = picture.moment.pts_s
        moved = self._motion.due(self._zone.box_of(picture.luma()), at_s)
        if not moved and not self.in_pass:
            return []
        self._counts.looks += 1
        started_s = time.perf_counter()
        plates = self._find(picture)
        detect_ms = (time.perf_counter() - started_s) * 1000
        self._counts.plates += len(plates)
        step = self._tracker.step(plates.boxes, at_s)
        self._tracker = step.tracker
        told: list[Observation] = []
        for index, track in enumerate(step.matched):
            if track is not None:
                told += self._visit(track, plates, index, picture, detect_ms)
        for ended in step.ended:
            told += self._end(ended, picture)
        return told

    def _find(self, picture: Picture) -> Plates:
        """Plates in the zone, wide enough to be read and not cut off by the zone's edge."""
        cut = self._zone.cut(picture.bgr())
        height, width = cut.image.shape[:2]
        low, high = _NETWORK_SIDES
        scale = min(1.0, _NETWORK_PLATE_PX / self._checkpoint.min_plate_px)
        found = self._detector.detect([cut.image], max_side=min(high, max(low, round(max(height, width) * scale))))[0]
        wide = found.boxes[:, 2] - found.boxes[:, 0] >= self._checkpoint.min_plate_px
        plates = cut.plates_in_picture(found)
        inside = [
            all(self._zone.contains(x, y, width=picture.width, height=picture.height) for x, y in quad)
            for quad in plates.quads.tolist()
        ]
        kept = wide & np.array(inside, bool)
        return Plates(plates.boxes[kept], plates.quads[kept], plates.scores[kept])

    def _visit(self, track: int, plates: Plates, index: int, picture: Picture, detect_ms: float) -> list[Observation]:
        box = plates.boxes[index]
        visit = self._visits.setdefault(track, _Visit(picture.moment, box))
        if visit.told is None:
            visit.sums.add("detect", detect_ms)
            if len(visit.reads) >= MAX_READS:
                return []
            seen = self._read(visit, plates, index, picture)
            if seen is not None:
                self._keep_best(visit, seen, picture)
            plate = settled(visit.reads, self._rules)
            return [] if plate is None else self._settle(visit, plate, picture, picture.bgr())
        return self._check(track, visit, plates, index, picture)

    def _read(self, visit: _Visit, plates: Plates, index: int, picture: Picture) -> SeenPlate | None:
        margin = _MARGINS[len(visit.reads) % len(_MARGINS)]
        started_s = time.perf_counter()
        try:
            crop = rectify(picture.bgr(), plates.quads[index], margin=margin)
        except ModelInputError:
            # Corners on one line: the detector saw a plate's box, but no plate's shape in it.
            return None
        seen = SeenPlate(self._reader.read([crop])[0], plate_colour(crop), weight=float(plates.scores[index]))
        visit.sums.since("read", started_s)
        visit.reads.append(seen)
        self._counts.reads += 1
        self._counts.reads_rejected += not seen.text
        return seen

    def _keep_best(self, visit: _Visit, seen: SeenPlate, picture: Picture) -> None:
        confidence = min(seen.read.confidences, default=0.0) if seen.text else 0.0
        if confidence > visit.best_confidence:
            visit.best, visit.best_confidence = picture.bgr(), confidence

    def _settle(self, visit: _Visit, plate: Vote, picture: Picture, shown: Image | None) -> list[Observation]:
        """Tell a visit, unless it is one that was told already, whose track had broken or got mixed up."""
        known = {gone.text for gone in self._recently_gone(visit.first.pts_s)}
        known |= {other.told.text for other in self._visits.values() if other.told is not None}
        visit.told, visit.best, visit.checked_s = plate.reading, None, picture.moment.pts_s
        visit.reads.clear()
        if plate.reading.text in known:
            return []
        return [self._observation(visit, PlateEvidence(plate.reading, plate.confidences), picture, shown)]

    def _check(self, track: int, visit: _Visit, plates: Plates, index: int, picture: Picture) -> list[Observation]:
        """Read a told visit again now and then; enough reads that agree on another plate begin another visit."""
        at_s = picture.moment.pts_s
        doubted = bool(visit.reads)
        if not doubted and at_s - visit.checked_s < _CHECK_S:
            return []
        visit.checked_s = at_s
        seen = self._read(visit, plates, index, picture)
        assert visit.told is not None
        if seen is None or seen.text == visit.told.text or len(visit.reads) >= MAX_READS:
            visit.reads.clear()
            return []
        plate = settled(visit.reads, self._rules)
        if plate is None or _characters_apart(plate.reading.text, visit.told.text) < 3:
            return []
        follower = _Visit(picture.moment, plates.boxes[index], reads=list(visit.reads))
        self._visits[track] = follower
        return self._settle(follower, plate, picture, picture.bgr())

    def _end(self, track: Track, picture: Picture) -> list[Observation]:
        visit = self._visits.pop(track.id, None)
        if visit is None:
            return []
        told: list[Observation] = []
        if visit.told is None:
            plate = final(visit.reads, self._rules)
            if plate is not None:
                told = self._settle(visit, plate, picture, visit.best)
            elif len(visit.reads) >= MIN_READS_TO_TELL and not self._rest_of_another(visit):
                told = [self._observation(visit, PlateEvidence(None), picture, visit.best)]
        if visit.told is not None:
            self._gone = [*self._gone, _Gone(visit.told.text, track.box, track.seen_s)][-_LANE.max_tracks :]
        return told

    def _rest_of_another(self, visit: _Visit) -> bool:
        """True for a track that began where a told visit was just lost: the same plate, too slanted to be read."""
        return any(
            gone.seen_s < visit.first.pts_s and centre_distance(gone.box, visit.first_box) < _LANE.max_distance
            for gone in self._recently_gone(visit.first.pts_s)
        )

    def _recently_gone(self, at_s: float) -> list[_Gone]:
        return [gone for gone in self._gone if at_s - gone.seen_s < SAME_VISIT_S]

    def _observation(self, visit: _Visit, seen: PlateEvidence, picture: Picture, shown: Image | None) -> Observation:
        self._counts.passes += 1
        return Observation(
            checkpoint=self._checkpoint.id,
            camera=self._checkpoint.camera,
            seen=seen,
            first=visit.first,
            deciding=picture.moment,
            times=visit.sums.times(picture.capture_ms),
            picture=shown,
        )


def _characters_apart(one: str, other: str) -> int:
    """Places at which two texts differ; a missing character is one too."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))
