"""From the script to pictures: each camera's scene, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from core.contract.ids import CameraId, SubjectKey
from demo.cast import Cast, Vehicle
from demo.draw.canvas import Picture, Sprite, lay
from demo.draw.places import (
    DOOR,
    DOOR_JAMBS,
    DOOR_STAND_X,
    GATE,
    GATE_PILLAR_DEPTH,
    GATE_STAND_X,
    LANE,
    LANE_STOP_X,
    YARD,
    door_picture,
    draw_barrier,
    draw_door,
    gate_front,
    gate_picture,
    lane_picture,
    place_sprite,
    yard_picture,
)
from demo.draw.vehicles import PAINTS, Body, draw_car, draw_small_car
from demo.script import (
    DOOR_CAMERA,
    DOOR_FOLLOWER,
    DOOR_IN,
    DOOR_PHONE,
    DOOR_THROUGH,
    GATE_CAMERA,
    GATE_IN,
    LANE_CAMERA,
    LANE_IN,
    YARD_FRAMES,
    Act,
    ActKind,
    CameraScript,
    Script,
)
from demo.walkers import Key, Phone, Walker

_BARRIER_FRAMES = 22
_DOOR_FRAMES = 14


class Film(Protocol):
    """A camera's clip, not yet encoded."""

    frames: int

    def frame(self, number: int) -> Picture:
        """The picture at ``number``, uint8 (1080, 1920, 3), the caller's to change."""
        ...


def make_film(camera: CameraId, cast: Cast, script: Script, pass_texts: Mapping[SubjectKey, str]) -> Film:
    """The film of ``camera``.

    Raises KeyError when a pass that is shown has no text.
    """
    part = script.camera(camera)
    if camera == GATE_CAMERA:
        return _GateFilm(part)
    if camera == LANE_CAMERA:
        return _LaneFilm(part, cast)
    if camera == DOOR_CAMERA:
        return _DoorFilm(part, pass_texts)
    return _YardFilm(script.seed, cast)


def _ramp(frame: int, start: int, length: int) -> float:
    """0 before ``start``, 1 from ``start + length`` on, smooth between."""
    share = min(1.0, max(0.0, (frame - start) / length))
    return share * share * (3 - 2 * share)


def _draw_people(picture: Picture, walkers: list[Walker], number: int) -> None:
    """Those present, the farthest first."""
    present = [walker for walker in walkers if walker.present(number)]
    for walker in sorted(present, key=lambda walker: walker.place(number)[1]):
        walker.draw(picture, number)


class _GateFilm:
    def __init__(self, part: CameraScript) -> None:
        self.frames = part.frames
        self._background = gate_picture()
        self._front = gate_front(self._background)
        self._walkers = [Walker(act.faces[0], GATE, _gate_way(act), light=0.45) for act in part.acts]

    def frame(self, number: int) -> Picture:
        picture = self._background.copy()
        present = [walker for walker in self._walkers if walker.present(number)]
        outside = [walker for walker in present if walker.place(number)[1] < GATE_PILLAR_DEPTH]
        _draw_people(picture, outside, number)
        if outside:
            lay(picture, self._front, (0, 0))
        _draw_people(picture, [walker for walker in present if walker not in outside], number)
        return picture


def _gate_way(act: Act) -> list[Key]:
    """From the arch to the painted square and on; strangers go on to the card reader; a bystander keeps to the side."""
    first, leave, last = act.first_frame, act.leave_frame, act.last_frame
    if act.kind is ActKind.BYSTANDER:
        return [Key(first, -120, 0.80), Key(first + 60, 380, 0.62), Key(first + 70, 400, 0.60), Key(last, -130, 0.86)]
    side = -1 if act.faces[0] % 2 else 1
    arrive = [
        Key(first, GATE_STAND_X + side * 320, 0.36),
        Key(first + 16, GATE_STAND_X + side * 190, 0.40),
        Key(first + GATE_IN, GATE_STAND_X, 1.0, 1.5),
        Key(leave, GATE_STAND_X, 1.0),
    ]
    if act.kind is ActKind.FACE_ADMITTED:
        return [*arrive, Key(last, 2150, 1.14, 0.75)]
    return [*arrive, Key(leave + 38, 1420, 0.92, 0.8), Key(leave + 66, 1420, 0.92), Key(last, 2150, 1.05, 0.8)]


class _LaneFilm:
    def __init__(self, part: CameraScript, cast: Cast) -> None:
        self.frames = part.frames
        self._background = lane_picture()
        vehicles = {vehicle.plate: vehicle for vehicle in cast.vehicles}
        self._visits = [(act, vehicles[act.vehicle or ""]) for act in part.acts]
        self._sprites: dict[str, Sprite] = {}

    def frame(self, number: int) -> Picture:
        picture = self._background.copy()
        raised = 0.0
        for act, vehicle in self._visits:
            if act.first_frame <= number <= act.last_frame:
                self._drive(picture, act, vehicle, number)
                lowering = _ramp(number, act.last_frame - _BARRIER_FRAMES + 8, _BARRIER_FRAMES)
                raised = _ramp(number, act.leave_frame - _BARRIER_FRAMES, _BARRIER_FRAMES) * (1 - lowering)
            elif act.last_frame < number < act.last_frame + 16:
                raised = 1 - _ramp(number, act.last_frame - _BARRIER_FRAMES + 8, _BARRIER_FRAMES)
        draw_barrier(picture, raised)
        return picture

    def _drive(self, picture: Picture, act: Act, vehicle: Vehicle, number: int) -> None:
        arrived = min(1.0, (number - act.first_frame) / LANE_IN)
        depth = 0.17 + 0.83 * (1 - (1 - arrived) ** 1.7)
        x = 960 + (LANE_STOP_X - 960) * depth
        if number > act.leave_frame:
            on = ((number - act.leave_frame) / (act.last_frame - act.leave_frame)) ** 1.7
            depth, x = 1 + 0.42 * on, LANE_STOP_X - 1560 * on
        sprite = self._sprites.get(vehicle.plate)
        if sprite is None:
            body: Body = vehicle.body  # type: ignore[assignment]
            sprite = self._sprites[vehicle.plate] = draw_car(body, PAINTS[vehicle.paint], vehicle.plate, vehicle.colour)
        place_sprite(picture, sprite, x, depth, LANE)


