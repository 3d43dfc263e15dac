"""What lines, lanes, zones and door contacts of the estate's file say about the rest of it, and whether it is so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from core.contract.config import Door, EstateConfig
from core.contract.config_complaints import Place, did_you_mean
from core.contract.config_scenes import CountingLine, OneWayLine, ScenePlace
from core.contract.config_shapes import Polygon, UnitPoint
from core.contract.events_scenes import MAX_COUNTED_PLACES

Found = tuple[Place, str]

_SMALLEST_AREA = 0.0005
"""Of the picture: 32 by 32 pixels of a 1080p picture, less than one body."""


def scene_problems(config: EstateConfig) -> list[Found]:
    """Every setting below ``scenes`` and every door's contact that can't be meant."""
    return [*_places(config), *_crowded_cameras(config), *_contacts(config)]


def _places(config: EstateConfig) -> Iterator[Found]:
    cameras = {one.id for one in config.cameras}
    first: dict[str, str] = {}
    scenes = config.scenes
    groups: dict[str, tuple[ScenePlace, ...]] = {
        "counting_lines": scenes.counting_lines,
        "one_way_lines": scenes.one_way_lines,
        "fire_lanes": scenes.fire_lanes,
        "zones": scenes.zones,
    }
    for group, members in groups.items():
        for index, place in enumerate(members):
            at: Place = ("scenes", group, index)
            if place.id in first:
                yield (*at, "id"), f"{place.id!r} is the id of {first[place.id]} already"
            first.setdefault(place.id, f"{group}[{index}]")
            if place.camera not in cameras:
                yield (*at, "camera"), f"{place.camera!r} is not defined{did_you_mean(place.camera, sorted(cameras))}"
            if isinstance(place, OneWayLine):
                yield from _direction_of(config, place, at)
            yield from _shape(place, at)


def _shape(place: ScenePlace, at: Place) -> Iterator[Found]:
    if isinstance(place, CountingLine | OneWayLine):
        if place.line[0] == place.line[1]:
            yield (*at, "line"), "needs two different points"
    elif _crosses_itself(place.zone):
        yield (*at, "zone"), "its border crosses itself: name the corners in order, around the zone"
    elif _area(place.zone) < _SMALLEST_AREA:
        yield (*at, "zone"), "is so small that nobody stands in it"


def _direction_of(config: EstateConfig, line: OneWayLine, at: Place) -> Iterator[Found]:
    if line.checkpoint is None:
        return
    known = {one.id: one for one in config.checkpoints}
    found = known.get(line.checkpoint)
    if found is None:
        hint = did_you_mean(line.checkpoint, sorted(known))
        yield (*at, "checkpoint"), f"{line.checkpoint!r} is not defined{hint}"
        return
    edges = {camera.id: camera.edge for camera in config.cameras}
    if edges.get(found.camera) != edges.get(line.camera):
        yield (*at, "checkpoint"), f"{line.checkpoint!r} belongs to another edge than camera {line.camera!r}"


def _crowded_cameras(config: EstateConfig) -> Iterator[Found]:
    for camera, places in Counter(place.camera for place in config.scenes.places).items():
        if places > MAX_COUNTED_PLACES // 3:
            yield ("scenes",), f"{camera!r} has {places} places; one camera may have {MAX_COUNTED_PLACES // 3}"


def _contacts(config: EstateConfig) -> Iterator[Found]:
    """A sensor speaks for one thing: two doors that open together would both be held, or neither."""
    taken: dict[str, str] = {}
    for index, checkpoint in enumerate(config.checkpoints):
        contact = checkpoint.contact if isinstance(checkpoint, Door) else None
        if contact is None:
            continue
        for what, sensor in (("sensor", contact.sensor), ("exit_button", contact.exit_button)):
            if sensor is None:
                continue
            if sensor in taken:
                yield ("checkpoints", index, "contact", what), f"{sensor!r} is {taken[sensor]} already"
            taken.setdefault(sensor, f"{what} of {checkpoint.id!r}")


def _area(corners: Polygon) -> float:
    closed = (*corners, corners[0])
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(closed))) / 2


def _crosses_itself(corners: Polygon) -> bool:
    sides = list(pairwise((*corners, corners[0])))
    last = len(sides) - 1
    return any(
        _cross(sides[one], sides[other])
        for one in range(len(sides))
        for other in range(one + 2, len(sides))
        if (one, other) != (0, last)
    )


def _cross(one: tuple[UnitPoint, UnitPoint], other: tuple[UnitPoint, UnitPoint]) -> bool:
    return _side(*one, other[0]) * _side(*one, other[1]) < 0 and _side(*other, one[0]) * _side(*other, one[1]) < 0


def _side(start: UnitPoint, end: UnitPoint, point: UnitPoint) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
