"""A plate as it leaves the press, on whatever it is screwed to: no camera yet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.training.plates.glyphs import DIGITS, Typeface, Typefaces
from models.training.plates.kinds import Cell, Colour, Kind, Layout
from models.types import Float, Image

DRAWN_WIDTH = 220
"""Pixels a plate is drawn wide, whatever its size: more than most cameras see of it."""
PAD = 34
"""Pixels of car around a drawn plate."""
_HSV: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "blue": ((102, 118), (170, 255), (110, 215)),
    "yellow": ((18, 27), (170, 255), (170, 250)),
    "green": ((52, 78), (70, 200), (150, 235)),
    "white": ((0, 179), (0, 14), (200, 250)),
    "black": ((0, 179), (0, 60), (12, 55)),
}
_LATIN_STRETCH, _CHINESE_STRETCH = 0.015, 0.035
"""How far parts of a character move, as a share of its size: there are few Chinese typefaces, and radicals vary."""
_DRAWN_SHARE = 0.5
"""Share of plates lettered with drawn lines; the rest uses font files."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """bgr: uint8 (h, w, 3); quad: float32 (4, 2), the plate's corners in it, clockwise from top left."""

    bgr: Image
    quad: Float


def paint(kind: Kind, text: str, bank: Typefaces, rng: np.random.Generator) -> Drawing:
    """The plate ``text`` of ``kind`` amid a bit of car."""
    layout = kind.layout(text)
    scale = DRAWN_WIDTH / layout.width
    height = round(layout.height * scale)
    ground = _ground(kind.colour, DRAWN_WIDTH, height, rng)
    mask, red = _lettering(kind, text, layout=layout, bank=bank, height=height, rng=rng)
    ink = _ink(kind.colour, rng)
    _frame_line(mask, scale, rng)
    plate = _inked(ground, ink, _pressed(mask, rng))
    if red.any():
        red_cover = _pressed(red, rng)
        plate = _inked(plate, _red(rng), red_cover)
    _bolts(plate, scale, rng)
    car = _car(height, rng)
    car[PAD : PAD + height, PAD : PAD + DRAWN_WIDTH] = np.clip(plate, 0, 255).astype(np.uint8)
    left, top, right, bottom = PAD, PAD, PAD + DRAWN_WIDTH, PAD + height
    return Drawing(car, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32))


