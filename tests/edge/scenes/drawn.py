"""A drawn yard with people and cars on their ways: what happens there is known, because it was written down first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import av
import numpy as np

from demo.draw.canvas import lay
from demo.draw.places import Ground
from demo.draw.vehicles import PAINTS, draw_small_car
from demo.walkers import Key, Walker, along
from edge.capture.picture import Picture
from edge.evidence import Moment
from models.types import Image
from tests.edge.scenes.parts import START

FPS = 25
WIDTH, HEIGHT = 1280, 720
YARD = Ground(horizon_y=150, near_y=660, unit_px=34)
_SKY, _GRASS, _ROAD = (214, 190, 160), (96, 140, 104), (128, 126, 122)


class Car:
    """A car on its way, seen from the side; ``keys`` as a walker's."""

    def __init__(self, paint: int, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)
        to_the_right = self._keys[-1].x >= self._keys[0].x
        self._sprite = draw_small_car(PAINTS[paint % len(PAINTS)], 380, to_the_right=to_the_right)

    def present(self, frame: int) -> bool:
        return self._keys[0].frame <= frame <= self._keys[-1].frame

    def draw(self, picture: Image, frame: int) -> None:
        x, depth = along(self._keys, frame)
        lay(picture, self._sprite.scaled(depth), (x, YARD.y(depth)))


def walker(face: int, first: int, begin: tuple[float, float], end: tuple[float, float], frames: int = 150) -> Walker:
    """Somebody who walks straight from one place (x in pixels, depth) to another."""
    return Walker(face, YARD, [Key(first, *begin), Key(first + frames, *end)])


def yard() -> Image:
    """The empty yard: sky, grass, a road."""
    picture = np.full((HEIGHT, WIDTH, 3), _GRASS, np.uint8)
    picture[:150] = _SKY
    picture[300:690] = _ROAD
    return picture


def looks(things: Sequence[Walker | Car], frames: int, every: int = 4) -> list[Picture]:
    """The yard's pictures, every ``every``th of ``frames``."""
    empty = yard()
    pictures = []
    for number in range(0, frames, every):
        image = empty.copy()
        for thing in things:
            if thing.present(number):
                thing.draw(image, number)
        at_s = number / FPS
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        pictures.append(Picture(Moment(at_s, START + timedelta(seconds=at_s), at_s), frame, at_s))
    return pictures
