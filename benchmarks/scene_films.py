"""How the benchmarks' scenes are staged: people and vehicles on their ways, at the demo's gate, door and lane.

Ways are frames, 25 a second, counted from the pass's own first; positions are those of `demo.draw.places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from demo.cast import Resident, Stranger, Vehicle
from demo.draw import effects
from demo.draw.canvas import Picture, Sprite, lay
from demo.draw.looks import look_of
from demo.draw.places import (
    DOOR,
    DOOR_JAMBS,
    DOOR_STAND_X,
    GATE,
    GATE_PILLAR_DEPTH,
    GATE_STAND_X,
    LANE,
    LANE_STOP_X,
    door_picture,
    draw_barrier,
    draw_door,
    gate_front,
    gate_picture,
    lane_picture,
    place_sprite,
)
from demo.draw.vehicles import CAR_PX, PAINTS, PLATE_PX, Body, draw_car
from demo.walkers import Key, Phone, Walker, along

SHUTTER = 0.5
"""Share of a frame's time for which a camera's shutter is open by day."""
SHUTTER_AT_DUSK = 0.9
PLATE_ABOVE_GROUND_PX = (0.785 - 0.655) * CAR_PX
"""The plate's middle, of a car at depth 1 (`demo.draw.vehicles.draw_car`)."""
_BESIDE_PX = 430
"""How far apart two who walk abreast keep, so that one of them stands outside the zone for one."""


class Place(StrEnum):
    GATE = "gate"
    DOOR = "door"
    LANE = "lane"


class Kind(StrEnum):
    """What is hard about a pass."""

    WALK = "walk"
    RUN = "run"
    ABREAST = "abreast"
    DUSK = "dusk"
    BACKLIT = "backlit"
    RAIN = "rain"
    BRIEF = "brief"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Way:
    """Of one actor. shows: from which to which frame a phone is held up; opens: when the door starts to open."""

    keys: tuple[Key, ...]
    shows: tuple[int, int] | None = None
    opens: int | None = None

    def later(self, frames: int) -> Way:
        return Way(
            tuple(replace(key, frame=key.frame + frames) for key in self.keys),
            None if self.shows is None else (self.shows[0] + frames, self.shows[1] + frames),
            None if self.opens is None else self.opens + frames,
        )

    @property
    def first(self) -> int:
        return self.keys[0].frame

    @property
    def last(self) -> int:
        return self.keys[-1].frame


def gate_way(kind: Kind, side: int) -> Way:
    """Through the arch onto the painted square and on; ``side``: 1 or -1, from which side of the street."""
    x = GATE_STAND_X
    if kind is Kind.RUN:
        return Way((Key(0, x + side * 320, 0.36), Key(7, x + side * 190, 0.40), Key(27, x, 1.0), Key(48, 2150, 1.14)))
    if kind is Kind.BRIEF:
        return Way((Key(0, 1290, 0.41), Key(8, 1180, 0.46), Key(32, x, 1.0, 1.3), Key(40, x, 1.0), Key(64, 2120, 1.12)))
    arrive = (Key(0, x + side * 320, 0.36), Key(16, x + side * 190, 0.40), Key(62, x, 1.0, 1.5))
    return Way((*arrive, Key(78, x, 1.0), Key(128, 2150, 1.14, 0.75)))


def gate_ways_abreast() -> tuple[Way, Way]:
    """Side by side through the arch; while one stands on the square the other waits beside it, and then steps in."""
    x, beside = GATE_STAND_X, GATE_STAND_X + _BESIDE_PX
    one = (Key(0, x - 120, 0.40), Key(62, x, 1.0, 1.5), Key(80, x, 1.0), Key(130, -260, 1.12, 0.8))
    other = (Key(0, x + 60, 0.40), Key(62, beside, 0.98, 1.5), Key(98, beside, 0.98))
    return Way(one), Way((*other, Key(124, x, 1.0), Key(142, x, 1.0), Key(192, 2150, 1.14, 0.75)))


