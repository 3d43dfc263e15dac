"""Cars from the front, with a real plate on the bumper, and small ones from the side for the overview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from core.contract.vocabulary import PlateColour
from demo.draw.canvas import Canvas, Colour, Mask, Point, Sprite, ellipse, floats, mix, rounded, shade, smooth
from demo.draw.plates import draw_plate

Body = Literal["saloon", "suv", "van"]

PAINTS: tuple[Colour, ...] = (
    (232, 232, 230),
    (44, 42, 40),
    (150, 148, 146),
    (150, 74, 30),
    (46, 42, 168),
    (96, 110, 64),
    (188, 206, 214),
    (176, 128, 62),
)
CAR_PX = 760
"""Width of a car sprite; the plate on it is `PLATE_PX` wide."""
PLATE_PX = 172

_ROOF: dict[Body, tuple[float, float, float]] = {
    "saloon": (0.10, 0.245, 0.40),
    "suv": (0.03, 0.20, 0.42),
    "van": (-0.06, 0.14, 0.43),
}
"""Top of the roof, its half width's inset, and the base of the windscreen, in car widths."""


def draw_car(body: Body, paint: Colour, plate: str, plate_colour: PlateColour) -> Sprite:
    """A car seen from the front, `CAR_PX` wide, anchored between its front wheels on the ground."""
    width = CAR_PX
    canvas = Canvas(width + 120, 740)
    x0, y0 = 60.0, 70.0
    bumper = 0.80

    def at(x: float, y: float) -> tuple[float, float]:
        return x0 + x * width, y0 + y * width

    roof_y, inset, base_y = _ROOF[body]
    _shadow_and_wheels(canvas, at, bumper, width)
    for side in (-1, 1):
        mirror = at(0.5 + side * 0.475, base_y + 0.005)
        canvas.shape(ellipse(mirror, (0.045 * width, 0.032 * width)), shade(paint, 0.85))
    cabin = [at(0.055, base_y + 0.02), at(0.12, base_y - 0.05), at(inset, roof_y + 0.02), at(0.35, roof_y - 0.012)]
    canvas.shape(smooth([*cabin, *_mirror(cabin, x0 + width / 2)]), shade(paint, 0.95))
    glass = [at(0.135, base_y - 0.005), at(inset + 0.045, roof_y + 0.045), at(0.36, roof_y + 0.032)]
    glass_outline = smooth([*glass, *_mirror(glass, x0 + width / 2)])
    canvas.shape(glass_outline, (74, 62, 52))
    only_glass = Canvas(canvas.width, canvas.height)
    only_glass.shape(glass_outline, (255, 255, 255))
    sky = [at(0.22, base_y), at(0.40, roof_y), at(0.56, roof_y), at(0.40, base_y)]
    canvas.shape(floats(sky), (226, 206, 180), soft=8, opacity=0.35, inside=only_glass.alpha)
    canvas.shape(box(at(0.44, roof_y + 0.04), at(0.56, roof_y + 0.075), 8), (40, 36, 34), inside=only_glass.alpha)
    for seat in (0.33, 0.67):
        canvas.shape(
            ellipse(at(seat, base_y - 0.06), (0.055 * width, 0.09 * width)),
            (44, 38, 34),
            soft=5,
            opacity=0.8,
            inside=only_glass.alpha,
        )
    front = [
        at(0.5, base_y - 0.02),
        at(0.18, base_y),
        at(0.035, base_y + 0.07),
        at(0.012, 0.58),
        at(0.03, 0.70),
        at(0.14, 0.745),
        at(0.5, 0.752),
    ]
    front_outline = smooth([*front, *_mirror(front[1:-1], x0 + width / 2)])
    canvas.shape(front_outline, paint)
    only_front = Canvas(canvas.width, canvas.height)
    only_front.shape(front_outline, (255, 255, 255))
    inside = only_front.alpha
    bonnet = [at(0.20, base_y + 0.01), at(0.80, base_y + 0.01), at(0.76, base_y + 0.075), at(0.24, base_y + 0.075)]
    canvas.shape(smooth(bonnet), mix(paint, (255, 255, 255), 0.35), soft=14, opacity=0.7, inside=inside)
    canvas.shape(
        floats([at(0, 0.64), at(1, 0.64), at(1, 0.8), at(0, 0.8)]),
        shade(paint, 0.62),
        soft=20,
        opacity=0.8,
        inside=inside,
    )
    _lamps_and_grille(canvas, at, base_y, width)
    _plate(canvas, at(0.5, 0.655), plate, plate_colour)
    return canvas.to_sprite(at(0.5, bumper - 0.015))


def box(top_left: Point, bottom_right: Point, radius: float) -> Mask:
    """Outline of a rectangle with round corners between two corners."""
    return rounded(top_left[0], top_left[1], bottom_right[0], bottom_right[1], radius)


