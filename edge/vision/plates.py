"""Plates in one lane's zone, as tracks: where they are, not what they say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from core.contract.config import Polygon
from edge.capture.picture import Picture
from edge.vision.motion import MotionGate
from edge.vision.plate_colour import colourless
from edge.vision.tracker import Track, Tracker, TrackRules, centre_distance
from edge.vision.zone import Zone
from models.protocols import PlateDetecting
from models.types import Float, Image, Plates

NETWORK_SIDES = (480, 1600)
LANE = TrackRules(birth_hits=2, death_misses=4, max_distance=3.5, max_tracks=6)
JUMP = 1.2
"""Mean box sides from where a plate should be: it may be another vehicle's, which came where this one was."""
_ENLARGED, _LEAST_SIDE = 1.5, 96
"""A third of a full picture shows the detector the plates of 80 to 100 pixels that way, whose size it then knows."""
_NEARLY = 0.7
_CLOSELY_AGAIN_S = 2.0
_STEADY_HITS = 3
"""Looks after which where a track should be is known well enough for that."""


@dataclass(frozen=True, slots=True)
class FoundPlate:
    """A plate of one look. box: float32 (4,); quad: float32 (4, 2), top left first, clockwise, pixels of the picture.

    score: the detector's, in [0, 1]; jumped: it lies where its track should not be.
    """

    track: int
    box: Float
    quad: Float
    score: float
    jumped: bool

    @property
    def width_px(self) -> float:
        return float(self.box[2] - self.box[0])


@dataclass(frozen=True, slots=True)
class PlateLook:
    """What one picture showed.

    found: wide enough to be read and whole; widths_px: of all plates there are; cut_off: how many of the wide ones the
    zone's edge cuts; ended: tracks that are over; colourless: it has no colours, as under infrared light.
    """

    found: tuple[FoundPlate, ...] = ()
    widths_px: tuple[float, ...] = ()
    cut_off: int = 0
    ended: tuple[Track, ...] = ()
    colourless: bool = False
    detect_ms: float = 0.0