def door_way(kind: Kind) -> Way:
    """From the path to the door, a pass held up, and in."""
    arrive, shown, leave = {
        Kind.RUN: (32, 34, 66),
        Kind.BRIEF: (24, 16, 48),
    }.get(kind, (60, 68, 116))
    through = 22 if kind in (Kind.RUN, Kind.BRIEF) else 46
    keys = (Key(0, -160, 0.72), Key(arrive, DOOR_STAND_X, 1.0, 1.35), Key(leave, DOOR_STAND_X, 1.0))
    return Way((*keys, Key(leave + through, 1900, 0.90, 0.85)), (shown, leave - 2), leave - 20)


def door_ways_abreast() -> tuple[Way, Way]:
    """Two with a pass each: the second waits on the path until the first is through."""
    one = door_way(Kind.WALK)
    wait_x = DOOR_STAND_X - _BESIDE_PX
    at_door = one.last + 34
    leave = at_door + 56
    keys = (
        Key(6, -160, 0.70),
        Key(66, wait_x, 0.94, 1.35),
        Key(one.last, wait_x, 0.94),
        Key(at_door, DOOR_STAND_X, 1.0),
        Key(leave, DOOR_STAND_X, 1.0),
        Key(leave + 46, 1900, 0.90, 0.85),
    )
    return one, Way(keys, (at_door + 8, leave - 2), leave - 20)


def lane_way(kind: Kind) -> Way:
    """Up to the barrier and through; who is in a hurry finds it open and does not stop."""
    arrive, stand, on = (30, 0, 24) if kind is Kind.RUN else (58, 30, 46)
    leave = arrive + stand
    stopped = (Key(leave, LANE_STOP_X, 1.0),) if stand else ()
    return Way((Key(0, _lane_x(0.17), 0.17), Key(arrive, LANE_STOP_X, 1.0, 1.7), *stopped, _lane_out(leave, on)))


def lane_ways_queueing(vehicles: int) -> tuple[Way, ...]:
    """Close behind each other: each waits in its forerunner's back and moves up."""
    ways = [lane_way(Kind.WALK)]
    for number in range(1, vehicles):
        arrive = 58 + number * 78
        keys = (
            Key(arrive - 90, _lane_x(0.17), 0.17),
            Key(arrive - 56, _lane_x(0.55), 0.55, 1.5),
            Key(arrive - 26, _lane_x(0.55), 0.55),
            Key(arrive, LANE_STOP_X, 1.0, 1.3),
            Key(arrive + 30, LANE_STOP_X, 1.0),
        )
        ways.append(Way((*keys, _lane_out(arrive + 30, 46))))
    return tuple(ways)


def _lane_x(depth: float) -> float:
    return 960 + (LANE_STOP_X - 960) * depth


def _lane_out(leave: int, frames: int) -> Key:
    return Key(leave + frames, LANE_STOP_X - 1560, 1.42, 0.6)


class Actor(Protocol):
    way: Way

    def draw(self, picture: Picture, frame: int) -> None: ...

    def step(self, frame: int) -> tuple[float, float]:
        """Movement since the frame before, pixels."""
        ...

    def subject(self, frame: int) -> tuple[float, float, float]:
        """What is looked at of it, a face or a plate: its middle and its width, pixels."""
        ...


class Person:
    """On ``way``; behind the door's wall nobody is seen."""

    def __init__(self, who: Resident | Stranger, place: Place, way: Way, pass_text: str) -> None:
        self.way = way
        ground, light, wall = (DOOR, -0.4, DOOR_JAMBS[1] - 8) if place is Place.DOOR else (GATE, 0.45, None)
        phone = None if way.shows is None else Phone(*way.shows, pass_text)
        self._walker = Walker(who.face, ground, way.keys, light=light, phone=phone, hidden_right_of=wall)
        self._face_px = 2 * look_of(who.face).width * ground.unit_px

    def draw(self, picture: Picture, frame: int) -> None:
        self._walker.draw(picture, frame)

    def step(self, frame: int) -> tuple[float, float]:
        (x, y), (x0, y0) = (self._walker.face_centre(at) for at in (frame, max(frame - 1, self.way.first)))
        return x - x0, y - y0

    def subject(self, frame: int) -> tuple[float, float, float]:
        return *self._walker.face_centre(frame), self._face_px * self._walker.place(frame)[1]


