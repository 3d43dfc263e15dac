"""Fronts and backs of vehicles, drawn with everything about them left to chance but where the plate goes.

Not portraits of any make: what matters is what surrounds a plate on real ones. A bumper or a boot lid with its edges
and shadows, lamps, a grille of bright bars, letters of a badge, a windscreen that mirrors something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from models.training.plate_detector.chance import any_of
from models.training.plate_detector.lettering import words
from models.training.plate_detector.sheet import Colour, Points, Sheet, box, oval, points, shade
from models.types import Image

WIDTH = 1000
PLATE_SHARE = (0.215, 0.28)
"""A one-row plate's width in vehicle widths: 440 mm of 1.6 to 2.0 m."""
PAINTS: tuple[Colour, ...] = (
    (236, 236, 234), (240, 242, 244), (46, 44, 42), (30, 28, 28), (150, 148, 146), (190, 188, 186), (96, 94, 92),
    (150, 74, 30), (110, 50, 24), (46, 42, 168), (30, 26, 120), (96, 110, 64), (188, 206, 214), (176, 128, 62),
    (60, 130, 210), (40, 190, 240), (90, 150, 60), (140, 100, 130), (84, 104, 124), (60, 80, 100),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vehicle:
    """picture: uint8 (h, WIDTH, 4), BGR and coverage; plate: where the plate goes (left, top, right, bottom), pixels;

    rows: how many rows the plate there has; lamps: middles of what shines at night, pixels.
    """

    picture: Image
    plate: tuple[float, float, float, float]
    rows: int
    lamps: tuple[tuple[float, float], ...]


def draw_vehicle(random: np.random.Generator, mirrored: Image | None = None) -> Vehicle:
    """Any vehicle; ``mirrored`` (BGR): what its glass and paint mirror."""
    kinds: tuple[Callable[[np.random.Generator, Image | None], Vehicle], ...]
    kinds = (_car_front, _car_back, _lorry_front, _lorry_back, _motorcycle)
    kind = kinds[random.choice(len(kinds), p=(0.4, 0.24, 0.14, 0.14, 0.08))]
    return kind(random, mirrored)


def _plate_box(random: np.random.Generator, x: float, y: float, rows: int) -> tuple[float, float, float, float]:
    wide = random.uniform(*PLATE_SHARE) * WIDTH
    high = wide * (140 / 440 if rows == 1 else 220 / 440)
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _paint(random: np.random.Generator) -> Colour:
    return shade(any_of(random, PAINTS), random.uniform(0.75, 1.1))


def _light_and_dirt(sheet: Sheet, random: np.random.Generator, mirrored: Image | None) -> None:
    """Light from above, a mirrored place, and dirt that grows downwards."""
    down = np.linspace(random.uniform(1.0, 1.25), random.uniform(0.45, 0.9), sheet.height, dtype=np.float32)
    sheet.bgr *= down[:, None, None]
    if mirrored is not None and random.random() < 0.7:
        place = cv2.GaussianBlur(mirrored, (0, 0), random.uniform(3, 14))
        place = cv2.resize(place, (sheet.width, sheet.height))
        cover = np.full((sheet.height, sheet.width), random.uniform(0.05, 0.22), np.float32)
        sheet.lay(cover, np.asarray(place, np.float32), on_drawn=True)
    grain = random.normal(0, random.uniform(0.5, 7), (sheet.height // 4, sheet.width // 4, 1)).astype(np.float32)
    sheet.bgr += cv2.resize(grain, (sheet.width, sheet.height))[..., None]
    if random.random() < 0.35:
        spots = random.random((sheet.height // 12, sheet.width // 12)).astype(np.float32)
        dirt = np.clip(cv2.resize(spots, (sheet.width, sheet.height), interpolation=cv2.INTER_CUBIC) - 0.55, 0, 1)
        dirt *= np.linspace(0, random.uniform(0.5, 2), sheet.height, dtype=np.float32)[:, None]
        sheet.lay(dirt, np.array((90, 110, 130), np.float32), on_drawn=True)


def _glass(sheet: Sheet, outline: Points, random: np.random.Generator, mirrored: Image | None) -> None:
    sheet.fill(outline, shade((80, 72, 62), random.uniform(0.3, 1.3)))
    cover = sheet.mask(outline, 1)
    if mirrored is not None:
        place = cv2.resize(mirrored, (sheet.width, sheet.height)).astype(np.float32)
        sheet.lay(cover * random.uniform(0.1, 0.55), place)
    left, top = outline.min(0)
    right, bottom = outline.max(0)
    for seat in (0.3, 0.7) if random.random() < 0.7 else ():
        head = oval(left + (right - left) * seat, bottom - (bottom - top) * 0.35, 45, 70)
        sheet.lay(sheet.mask(head, 6) * cover * 0.7, np.array((40, 36, 34), np.float32))
    for _ in range(random.integers(0, 4)):  # stickers behind the glass
        x, y = random.uniform(left + 60, right - 90), random.uniform(top + 10, top + (bottom - top) * 0.5)
        sticker = box(x, y, x + random.uniform(20, 50), y + random.uniform(20, 40), 4)
        colour = ((90, 200, 80), (60, 60, 220), (230, 220, 210), (40, 200, 240))[random.integers(4)]
        sheet.fill(sticker, colour, opacity=0.9)


def _lamp(sheet: Sheet, middle: tuple[float, float], across: float, down: float, glow: Colour) -> None:
    x, y = middle
    sheet.fill(box(x - across, y - down, x + across, y + down, down * 0.8), (60, 56, 54))
    sheet.fill(box(x - across * 0.9, y - down * 0.8, x + across * 0.9, y + down * 0.8, down * 0.7), glow)
    for side in (-0.45, 0.4):
        bulb = min(across, down) * 0.55
        sheet.fill(oval(x + side * across, y, bulb, bulb), shade(glow, 0.72))
        sheet.fill(oval(x + side * across, y - bulb * 0.2, bulb * 0.5, bulb * 0.5), (250, 250, 248))


def _grille(sheet: Sheet, area: tuple[float, float, float, float], random: np.random.Generator) -> None:
    left, top, right, bottom = area
    sheet.fill(box(left, top, right, bottom, random.uniform(4, 30)), shade((40, 38, 36), random.uniform(0.4, 1.6)))
    bright = shade((205, 205, 203), random.uniform(0.35, 1.1))
    style, step, thick = random.integers(3), random.uniform(9, 30), random.uniform(2, 7)
    if style in (0, 2):
        for y in np.arange(top + step / 2, bottom, step):
            sheet.line(points((left + 6, y), (right - 6, y)), bright, thick)
    if style in (1, 2):
        for x in np.arange(left + step / 2, right, step):
            sheet.line(points((x, top + 4), (x, bottom - 4)), bright, thick)
    if random.random() < 0.5:
        sheet.line(box(left, top, right, bottom, 12), bright, random.uniform(3, 9), closed=True)
    if random.random() < 0.7:
        x, y, size = (left + right) / 2, (top + bottom) / 2, random.uniform(18, 36)
        sheet.fill(oval(x, y, size * random.uniform(1, 1.5), size), (215, 215, 213))
        sheet.line(oval(x, y, size * 0.6, size * 0.5), (90, 90, 92), 5, closed=True)


def _recess(sheet: Sheet, plate: tuple[float, float, float, float], random: np.random.Generator) -> None:
    """What a plate hangs on: nothing, a frame, a dark or a painted hollow with a shadow under its upper edge."""
    left, top, right, bottom = plate
    style = random.integers(4)
    if style == 1:
        pad = random.uniform(4, 12)
        sheet.fill(
            box(left - pad, top - pad, right + pad, bottom + pad, 6), shade((70, 70, 70), random.uniform(0.2, 3))
        )
    if style == 2:
        pad_x, pad_y = random.uniform(10, 130), random.uniform(8, 50)
        sheet.fill(box(left - pad_x, top - pad_y, right + pad_x, bottom + pad_y, 18), (34, 33, 32), soft=2)
    if style == 3:
        pad_x, pad_y = random.uniform(10, 110), random.uniform(10, 50)
        hollow = box(left - pad_x, top - pad_y, right + pad_x, bottom + pad_y, 20)
        sheet.fill(hollow, (0, 0, 0), soft=4, opacity=random.uniform(0.15, 0.5))
        sheet.fill(box(left - pad_x, top - pad_y, right + pad_x, top, 10), (0, 0, 0), soft=8, opacity=0.5)


def _car_front(random: np.random.Generator, mirrored: Image | None) -> Vehicle:
    sheet, paint = Sheet(WIDTH, 800), _paint(random)
    waist, floor = random.uniform(300, 380), random.uniform(690, 760)
    sheet.fill(oval(500, floor + 6, 520, 32), (20, 20, 20), soft=14, opacity=0.7)
    for x in (60.0, 800.0):
        sheet.fill(box(x, floor - 190, x + 140, floor + 8, 22), (26, 26, 28))
    roof, inset = random.uniform(20, 110), random.uniform(160, 270)
    cabin = points((40, waist + 20), (inset - 40, roof + 10), (inset, roof - 10))
    cabin = np.concatenate([cabin, np.stack([1000 - cabin[::-1, 0], cabin[::-1, 1]], 1)])
    sheet.fill(cabin, shade(paint, 0.9), soft=1)
    for side in (-1, 1):
        sheet.fill(oval(500 + side * 478, waist - 10, 44, 30), shade(paint, 0.8))
    glass = points((105, waist - 5), (inset, roof + 26), (1000 - inset, roof + 26), (895, waist - 5))
    _glass(sheet, glass, random, mirrored)
    body = points((160, waist), (30, waist + 70), (14, floor - 150), (40, floor - 20), (150, floor), (850, floor))
    body = np.concatenate([body, points((960, floor - 20), (986, floor - 150), (970, waist + 70), (840, waist))])
    sheet.fill(body, paint, soft=1)
    bonnet = points((230, waist + 6), (770, waist + 6), (800, waist + 90), (200, waist + 90))
    sheet.fill(bonnet, (255, 255, 255), soft=16, opacity=random.uniform(0, 0.3), on_drawn=True)
    lamp_y, across, down = waist + random.uniform(100, 150), random.uniform(70, 125), random.uniform(16, 46)
    glow = shade((246, 244, 236), random.uniform(0.5, 1.05))
    lamps = tuple((500 + side * random.uniform(330, 370), lamp_y) for side in (-1, 1))
    for lamp in lamps:
        _lamp(sheet, lamp, across, down, glow)
    grille_bottom = lamp_y + random.uniform(20, 90)
    if random.random() < 0.85:
        half = random.uniform(150, 245)
        _grille(sheet, (500 - half, lamp_y - random.uniform(20, 60), 500 + half, grille_bottom), random)
    if random.random() < 0.75:
        half = random.uniform(190, 330)
        _grille(
            sheet, (500 - half, floor - random.uniform(90, 110), 500 + half, floor - random.uniform(20, 60)), random
        )
    for side in (-1, 1):
        sheet.fill(oval(500 + side * 400, floor - random.uniform(70, 120), 36, 18), (210, 212, 210))
    middle = 500 if random.random() < 0.93 else 500 + random.uniform(-230, 230)
    plate = _plate_box(random, middle, random.uniform(lamp_y + 60, floor - 50), 1)
    _recess(sheet, plate, random)
    _light_and_dirt(sheet, random, mirrored)
    return Vehicle(sheet.picture(), plate, 1, lamps)


def _car_back(random: np.random.Generator, mirrored: Image | None) -> Vehicle:
    sheet, paint = Sheet(WIDTH, 800), _paint(random)
    waist, floor, roof = random.uniform(240, 350), random.uniform(680, 750), random.uniform(20, 90)
    sheet.fill(oval(500, floor + 6, 520, 32), (20, 20, 20), soft=14, opacity=0.7)
    for x in (60.0, 800.0):
        sheet.fill(box(x, floor - 160, x + 140, floor + 10, 22), (26, 26, 28))
    inset = random.uniform(110, 240)
    sheet.fill(
        points((50, waist + 30), (inset - 40, roof), (1040 - inset, roof), (950, waist + 30)), shade(paint, 0.92)
    )
    _glass(sheet, points((120, waist), (inset, roof + 26), (1000 - inset, roof + 26), (880, waist)), random, mirrored)
    sheet.fill(box(24, waist, 976, floor, 60), paint)
    lid = waist + random.uniform(150, 240)
    sheet.line(box(140, waist + 10, 860, lid, 30), shade(paint, 0.5), 3, closed=True)
    sheet.line(points((30, lid + 20), (970, lid + 20)), shade(paint, 0.55), 4)
    lamp_y, down = waist + random.uniform(60, 120), random.uniform(25, 70)
    glow = shade((44, 38, 190), random.uniform(0.6, 1.25))
    lamps = tuple((500 + side * random.uniform(360, 400), lamp_y) for side in (-1, 1))
    for lamp in lamps:
        _lamp(sheet, lamp, random.uniform(60, 120), down, glow)
    if random.random() < 0.3:
        sheet.fill(box(120, lamp_y - 12, 880, lamp_y + 12, 8), glow)
    for _ in range(random.integers(1, 5)):
        cover = words(random, round(random.uniform(14, 44)), chinese=random.random() < 0.4)
        at = random.uniform(120, 720), random.uniform(waist + 8, lid - 20)
        sheet.stamp(cover, *at, shade((220, 220, 218), random.uniform(0.3, 1.1)))
    sheet.fill(oval(500, waist + 45, 30, 24), (215, 215, 213))
    for side in (-1, 1):
        sheet.fill(box(500 + side * 380 - 50, floor - 74, 500 + side * 380 + 50, floor - 56, 6), (40, 36, 190))
    low = random.random() < 0.35
    y = random.uniform(lid + 50, max(lid + 50, floor - 60)) if low else random.uniform(lamp_y, lid - 20)
    plate = _plate_box(random, 500, y, 1)
    _recess(sheet, plate, random)
    sheet.line(points((plate[0] - 20, plate[1] - 14), (plate[2] + 20, plate[1] - 14)), (208, 208, 206), 8)
    _light_and_dirt(sheet, random, mirrored)
    return Vehicle(sheet.picture(), plate, 1, lamps)


def _lorry_front(random: np.random.Generator, mirrored: Image | None) -> Vehicle:
    """A lorry's or a bus's front: flat, a sign over a large windscreen, a bumper with lamps in it."""
    sheet, paint = Sheet(WIDTH, 1150), _paint(random)
    sheet.fill(oval(500, 1110, 520, 30), (20, 20, 20), soft=14, opacity=0.7)
    sheet.fill(box(30, 20, 970, 1090, 50), paint)
    sheet.fill(box(150, 60, 850, 140, 10), (34, 32, 30))
    lit = ((60, 180, 250), (90, 90, 250), (240, 240, 240))[random.integers(3)]
    sheet.stamp(words(random, 60, chinese=True), 260, 70, lit)
    _glass(sheet, box(80, 170, 920, random.uniform(480, 620), 30), random, mirrored)
    for _ in range(random.integers(1, 4)):
        cover = words(random, round(random.uniform(30, 70)), chinese=random.random() < 0.6)
        sheet.stamp(cover, random.uniform(120, 600), random.uniform(640, 740), shade(paint, random.uniform(0.2, 0.7)))
    bumper = random.uniform(840, 900)
    _grille(sheet, (200, bumper - 130, 800, bumper - 20), random)
    sheet.fill(box(20, bumper, 980, 1085, 30), shade(paint, random.uniform(0.3, 1.0)))
    lamps = tuple((500 + side * 380.0, bumper + random.uniform(50, 120)) for side in (-1, 1))
    for lamp in lamps:
        _lamp(sheet, lamp, 80, random.uniform(30, 50), (246, 244, 236))
    rows = 1 if random.random() < 0.75 else 2
    plate = _plate_box(random, 500, random.uniform(bumper + 60, 1020), rows)
    _recess(sheet, plate, random)
    _light_and_dirt(sheet, random, mirrored)
    return Vehicle(sheet.picture(), plate, rows, lamps)


def _lorry_back(random: np.random.Generator, mirrored: Image | None) -> Vehicle:
    """A lorry's back: doors or boards, the number painted large on them, red and white strips, lamps, two rows."""
    sheet, paint = Sheet(WIDTH, 1100), _paint(random)
    sheet.fill(oval(500, 1070, 520, 30), (20, 20, 20), soft=14, opacity=0.7)
    for x in (70.0, 770.0):
        sheet.fill(box(x, 880, x + 160, 1070, 26), (26, 26, 28))
    sheet.fill(box(20, 20, 980, 880, 10), paint)
    for x in np.linspace(40, 960, random.integers(3, 9)):
        sheet.line(points((x, 24), (x, 876)), shade(paint, 0.6), random.uniform(3, 12))
    if random.random() < 0.7:
        size = round(random.uniform(90, 190))
        cover = words(random, size, chinese=False, plate_like=True)
        at = max(20.0, 500 - cover.shape[1] / 2), random.uniform(120, 480)
        sheet.stamp(cover, *at, ((240, 240, 240), (40, 180, 240), (30, 30, 30))[random.integers(3)])
    strip = random.uniform(780, 850)
    for index, x in enumerate(range(40, 960, 60)):
        sheet.fill(box(x, strip, x + 58, strip + 26), (236, 236, 240) if index % 2 else (40, 36, 200))
    sheet.fill(box(20, 880, 980, 990, 6), (44, 42, 40))
    lamps = tuple((500 + side * 390.0, 930.0) for side in (-1, 1))
    for lamp in lamps:
        _lamp(sheet, lamp, 76, 28, (44, 38, 190))
    rows = 2 if random.random() < 0.75 else 1
    plate = _plate_box(random, 500 + random.uniform(-200, 200), random.uniform(900, 990), rows)
    _recess(sheet, plate, random)
    _light_and_dirt(sheet, random, mirrored)
    return Vehicle(sheet.picture(), plate, rows, lamps)


def _motorcycle(random: np.random.Generator, mirrored: Image | None) -> Vehicle:
    sheet, paint = Sheet(WIDTH, 1100), _paint(random)
    sheet.fill(box(400, 620, 600, 1080, 90), (28, 28, 30))
    sheet.fill(points((250, 330), (750, 330), (690, 640), (310, 640)), paint, soft=2)
    sheet.fill(box(330, 180, 670, 350, 80), (36, 34, 34))
    sheet.line(points((60, 250), (400, 300), (600, 300), (940, 250)), (60, 60, 62), 26)
    lamps = ((500.0, 400.0),)
    _lamp(sheet, lamps[0], random.uniform(80, 150), random.uniform(30, 60), (44, 38, 190))
    sheet.fill(box(360, 500, 640, 900, 20), (30, 30, 32))
    rows = 2 if random.random() < 0.7 else 1
    plate = _plate_box(random, 500 + random.uniform(-20, 20), random.uniform(600, 720), rows)
    _light_and_dirt(sheet, random, mirrored)
    return Vehicle(sheet.picture(), plate, rows, lamps)