class ZonePlates:
    """Looks for plates in a zone; where nothing is expected and nothing moves, it doesn't."""

    def __init__(self, zone: Polygon, detector: PlateDetecting, min_plate_px: int) -> None:
        self._polygon, self._zone = zone, Zone(zone)
        self._detector = detector
        self._min_plate_px = min_plate_px
        self._motion = MotionGate()
        self._tracker = Tracker(LANE)
        self._closely_s = float("-inf")

    def look(self, picture: Picture, *, expected: bool, check: bool = True) -> PlateLook | None:
        """What there is. None: not looked, nothing moved.

        expected: a vehicle is there and has to be read, whether it moves or not; check: one that was read is to be
        read again if it is there. Without either, a plate that is where it was expected may have the corners that a
        small picture shows.
        """
        at_s = picture.moment.pts_s
        moved = self._motion.due(self._zone.box_of(picture.luma()), at_s)
        if not moved and not expected:
            return None
        started_s = time.perf_counter()
        placed, part = self._find(picture, expected=expected, check=check)
        detect_ms = (time.perf_counter() - started_s) * 1000
        widths = placed.boxes[:, 2] - placed.boxes[:, 0]
        wide, whole = widths >= self._min_plate_px, self._whole(placed, picture)
        placed = Plates(placed.boxes[wide & whole], placed.quads[wide & whole], placed.scores[wide & whole])
        before = {track.id: track for track in self._tracker.tracks}
        step = self._tracker.step(placed.boxes, at_s)
        self._tracker = step.tracker
        found = tuple(
            FoundPlate(
                track,
                placed.boxes[index],
                placed.quads[index],
                float(placed.scores[index]),
                jumped=_jumped(before.get(track), placed.boxes[index], at_s),
            )
            for index, track in enumerate(step.matched)
            if track is not None
        )
        cut_off = int((wide & ~whole).sum())
        return PlateLook(found, tuple(widths.tolist()), cut_off, step.ended, colourless(part), detect_ms)

    def _find(self, picture: Picture, *, expected: bool, check: bool) -> tuple[Plates, Image]:
        """Plates in pixels of the picture, and the pixels they were found in.

        Where there is a small picture, that is looked at first: a full one costs ten times as much, and most that
        moves shows no plate. Where nothing is found although something moves, the full one is asked now and then.
        """
        at_s = picture.moment.pts_s
        if picture.small and not expected:
            far, part = self._detected(picture, picture.detail, _ENLARGED)
            missed = not len(far) and not 0 <= at_s - self._closely_s < _CLOSELY_AGAIN_S
            if not missed and not (check and len(far)) and not self._news(far.boxes, at_s):
                return far, part
        self._closely_s = at_s
        return self._detected(picture, 1.0, 1.0)

    def _news(self, boxes: Float, at_s: float) -> bool:
        """Whether any of ``boxes`` is worth a closer look, and is not where a plate that is known should be."""
        known = [track.predicted(at_s) for track in self._tracker.tracks]
        near = [box for box in boxes if box[2] - box[0] >= _NEARLY * self._min_plate_px]
        return any(all(centre_distance(one, box) > JUMP for one in known) for box in near)

    def _detected(self, picture: Picture, detail: float, enlarged: float) -> tuple[Plates, Image]:
        """In the zone at no more than ``detail`` (of the full picture's width), enlarged for the network."""
        part, corner, scale = self._part(picture, detail)
        side = min(NETWORK_SIDES[1], round(max(part.shape[:2]) * enlarged))
        plates = self._detector.detect([part], max_side=side)[0]
        boxes = plates.boxes * np.tile(scale, 2) + np.tile(corner, 2)
        return Plates(boxes, plates.quads * scale + corner, plates.scores), part

    def _part(self, picture: Picture, detail: float) -> tuple[Image, Float, Float]:
        """The zone as the detector sees it; its top left corner (2,) and a pixel of it (2,), pixels of the picture."""
        x0, y0, x1, y1 = _bounds(self._polygon, picture.width, picture.height)
        longest = max(x1 - x0, y1 - y0)
        low, high = NETWORK_SIDES
        side = min(high, max(low, round(longest * self._detector.sure_px / self._min_plate_px)), longest)
        part = picture.part(x0, y0, x1, y1, max_side=min(side, max(_LEAST_SIDE, round(longest * detail))))
        outside = _outside(self._polygon, picture.width, picture.height, part.shape[1], part.shape[0])
        if outside is not None:
            part[outside] = 0
        scale = np.array(((x1 - x0) / part.shape[1], (y1 - y0) / part.shape[0]), np.float32)
        return part, np.array((x0, y0), np.float32), scale

    def _whole(self, plates: Plates, picture: Picture) -> npt.NDArray[np.bool_]:
        """bool (n,): which plates lie in the zone with all four corners."""
        return np.array(
            [
                all(self._zone.contains(x, y, width=picture.width, height=picture.height) for x, y in quad)
                for quad in plates.quads.tolist()
            ],
            bool,
        )


def _jumped(track: Track | None, box: Float, at_s: float) -> bool:
    steady = track is not None and track.hits >= _STEADY_HITS
    return steady and track is not None and centre_distance(track.predicted(at_s), box) > JUMP


@lru_cache(maxsize=64)
def _bounds(polygon: Polygon, width: int, height: int) -> tuple[int, int, int, int]:
    """The box around ``polygon`` on a picture of that size, pixels, at least one of them: x0, y0, x1, y1."""
    corners = np.array(polygon, np.float32) * np.array([width, height], np.float32)
    x0, y0 = (max(0, int(np.floor(edge))) for edge in corners.min(axis=0))
    x1, y1 = (int(np.ceil(edge)) for edge in corners.max(axis=0))
    x0, y0 = min(x0, width - 1), min(y0, height - 1)
    return x0, y0, max(x0 + 1, min(x1, width)), max(y0 + 1, min(y1, height))


@lru_cache(maxsize=64)
def _outside(polygon: Polygon, width: int, height: int, wide: int, high: int) -> npt.NDArray[np.bool_] | None:
    """What of the box around ``polygon``, seen as ``wide`` x ``high``, lies outside it; None when nothing does."""
    x0, y0, x1, y1 = _bounds(polygon, width, height)
    corners = np.array(polygon, np.float32) * np.array([width, height], np.float32) - np.array((x0, y0), np.float32)
    inside = np.zeros((high, wide), np.uint8)
    scaled = corners * np.array((wide / (x1 - x0), high / (y1 - y0)), np.float32)
    cv2.fillPoly(inside, [np.round(scaled).astype(np.int32)], 1)
    return inside == 0 if not inside.all() else None