class Car:
    def __init__(self, vehicle: Vehicle, way: Way) -> None:
        self.way = way
        body: Body = vehicle.body  # type: ignore[assignment]
        self._sprite: Sprite = draw_car(body, PAINTS[vehicle.paint], vehicle.plate, vehicle.colour)

    def draw(self, picture: Picture, frame: int) -> None:
        x, depth = along(self.way.keys, frame)
        place_sprite(picture, self._sprite, x, depth, LANE)

    def step(self, frame: int) -> tuple[float, float]:
        (x, depth), (x0, depth0) = (along(self.way.keys, at) for at in (frame, max(frame - 1, self.way.first)))
        return x - x0, LANE.y(depth) - LANE.y(depth0)

    def subject(self, frame: int) -> tuple[float, float, float]:
        x, depth = along(self.way.keys, frame)
        return x, LANE.y(depth) - PLATE_ABOVE_GROUND_PX * depth, PLATE_PX * depth


class Stage:
    """A place with everybody on their way through it; a `demo.film.Film`."""

    def __init__(self, place: Place, kind: Kind, actors: Sequence[Actor], frames: int, seed: int) -> None:
        self.frames = frames
        self._place, self._kind, self.actors, self._seed = place, kind, tuple(actors), seed
        self._background = _BACKGROUNDS[place]()
        self._front = gate_front(self._background) if place is Place.GATE else None

    @property
    def noise(self) -> float:
        """How strong the sensor's noise is, 1 by day."""
        return 3.0 if self._kind is Kind.DUSK else 1.0

    def frame(self, number: int) -> Picture:
        """The picture at ``number``, uint8 (1080, 1920, 3)."""
        picture = self._staged(number)
        if self._kind is Kind.DUSK:
            return effects.dusk(picture)
        if self._kind is Kind.BACKLIT:
            return effects.backlit(picture, self._background)
        if self._kind is Kind.RAIN:
            return effects.rain(picture, number, self._seed)
        return picture

    def _staged(self, number: int) -> Picture:
        picture = self._background.copy()
        if self._place is Place.DOOR:
            draw_door(picture, max((_opened(actor.way, number) for actor in self.actors), default=0.0))
        present = [actor for actor in self.actors if actor.way.first <= number <= actor.way.last]
        present.sort(key=lambda actor: along(actor.way.keys, number)[1])
        front = self._front
        for actor in present:
            if front is not None and along(actor.way.keys, number)[1] >= GATE_PILLAR_DEPTH:
                lay(picture, front, (0, 0))
                front = None
            self._draw(picture, actor, number)
        if front is not None and present:
            lay(picture, front, (0, 0))
        if self._place is Place.LANE:
            draw_barrier(picture, max((_raised(actor.way, number) for actor in self.actors), default=0.0))
        return picture

    def _draw(self, picture: Picture, actor: Actor, number: int) -> None:
        """With the blur of whatever moves while the shutter is open."""
        shutter = SHUTTER_AT_DUSK if self._kind is Kind.DUSK else SHUTTER
        across, down = (shutter * part for part in actor.step(number))
        before = picture.copy() if abs(across) + abs(down) >= 2 else None
        actor.draw(picture, number)
        if before is not None:
            effects.smear(picture, before, (across, down))


_BACKGROUNDS = {Place.GATE: gate_picture, Place.DOOR: door_picture, Place.LANE: lane_picture}


def _opened(way: Way, number: int) -> float:
    if way.opens is None:
        return 0.0
    return _ramp(number, way.opens, 14) * (1 - _ramp(number, way.last - 6, 14))


def _raised(way: Way, number: int) -> float:
    leave = way.keys[-2].frame
    return _ramp(number, leave - 22, 22) * (1 - _ramp(number, way.last - 10, 14))


def _ramp(frame: int, start: int, length: int) -> float:
    share = min(1.0, max(0.0, (frame - start) / length))
    return share * share * (3 - 2 * share)
