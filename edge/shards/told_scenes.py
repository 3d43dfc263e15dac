"""What the cameras of one shard tell of their places, checked against what they watch, and written down beside it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.contract.base import Message
from core.contract.config_scenes import FireLane, OneWayLine, Scenes
from core.contract.events_scenes import CountsV1, Happening, HappeningV1, Phase
from core.contract.ids import CameraId, HappeningId, PlaceId
from core.contract.vocabulary import BodyKind
from edge.aside import Aside
from edge.checkpoint.controllers import utc_now
from edge.health import Counters
from edge.shards.messages import GarbageError, SceneTold

MAX_UNWRITTEN = 1000
"""Of all shards, while the disk is slow; more are dropped and counted."""
_WITHIN = timedelta(seconds=60)
_LONGEST = timedelta(days=1)
"""Of what stands somewhere before that is told, and of one interval of counting: away cameras count on afterwards."""
_MAX_BEGUN = 1000


@dataclass(frozen=True, slots=True)
class _Begun:
    place: PlaceId | None
    since: datetime


class ToldScenes:
    """Of one shard, also when its process is begun again. From one thread."""

    def __init__(
        self,
        cameras: Sequence[CameraId],
        scenes: Scenes,
        write: Callable[[Message, datetime], None],
        aside: Aside,
        counters: Counters,
        *,
        wall_clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """scenes: everything that is watched with ``cameras``; write: called ``aside``, where it may wait."""
        self._cameras = frozenset(cameras)
        self._ways = {one.id: one for one in scenes.one_way_lines}
        self._lanes = {one.id: one for one in scenes.fire_lanes}
        self._lines = {(one.camera, one.id) for one in scenes.counting_lines}
        self._zones = {(one.camera, one.id) for one in scenes.zones}
        self._write = write
        self._aside = aside
        self._counters = counters
        self._wall_clock = wall_clock
        self._begun: dict[HappeningId, _Begun] = {}

    def check(self, said: SceneTold) -> HappeningV1 | CountsV1:
        """What ``said`` tells. Raises GarbageError for what these cameras don't watch."""
        told = said.happening or said.counts
        if told is None or (said.happening and said.counts) or told.camera not in self._cameras:
            raise GarbageError("a scene of a camera that is not its own")
        if not (self._counted(told) if isinstance(told, CountsV1) else self._may_happen(told)):
            raise GarbageError("a scene that its cameras don't watch")
        return told

    def tell(self, told: HappeningV1 | CountsV1) -> None:
        """Have it written down, with the time that it itself says; what is of another time is dropped and counted."""
        sound = self._timely(told) if isinstance(told, CountsV1) else self._in_order(told)
        if sound is None:
            self._counters.add("scene_events_dropped")
            return
        at = sound.until if isinstance(sound, CountsV1) else sound.ended_at or sound.occurred_at
        if not self._aside.submit(functools.partial(self._write, sound, at)):
            self._counters.add("scene_events_dropped")

    def _counted(self, told: CountsV1) -> bool:
        lines = {(told.camera, one.place) for one in told.lines}
        return lines <= self._lines and {(told.camera, one.place) for one in told.zones} <= self._zones

    def _may_happen(self, told: HappeningV1) -> bool:
        place: OneWayLine | FireLane | None
        match told.what:
            case Happening.WRONG_WAY:
                place = self._ways.get(told.place) if told.place else None
                if place is None or told.checkpoint != place.checkpoint or told.body not in place.kinds:
                    return False
            case Happening.VEHICLE_STANDING:
                place = self._lanes.get(told.place) if told.place else None
                if place is None or told.checkpoint is not None or told.body is not BodyKind.VEHICLE:
                    return False
            case _:  # of a door's contact, which the edge itself hears
                return False
        return place.camera == told.camera

    def _timely(self, told: CountsV1) -> CountsV1 | None:
        now = self._wall_clock()
        timely = abs(told.until - now) <= _WITHIN and now - told.since <= _LONGEST
        return told if timely else None

    def _in_order(self, told: HappeningV1) -> HappeningV1 | None:
        """``told``, where it is of now; what ends, as of when it was said to begin."""
        now = self._wall_clock()
        if told.phase is Phase.ENDED:
            begun = self._begun.pop(told.happening_id, None)
            ended = told.ended_at or now
            if begun is None or begun.place != told.place or not begun.since <= ended <= now + _WITHIN:
                return None
            return told.model_copy(update={"occurred_at": begun.since})
        longest = _LONGEST + _WITHIN if told.phase is Phase.BEGAN else _WITHIN
        if told.happening_id in self._begun or not now - longest <= told.occurred_at <= now + _WITHIN:
            return None
        if told.phase is Phase.BEGAN:
            self._begun[told.happening_id] = _Begun(told.place, told.occurred_at)
            while len(self._begun) > _MAX_BEGUN:
                del self._begun[next(iter(self._begun))]
        return told
