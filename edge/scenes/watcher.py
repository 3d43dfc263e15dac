"""What happens in one camera's picture besides gates: bodies at lines, in lanes, in zones.

Works on any kind of camera, overview included: it is given a body detector and nothing that could look at a face.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.contract.config_scenes import CountedZone, CountingLine, FireLane, OneWayLine, Scenes
from core.contract.events_scenes import Happening, HappeningV1, Phase
from core.contract.ids import CameraId, HappeningId, new_id
from core.contract.vocabulary import BodyKind
from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.scenes.counts import CountBook
from edge.scenes.events import SceneEvent
from edge.scenes.lines import LineCrossing, LineWatch
from edge.scenes.standing import Box, StandingNews, StandingWatch
from edge.scenes.zones import ZoneWatch, contains
from edge.vision.bodies import MAX_SIDE, SURE_SCORE, BodyTracks, SeenBody
from edge.vision.zone import Zone
from models.protocols import BodyDetecting

FPS = 3.0
"""Looks a second: somebody who runs is then still nearer to where they were than to anybody else."""


@dataclass(slots=True)
class SceneSums:
    """What a watcher has done since it was made; nothing in it says who."""

    looks: int = 0
    bodies: int = 0
    crossings: int = 0

    def flat(self) -> dict[str, int]:
        return {"looks": self.looks, "bodies": self.bodies, "crossings": self.crossings}


@dataclass(slots=True)
class _Lane:
    lane: FireLane
    zone: Zone
    watch: StandingWatch


@dataclass(slots=True)
class _Places:
    """The places of one camera, each with what it remembers."""

    counting: list[tuple[CountingLine, LineWatch]] = field(default_factory=list)
    one_way: list[tuple[OneWayLine, LineWatch]] = field(default_factory=list)
    lanes: list[_Lane] = field(default_factory=list)
    zones: list[tuple[CountedZone, ZoneWatch]] = field(default_factory=list)

    @classmethod
    def of(cls, scenes: Scenes, camera: CameraId) -> _Places:
        places = cls()
        for line in scenes.counting_lines:
            if line.camera == camera:
                places.counting.append((line, LineWatch(line.line, line.kinds, line.min_height)))
        for way in scenes.one_way_lines:
            if way.camera == camera:
                places.one_way.append((way, LineWatch(way.line, way.kinds, way.min_height)))
        for lane in scenes.fire_lanes:
            if lane.camera == camera:
                places.lanes.append(_Lane(lane, Zone(lane.zone), StandingWatch(lane.standing_s)))
        for zone in scenes.zones:
            if zone.camera == camera:
                watch = ZoneWatch(Zone(zone.zone), zone.kinds, zone.min_height, zone.long_stay_s)
                places.zones.append((zone, watch))
        return places


class SceneWatcher:
    """Watches the lines, lanes and zones of one camera. Safe from two threads: one that looks, one that keeps time."""

    def __init__(
        self, camera: CameraId, scenes: Scenes, detector: BodyDetecting, now: datetime, max_side: int = MAX_SIDE
    ) -> None:
        self.camera = camera
        self.sums = SceneSums()
        self._max_side = max_side
        self._places = _Places.of(scenes, camera)
        self._tracks = BodyTracks(detector, max_side)
        self._sampler = Sampler(FPS)
        self._book = CountBook(camera, scenes.counts_every_s, now)
        self._lock = threading.Lock()

    @property
    def wanted_fps(self) -> float:
        return FPS

    def flat(self) -> dict[str, int]:
        """What was done so far, by name."""
        return self.sums.flat()

    def look(self, picture: Picture) -> list[SceneEvent]:
        """What ``picture`` adds: usually nothing. Looks at ``FPS`` pictures a second, whatever it is given."""
        moment = picture.moment
        with self._lock:
            if not self._sampler.wants(moment.pts_s):
                return []
            image = picture.part(0, 0, picture.width, picture.height, self._max_side)
            look = self._tracks.look(image, moment.pts_s)
            self.sums.looks += 1
            self.sums.bodies += len(look.seen)
            at = moment.received_at
            self._count(look.seen, look.ended, moment.pts_s)
            events = self._wrong_ways(look.seen, look.ended, at)
            vehicles = [body for body in look.seen if body.kind is BodyKind.VEHICLE]
            for lane in self._places.lanes:
                sure, faint = _standing_in(lane, vehicles)
                events += self._standing(lane, lane.watch.look(sure, faint, moment.pts_s, at))
            return events + self._interval_over(at)

    def due(self, at_s: float, at: datetime) -> list[SceneEvent]:
        """What time alone brings: called once a second while the camera is there, also when nothing moves before it."""
        with self._lock:
            events = [event for lane in self._places.lanes for event in self._standing(lane, lane.watch.due(at_s))]
            return events + self._interval_over(at)

    def away(self, at_s: float, at: datetime) -> None:
        """Called once a second while the camera is away: nobody knows what happens before it."""
        with self._lock:
            for lane in self._places.lanes:
                lane.watch.away(at_s, at)

    def finish(self, at: datetime) -> list[SceneEvent]:
        """The edge stops: what lasts ends, and what was counted since the last telling is told before its time."""
        with self._lock:
            events = [event for lane in self._places.lanes for event in self._standing(lane, lane.watch.finish(at))]
            return events + self._take_counts(at)

    def _count(self, seen: Sequence[SeenBody], ended: Sequence[int], at_s: float) -> None:
        for line, watch in self._places.counting:
            for crossing in watch.step(seen, ended):
                self.sums.crossings += 1
                self._book.cross(line.id, crossing.kind, forward=crossing.forward)
        for _, zone in self._places.zones:
            zone.step(seen, ended, at_s)

    def _wrong_ways(self, seen: Sequence[SeenBody], ended: Sequence[int], at: datetime) -> list[SceneEvent]:
        return [
            SceneEvent(self._wrong_way(way, crossing, at), at)
            for way, watch in self._places.one_way
            for crossing in watch.step(seen, ended)
            if not crossing.forward
        ]

    def _wrong_way(self, way: OneWayLine, crossing: LineCrossing, at: datetime) -> HappeningV1:
        return HappeningV1(
            happening_id=HappeningId(new_id()),
            what=Happening.WRONG_WAY,
            phase=Phase.AT_ONCE,
            occurred_at=at,
            camera=self.camera,
            checkpoint=way.checkpoint,
            place=way.id,
            body=crossing.kind,
        )

    def _standing(self, lane: _Lane, news: Iterable[StandingNews]) -> list[SceneEvent]:
        return [
            SceneEvent(
                HappeningV1(
                    happening_id=one.happening,
                    what=Happening.VEHICLE_STANDING,
                    phase=Phase.BEGAN if one.until is None else Phase.ENDED,
                    occurred_at=one.since,
                    ended_at=one.until,
                    camera=self.camera,
                    place=lane.lane.id,
                    body=BodyKind.VEHICLE,
                ),
                one.until or one.since,
            )
            for one in news
        ]

    def _interval_over(self, now: datetime) -> list[SceneEvent]:
        return self._take_counts(now) if self._book.over(now) else []

    def _take_counts(self, now: datetime) -> list[SceneEvent]:
        counts = self._book.take(now, lambda: {zone.id: watch.take() for zone, watch in self._places.zones})
        return [] if counts is None else [SceneEvent(counts, now)]


def _standing_in(lane: _Lane, vehicles: Iterable[SeenBody]) -> tuple[list[Box], list[Box]]:
    """Boxes of vehicles in the lane: those surely seen, and those that may go on standing there."""
    sure: list[Box] = []
    faint: list[Box] = []
    for body in vehicles:
        if body.height >= lane.lane.min_height and contains(lane.zone, _ground(body.box)):
            (sure if body.score >= SURE_SCORE else faint).append(body.box)
    return sure, faint


def _ground(box: Box) -> tuple[float, float]:
    """The middle of what a vehicle stands on, seen from above at a slant: low in its box."""
    return (box[0] + box[2]) / 2, box[3] - (box[3] - box[1]) * 0.2