class _DoorFilm:
    def __init__(self, part: CameraScript, pass_texts: Mapping[SubjectKey, str]) -> None:
        self.frames = part.frames
        self._background = door_picture()
        self._acts = part.acts
        self._walkers = [walker for act in part.acts for walker in _door_walkers(act, pass_texts)]

    def frame(self, number: int) -> Picture:
        picture = self._background.copy()
        draw_door(picture, max((self._opened(act, number) for act in self._acts), default=0.0))
        _draw_people(picture, self._walkers, number)
        return picture

    @staticmethod
    def _opened(act: Act, number: int) -> float:
        if act.kind not in (ActKind.PASS_ADMITTED, ActKind.FOLLOWED):
            return 0.0
        opening = _ramp(number, act.leave_frame - 20, _DOOR_FRAMES)
        return opening * (1 - _ramp(number, act.last_frame - 6, _DOOR_FRAMES))


def _door_walkers(act: Act, pass_texts: Mapping[SubjectKey, str]) -> list[Walker]:
    first, leave, last = act.first_frame, act.leave_frame, act.last_frame
    goes_in = act.kind in (ActKind.PASS_ADMITTED, ActKind.FOLLOWED)
    arrive = [Key(first, -160, 0.72), Key(first + DOOR_IN, DOOR_STAND_X, 1.0, 1.35), Key(leave, DOOR_STAND_X, 1.0)]
    away = Key(leave + DOOR_THROUGH, 1900, 0.90, 0.85) if goes_in else Key(last, -170, 0.80, 0.8)
    phone = None
    if act.shows is not None:
        shown = first + DOOR_IN + DOOR_PHONE
        phone = Phone(shown, leave - 2 if goes_in else leave - 8, pass_texts[act.shows])
    wall = DOOR_JAMBS[1] - 8
    walkers = [Walker(act.faces[0], DOOR, [*arrive, away], light=-0.4, phone=phone, hidden_right_of=wall)]
    if act.kind is ActKind.FOLLOWED:
        # Waits at a distance as if for somebody, and hurries once the door stands open.
        hurry = leave + 6
        crosses = leave + DOOR_FOLLOWER
        keys = [
            Key(first + 30, -160, 0.72),
            Key(first + 90, 330, 0.84, 1.35),
            Key(hurry, 330, 0.84),
            Key(crosses, 1480, 0.93, 0.9),
            Key(last, 1960, 0.90),
        ]
        walkers.append(Walker(act.faces[1], DOOR, keys, light=-0.4, hidden_right_of=wall))
    return walkers


class _YardFilm:
    """Life in the yard: too small and too far to recognise anybody, as an overview camera should be."""

    def __init__(self, seed: int, cast: Cast) -> None:
        self.frames = YARD_FRAMES
        self._background = yard_picture()
        random = np.random.default_rng((seed, 21))
        faces = [resident.face for resident in cast.residents]
        self._walkers = []
        for number, face in enumerate(faces):
            start = 30 + int(random.integers(0, 60)) + number * 80
            self._walkers.append(Walker(face, YARD, _stroll(start, number, random), light=0.3))
        paint = PAINTS[int(random.integers(len(PAINTS)))]
        self._car = draw_small_car(paint, 150, to_the_right=True)
        self._drives = (int(random.integers(60, 160)), int(random.integers(560, 640)))

    def frame(self, number: int) -> Picture:
        picture = self._background.copy()
        for start in self._drives:
            if start <= number <= start + 230:
                place_sprite(picture, self._car, -110 + (number - start) * 9.4, (312 - YARD.horizon_y) / 1300, YARD)
        _draw_people(picture, self._walkers, number)
        return picture


_PATHS = (
    ((-40, 770), (420, 712), (900, 690), (1350, 712), (1960, 654)),
    ((1960, 664), (1350, 722), (900, 700), (420, 722), (-40, 780)),
    ((960, 1160), (884, 830), (900, 690), (1350, 712), (1960, 654)),
    ((-40, 764), (420, 706), (900, 690), (878, 830), (950, 1160)),
)


def _stroll(start: int, number: int, random: np.random.Generator) -> list[Key]:
    """A way along the paths, at a walking pace for people of that size."""
    path = _PATHS[number % len(_PATHS)]
    pace = float(random.uniform(5.4, 6.6))
    keys, at = [], float(start)
    previous = path[0]
    for x, y in path:
        at += float(np.hypot(x - previous[0], y - previous[1])) / pace
        keys.append(Key(round(at), x, (y - YARD.horizon_y) / (YARD.near_y - YARD.horizon_y)))
        previous = (x, y)
    return keys