def _bgr(hsv: tuple[int, int, int]) -> Float:
    return np.asarray(cv2.cvtColor(np.array([[hsv]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0], np.float32)


def _tone(name: str, rng: np.random.Generator) -> Float:
    hue, saturation, value = (int(rng.integers(low, high + 1)) for low, high in _HSV[name])
    return _bgr((hue, saturation, value))


def _ground(colour: Colour, width: int, height: int, rng: np.random.Generator) -> Float:
    if colour in ("green", "yellow_green"):
        green = _tone("green", rng)
        if colour == "yellow_green":
            plain = np.broadcast_to(green, (height, width, 3)).copy()
            border = round(width * rng.uniform(0.26, 0.32))
            plain[:, :border] = _tone("yellow", rng)
            return plain
        share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** np.float32(rng.uniform(0.6, 1.5))
        white = np.float32(rng.uniform(215, 250))
        return np.broadcast_to(white + (green - white) * share, (height, width, 3)).copy()
    return np.broadcast_to(_tone(colour, rng), (height, width, 3)).copy()


def _ink(colour: Colour, rng: np.random.Generator) -> Float:
    if colour in ("blue", "black"):
        return rng.uniform(195, 255) + rng.uniform(-12, 12, 3).astype(np.float32)
    return np.asarray(rng.uniform(5, 55) + rng.uniform(-5, 5, 3), np.float32)


def _inked(plate: Float, ink: Float, cover: Float) -> Float:
    return np.asarray(plate + (ink - plate) * (cover[..., None] * np.float32(1 / 255)), np.float32)


def _red(rng: np.random.Generator) -> Float:
    return _bgr((int(rng.integers(172, 186)) % 180, int(rng.integers(170, 250)), int(rng.integers(140, 225))))


def _faces(bank: Typefaces, rng: np.random.Generator) -> tuple[Typeface, Typeface]:
    latin = bank.drawn if rng.random() < _DRAWN_SHARE else bank.printed
    return latin[int(rng.integers(len(latin)))], bank.chinese[int(rng.integers(len(bank.chinese)))]


def _lettering(
    kind: Kind, text: str, *, layout: Layout, bank: Typefaces, height: int, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Coverage of the ordinary ink and of red ink, uint8 (h, w) each."""
    latin, chinese = _faces(bank, rng)
    scale = DRAWN_WIDTH / layout.width
    mask, red = np.zeros((height, DRAWN_WIDTH), np.uint8), np.zeros((height, DRAWN_WIDTH), np.uint8)
    red_places = {place % len(text) for place in kind.red if rng.random() < 0.8}
    stray = rng.normal(0, layout.stray_mm, (len(text), 4))
    slide = rng.normal(0, layout.stray_mm * 1.5, 2)
    grow = float(rng.normal(1, 0.02))
    for place, (character, cell) in enumerate(zip(text, layout.cells, strict=True)):
        typeface = latin if ord(character) < 128 else chinese
        target = red if place in red_places and character not in DIGITS else mask
        where = Cell(
            cell.left + stray[place, 0] * 0.6 + slide[0],
            cell.top + stray[place, 1] * 0.6 + slide[1],
            cell.width * grow + stray[place, 2],
            cell.height * grow + stray[place, 3],
        )
        stretch = _LATIN_STRETCH if typeface is latin else _CHINESE_STRETCH
        _stamp(target, _restyled(typeface.masks[character], stretch, rng), where, scale)
    if rng.random() < 0.9:
        for x, y in layout.dots:
            radius = rng.uniform(4, 6.5) * scale
            centre = (round((x + slide[0]) * scale * 8), round((y + slide[1]) * scale * 8))
            cv2.circle(mask, centre, round(radius * 8), 255, -1, cv2.LINE_AA, 3)
    return mask, red


def _restyled(glyph: Image, stretch: float, rng: np.random.Generator) -> Image:
    """The glyph with its parts wider, narrower, higher or lower: what differs between typefaces of one style."""
    height, width = glyph.shape
    columns = _bent(width, stretch, rng)
    rows = _bent(height, stretch, rng)
    drawn = cv2.remap(glyph, np.tile(columns, (height, 1)), np.repeat(rows[:, None], width, axis=1), cv2.INTER_LINEAR)
    return np.asarray(drawn, np.uint8)


def _bent(length: int, stretch: float, rng: np.random.Generator) -> Float:
    """Where each of ``length`` pixels is taken from: a rising line with three bends."""
    knots = np.linspace(0, 1, 5)
    moved = knots + np.concatenate([[0.0], rng.normal(0, stretch, 3), [0.0]])
    source = np.interp(np.linspace(0, 1, length), knots, np.maximum.accumulate(moved.clip(0, 1)))
    return np.asarray(source * (length - 1), np.float32)


def _stamp(target: Image, glyph: Image, cell: Cell, scale: float) -> None:
    """Put ``glyph`` into ``target``, to a fraction of a pixel, where it does not run over the edge."""
    matrix = np.array(
        [
            [cell.width * scale / glyph.shape[1], 0, 0],
            [0, cell.height * scale / glyph.shape[0], 0],
        ],
        np.float32,
    )
    x, y = max(cell.left * scale, 0.0), max(cell.top * scale, 0.0)
    left, top = int(x), int(y)
    matrix[0, 2], matrix[1, 2] = x - left, y - top
    width = min(int(cell.width * scale) + 2, target.shape[1] - left)
    height = min(int(cell.height * scale) + 2, target.shape[0] - top)
    if width < 2 or height < 2:
        return
    smaller = cv2.GaussianBlur(glyph, (3, 3), 0) if matrix[0, 0] < 0.7 else glyph
    drawn = cv2.warpAffine(smaller, matrix, (width, height), flags=cv2.INTER_LINEAR)
    region = target[top : top + height, left : left + width]
    np.maximum(region, drawn, out=region)


def _frame_line(mask: Image, scale: float, rng: np.random.Generator) -> None:
    """The line around the text that most plates have."""
    if rng.random() < 0.2:
        return
    inset = rng.uniform(3, 8) * scale
    height, width = mask.shape
    corners = np.array([[inset, inset], [width - 1 - inset, height - 1 - inset]]) * 8
    thickness = max(1, round(rng.uniform(2, 4) * scale))
    first, last = (tuple(round(v) for v in corner) for corner in corners)
    cv2.rectangle(mask, first, last, int(rng.integers(120, 256)), thickness, cv2.LINE_AA, 3)


def _pressed(mask: Image, rng: np.random.Generator) -> Float:
    """Strokes thicker or thinner than drawn: soften, then cut at another height."""
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 1.1))).astype(np.float32)
    cut, steep = float(rng.uniform(70, 170)), float(rng.uniform(1.4, 3.0))
    return np.asarray(np.clip((soft - cut) * steep + 128, 0, 255), np.float32)


def _bolts(plate: Float, scale: float, rng: np.random.Generator) -> None:
    """Screws near the upper and lower edge, bright, dark or of the plate's colour."""
    if rng.random() < 0.25:
        return
    height, width = plate.shape[:2]
    offset = rng.uniform(0.16, 0.32) * width
    edge = rng.uniform(7, 16) * scale
    rows = [edge, height - edge] if rng.random() < 0.5 else [edge]
    shade = rng.uniform(20, 250) + rng.uniform(-20, 20, 3)
    radius = rng.uniform(4, 8) * scale
    for y in rows:
        for x in (offset, width - offset):
            if rng.random() < 0.85:
                centre = (round(x * 8), round((y + rng.normal(0, scale)) * 8))
                cv2.circle(plate, centre, round(radius * 8), tuple(float(v) for v in shade), -1, cv2.LINE_AA, 3)
                dark = tuple(float(v) for v in shade * 0.6)
                cv2.circle(plate, centre, max(1, round(radius * 4)), dark, 1, cv2.LINE_AA, 3)


def _car(height: int, rng: np.random.Generator) -> Image:
    """What is around the plate: paint, shade and edges, sometimes a holder."""
    width, high = DRAWN_WIDTH + 2 * PAD, height + 2 * PAD
    corners = rng.uniform(10, 230, (2, 2, 1)) + rng.uniform(-30, 30, (2, 2, 3))
    small = cv2.resize(np.clip(corners, 0, 255).astype(np.uint8), (width // 4, high // 4))
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(-5, width // 4)), int(rng.integers(-5, high // 4))
        w, h = int(rng.integers(3, width // 4)), int(rng.integers(1, high // 8))
        shade = tuple(float(v) for v in rng.uniform(0, 255) + rng.uniform(-20, 20, 3))
        cv2.rectangle(small, (x, y), (x + w, y + h), shade, -1)
    car = cv2.resize(small, (width, high))
    if rng.random() < 0.4:
        rim = int(rng.integers(2, 10))
        shade = tuple(float(v) for v in rng.uniform(5, 230) + rng.uniform(-10, 10, 3))
        cv2.rectangle(car, (PAD - rim, PAD - rim), (PAD + DRAWN_WIDTH + rim, PAD + height + rim), shade, -1)
    return np.asarray(car, np.uint8)
