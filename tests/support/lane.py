"""Lanes drawn for one test each: vehicles where and when the test wants them, with plates of one and of two rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from core.contract.vocabulary import PlateColour
from demo.draw.canvas import Canvas, Colour, Picture, Sprite, rounded
from demo.draw.fonts import text_mask
from demo.draw.places import LANE, draw_barrier, lane_picture, place_sprite
from demo.draw.vehicles import CAR_PX, PAINTS, PLATE_PX, draw_car
from models.types import Float

LANE_X = 930.0
_PLATE_MIDDLE = (60 + 0.5 * CAR_PX, 70 + 0.655 * CAR_PX)
_INK: Colour = (22, 22, 24)


@dataclass(frozen=True, slots=True)
class Key:
    """Where a vehicle is at a frame: depth 1 is the stop line, beyond it the vehicle turns off to the left."""

    frame: int
    depth: float
    x: float = LANE_X


@dataclass(frozen=True, slots=True)
class Drive:
    """A vehicle's way through the lane; before the first key and after the last it is not there."""

    plate: str
    keys: tuple[Key, ...]
    colour: PlateColour = PlateColour.BLUE
    rows: int = 1
    paint: int = 2

    def place(self, frame: int) -> tuple[float, float] | None:
        """x and depth at ``frame``."""
        frames = [key.frame for key in self.keys]
        if not frames[0] <= frame <= frames[-1]:
            return None
        x = float(np.interp(frame, frames, [key.x for key in self.keys]))
        return x, float(np.interp(frame, frames, [key.depth for key in self.keys]))


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something stands before the lane until ``until_frame``: left, top, right, bottom, pixels."""

    box: tuple[float, float, float, float]
    until_frame: int


@dataclass
class DrawnLane:
    """A film (see `demo.film.Film`) of these drives."""

    drives: Sequence[Drive]
    frames: int
    hidden: Hidden | None = None
    _background: Picture = field(default_factory=lane_picture)
    _sprites: dict[str, Sprite] = field(default_factory=dict)

    def frame(self, number: int) -> Picture:
        picture = self._background.copy()
        there = [(place, drive) for drive in self.drives if (place := drive.place(number)) is not None]
        for (x, depth), drive in sorted(there, key=lambda one: one[0][1]):
            if drive.plate not in self._sprites:
                self._sprites[drive.plate] = _vehicle(drive)
            place_sprite(picture, self._sprites[drive.plate], x, depth, LANE)
        draw_barrier(picture, 1.0)
        if self.hidden is not None and number < self.hidden.until_frame:
            canvas = Canvas(picture.shape[1], picture.shape[0], picture)
            canvas.shape(rounded(*self.hidden.box, 30), (70, 92, 60))
            picture = canvas.to_picture()
        return picture

    def corners(self, number: int) -> dict[str, Float]:
        """Where the plates are at frame ``number``: text to float32 (4, 2), top left first, clockwise, pixels."""
        found: dict[str, Float] = {}
        for drive in self.drives:
            place = drive.place(number)
            if place is not None:
                x, depth = place
                sprite = _vehicle(drive) if drive.plate not in self._sprites else self._sprites[drive.plate]
                corner = (round(x - sprite.anchor[0] * depth), round(LANE.y(depth) - sprite.anchor[1] * depth))
                found[drive.plate] = _plate_in_sprite(drive) * np.float32(depth) + np.array(corner, np.float32)
        return found


def through(first: int, *, stop_frames: int = 0) -> tuple[Key, ...]:
    """From where a plate is just too small to be read to the stop line in a second, a stop, and on."""
    there = first + 26
    gone = there + stop_frames
    return Key(first, 0.5), Key(there, 1.0), Key(gone, 1.0), Key(gone + 24, 1.42, LANE_X - 1500)


def _vehicle(drive: Drive) -> Sprite:
    paint = PAINTS[drive.paint]
    if drive.rows == 1:
        return draw_car("saloon", paint, drive.plate, drive.colour)
    sprite = draw_car("van", paint, "京A00000", PlateColour.BLUE)
    plate = two_row_plate(drive.plate)
    left, top, _, bottom = (int(edge) for edge in _plate_box(drive))
    height = bottom - top
    bgr, alpha = sprite.bgr.copy(), sprite.alpha.copy()
    bgr[top - 4 : top + height + 4, left - 4 : left + PLATE_PX + 4] = 30
    bgr[top : top + height, left : left + PLATE_PX] = cv2.resize(
        plate, (PLATE_PX, height), interpolation=cv2.INTER_AREA
    )
    alpha[top - 4 : top + height + 4, left - 4 : left + PLATE_PX + 4] = 255
    return Sprite(bgr, alpha, sprite.anchor)


def _plate_box(drive: Drive) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the plate on its vehicle's sprite, pixels, as `draw_car` and `_vehicle` place it."""
    if drive.rows == 2:
        width, height, lower = PLATE_PX, round(PLATE_PX * 220 / 440), 10
    else:
        long = drive.colour is PlateColour.GREEN
        width = round(PLATE_PX * 480 / 440) if long else PLATE_PX
        height, lower = round(width * 140 / (480 if long else 440)), 0
    left, top = round(_PLATE_MIDDLE[0] - width / 2), round(_PLATE_MIDDLE[1] - height / 2 + lower)
    return left, top, left + width, top + height


def _plate_in_sprite(drive: Drive) -> Float:
    left, top, right, bottom = _plate_box(drive)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def two_row_plate(text: str) -> Picture:
    """A yellow plate of two rows in the layout of GA 36-2018, uint8 (220, 440, 3); ``text`` has seven characters."""
    canvas = Canvas(440, 220, np.full((220, 440, 3), (20, 170, 236), np.uint8))
    canvas.stroke(rounded(6, 6, 434, 214, 10), _INK, 3, closed=True)
    cells = [(110, 15, 80, 60), (250, 15, 80, 60), *((27 + 80 * place, 90, 65, 110) for place in range(5))]
    for character, (left, top, width, height) in zip(text, cells, strict=True):
        wide = round(width * 0.42) if character == "1" else width
        glyph = cv2.resize(text_mask(character, 120), (wide, height), interpolation=cv2.INTER_AREA)
        canvas.stamp(np.asarray(glyph, np.uint8), (left + (width - wide) / 2, top), _INK)
    return canvas.to_picture()