def _mirror(points: list[tuple[float, float]], axis_x: float) -> list[tuple[float, float]]:
    return [(2 * axis_x - x, y) for x, y in reversed(points)]


def _shadow_and_wheels(canvas: Canvas, at: Callable[[float, float], Point], bumper: float, width: int) -> None:
    canvas.shape(ellipse(at(0.5, bumper - 0.005), (0.53 * width, 0.045 * width)), (24, 22, 20), soft=14, opacity=0.75)
    for side in (0.07, 0.79):
        canvas.shape(box(at(side, 0.58), at(side + 0.14, bumper), 18), (26, 26, 28))
        canvas.shape(box(at(side + 0.02, 0.60), at(side + 0.05, bumper - 0.02), 8), (58, 58, 60), soft=3)


def _lamps_and_grille(canvas: Canvas, at: Callable[[float, float], Point], base_y: float, width: int) -> None:
    y = base_y + 0.105
    canvas.shape(box(at(0.30, y - 0.012), at(0.70, y + 0.052), 16), (36, 34, 32))
    for bar in range(4):
        canvas.stroke([at(0.31, y + bar * 0.015), at(0.69, y + bar * 0.015)], (96, 94, 92), 2.5)
    canvas.shape(ellipse(at(0.5, y + 0.02), (0.022 * width, 0.018 * width)), (214, 214, 212))
    for side in (-1, 1):
        lamp = [
            at(0.5 + side * d, y + v)
            for d, v in ((0.235, 0.0), (0.42, -0.022), (0.455, 0.015), (0.40, 0.05), (0.25, 0.045))
        ]
        canvas.shape(smooth(lamp), (60, 56, 54))
        inner = [
            at(0.5 + side * d, y + v)
            for d, v in ((0.255, 0.006), (0.41, -0.010), (0.438, 0.015), (0.39, 0.038), (0.27, 0.036))
        ]
        canvas.shape(smooth(inner), (246, 244, 232))
        canvas.shape(ellipse(at(0.5 + side * 0.34, y + 0.015), (0.02 * width, 0.017 * width)), (200, 196, 184))
        canvas.shape(ellipse(at(0.5 + side * 0.40, 0.685), (0.035 * width, 0.018 * width)), (70, 70, 72))
        canvas.shape(ellipse(at(0.5 + side * 0.40, 0.685), (0.018 * width, 0.012 * width)), (220, 222, 220))
    canvas.shape(box(at(0.27, 0.715), at(0.73, 0.738), 8), (38, 36, 36))


def _plate(canvas: Canvas, middle: tuple[float, float], text: str, colour: PlateColour) -> None:
    plate = draw_plate(text, colour)
    width = PLATE_PX if colour is not PlateColour.GREEN else round(PLATE_PX * 480 / 440)
    height = round(width * plate.shape[0] / plate.shape[1])
    small = np.asarray(cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    left, top = round(middle[0] - width / 2), round(middle[1] - height / 2)
    canvas.shape(rounded(left - 5, top - 4, left + width + 5, top + height + 5, 6), (30, 30, 30))
    canvas.picture(small, (left, top))


def draw_small_car(paint: Colour, length_px: int, *, to_the_right: bool) -> Sprite:
    """A car from the side, far away, anchored on the ground at its middle."""
    height = round(length_px * 0.44)
    canvas = Canvas(length_px + 20, height + 14)

    def at(x: float, y: float) -> tuple[float, float]:
        return 10 + (x if to_the_right else 1 - x) * length_px, 6 + y * length_px

    canvas.shape(ellipse(at(0.5, 0.395), (0.5 * length_px, 0.035 * length_px)), (30, 28, 26), soft=3, opacity=0.6)
    body = [
        at(0.0, 0.33),
        at(0.02, 0.20),
        at(0.20, 0.16),
        at(0.34, 0.03),
        at(0.66, 0.03),
        at(0.80, 0.17),
        at(0.98, 0.21),
        at(1.0, 0.34),
    ]
    canvas.shape(smooth(body, 8), paint)
    canvas.shape(smooth([at(0.26, 0.155), at(0.37, 0.06), at(0.50, 0.06), at(0.50, 0.155)], 4), (90, 78, 66))
    canvas.shape(smooth([at(0.53, 0.155), at(0.53, 0.06), at(0.64, 0.06), at(0.75, 0.155)], 4), (90, 78, 66))
    canvas.shape(
        floats([at(0, 0.29), at(1, 0.29), at(1, 0.345), at(0, 0.345)]),
        shade(paint, 0.7),
        on_drawn=True,
        opacity=0.6,
    )
    for wheel in (0.2, 0.8):
        canvas.shape(ellipse(at(wheel, 0.335), (0.082 * length_px, 0.082 * length_px)), (30, 30, 32))
        canvas.shape(ellipse(at(wheel, 0.335), (0.045 * length_px, 0.045 * length_px)), (150, 150, 150))
    return canvas.to_sprite((10 + length_px / 2, 6 + 0.4 * length_px))
